#ifndef DEAR_APPS_DEAR_EVAL_RERANK_H_
#define DEAR_APPS_DEAR_EVAL_RERANK_H_

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "eval/qrels.h"

namespace dear::app {

struct RerankForEval {
  std::string model;
  std::vector<std::string> queries;      // the flags that bring them: --jobs FILE, or --run RUN …
  std::optional<uint64_t> prefix_cache;  // in bytes; null: as dear rerank does
  std::string flags;                     // more flags of dear rerank, separated by blanks
  bool quiet = false;
};

// Runs `dear rerank` of this program on the queries and writes its JSON lines to `out`; goes on
// with what `out` holds already. A process of its own, so that the model's memory is gone before
// the next. Returns its exit code, 0 where queries failed too: where it is another, its own message
// is on standard error. Throws kIo where it cannot be started or was killed.
int RerankJobs(const RerankForEval& request, const std::filesystem::path& out);

// Queries of `out` that failed and keep the order in which they came.
size_t FailedQueries(const std::filesystem::path& out);

// Throws kInvalidArgument where none of the passages to be ranked is judged: before hours of work
// for another collection, and not after them. `queries`: as in RerankForEval.
void RequireJudgedPassages(const eval::Qrels& qrels, const std::vector<std::string>& queries);

// A folder that is removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_EVAL_RERANK_H_
