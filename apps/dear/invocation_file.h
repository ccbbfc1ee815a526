#ifndef DEAR_APPS_DEAR_INVOCATION_FILE_H_
#define DEAR_APPS_DEAR_INVOCATION_FILE_H_

#include <filesystem>
#include <set>
#include <span>
#include <string>

#include "base/json.h"
#include "rank/reranker.h"
#include "rank/stages.h"
#include "record_file.h"

namespace dear::app {

// RankLLM's invocation history of a query: every prompt that it took, what the model wrote, and
// their tokens. A prompt that was scored has an empty response. The regular expressions, by which
// RankLLM's analysis counts malformed answers, are those of the last listwise stage, else null.
OrderedJson InvocationsJson(const RankRequest& request, const RankTrace& trace,
                            std::span<const Stage> stages);

// Histories of many queries: a JSON list as RankLLM writes it, or one query a line where the name
// ends in .jsonl.
class InvocationFile {
 public:
  // Opens or makes the file. Of one that is carried on the histories of the queries in `finished`
  // are kept, which stand at its front. Throws kIo; kInvalidArgument where one of them is missing.
  InvocationFile(const std::filesystem::path& path, ExistingFile existing,
                 const std::set<std::string>& finished);

  // Before the query's result is written: a result on the disk has its history there too.
  void Append(const OrderedJson& history);
  void Sync() { records_.Sync(); }

 private:
  RecordFile records_;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_INVOCATION_FILE_H_
