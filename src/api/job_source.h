#ifndef DEAR_API_JOB_SOURCE_H_
#define DEAR_API_JOB_SOURCE_H_

#include <cstddef>
#include <optional>
#include <string>

#include "rank/reranker.h"

namespace dear {

// One query of many.
struct RankJob {
  RankRequest request;
  std::string adapter;  // by name; empty: the one that the whole run uses
};

// Where the queries of a job come from, one after another.
class JobSource {
 public:
  virtual ~JobSource() = default;

  // The next query; nothing behind the last. Query ids are unique. Throws kInvalidFormat that says
  // where something is wrong, kIo.
  virtual std::optional<RankJob> Next() = 0;
  // Queries given so far.
  virtual size_t count() const = 0;

 protected:
  JobSource() = default;
  JobSource(const JobSource&) = default;
  JobSource& operator=(const JobSource&) = default;
  JobSource(JobSource&&) = default;
  JobSource& operator=(JobSource&&) = default;
};

}  // namespace dear

#endif  // DEAR_API_JOB_SOURCE_H_
