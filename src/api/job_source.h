#ifndef DEAR_API_JOB_SOURCE_H_
#define DEAR_API_JOB_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/progress.h"
#include "rank/reranker.h"

namespace dear {

// One query of many.
struct RankJob {
  RankRequest request;
  std::string adapter;  // by name; empty: the one that the whole run uses
};

// What is known of many queries before any of them is ranked.
struct JobsOutline {
  size_t queries = 0;
  std::set<std::string> adapters;  // every RankJob::adapter
  std::vector<std::string> notes;  // what a user should know: topics that are not ranked
  // Of all that is ranked, so that an output can be told to be of these queries and passages: of
  // the queries up to each, or one alone where only all of them can be told from others.
  std::vector<uint64_t> fingerprints;
  std::string id_with_blanks;  // the first id that no column of a TREC line can hold; empty: none
};

// Many queries with their passages, from files, one after another.
class JobSource {
 public:
  virtual ~JobSource() = default;

  // Goes through everything, so that a broken line is said before hours of work and not after.
  // Called once, before Next. Throws the errors of the files with file, line, query or document;
  // kInvalidArgument where there are no queries; kCancelled.
  virtual JobsOutline Check(const CancelFn& cancel) = 0;
  // The next query; nothing behind the last. Throws as Check does, where a file was changed since.
  virtual std::optional<RankJob> Next() = 0;
  // The file that lists the queries, for messages.
  virtual const std::string& name() const = 0;
};

}  // namespace dear

#endif  // DEAR_API_JOB_SOURCE_H_
