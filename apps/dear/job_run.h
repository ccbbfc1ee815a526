#ifndef DEAR_APPS_DEAR_JOB_RUN_H_
#define DEAR_APPS_DEAR_JOB_RUN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/job_source.h"
#include "invocation_file.h"
#include "job_report.h"
#include "progress_bar.h"
#include "rank/reranker.h"
#include "rank_output.h"
#include "rerank_options.h"
#include "rerankers.h"
#include "result_file.h"

namespace dear::app {

// The ranking of many queries, as they come from a source and go to a file or to the screen. What
// the constructor takes must outlive it.
class JobRun {
 public:
  // Opens the outputs. Throws what ResultFile and InvocationFile throw.
  JobRun(const RerankOptions& options, bool quiet, Rerankers& rerankers,
         const JobsOutline& outline);

  // Returns how many queries failed, those of a run that is carried on included. Throws kCancelled,
  // and kIo where the output cannot be written.
  size_t Rank(JobSource& jobs);

 private:
  std::set<ResultMaker> Makers();
  JobSettings Settings(const std::set<ResultMaker>& makers) const;
  // Whether the batch may take one more query, of that many passages.
  bool HasRoomFor(int64_t passages);
  void RankGathered();
  void Finish(const std::vector<Stage>& stages, const RankRequest& request, RankOutcome& outcome,
              double seconds);
  void Write(const RankedQuery& ranked);
  void ShowProgress();

  const RerankOptions& options_;
  bool quiet_;
  Rerankers& rerankers_;
  const JobsOutline& outline_;
  std::string format_;
  RecordLayout layout_;
  ProgressBar bar_;
  std::optional<ResultFile> file_;
  std::optional<InvocationFile> invocations_;
  std::vector<RankRequest> batch_;
  std::string adapter_;    // of the batch
  int64_t passages_ = 0;   // in it, that are ranked
  double batch_done_ = 0;  // the share of it that is ranked
  size_t done_ = 0;        // written, now or before
  size_t failed_ = 0;
  JobReport report_;
  double load_seconds_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_JOB_RUN_H_
