#ifndef DEAR_APPS_DEAR_LABEL_RUN_H_
#define DEAR_APPS_DEAR_LABEL_RUN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/label_prompt.h"
#include "api/label_record.h"
#include "api/label_rows.h"
#include "job_report.h"
#include "label_file.h"
#include "label_options.h"
#include "progress_bar.h"
#include "rank/reranker.h"
#include "rerankers.h"

namespace dear::app {

// What a labelling took and gave.
struct LabelReport {
  size_t before = 0;                      // rows that a run before this one went through
  size_t rows = 0;                        // gone through now
  size_t written = 0;                     // of these
  size_t repaired = 0;                    // of the written ones
  std::map<std::string, size_t> dropped;  // of `rows`, by reason
  size_t num_dropped() const;
  Usage usage;
  double seconds = 0;
  JobReport job;
};

// The labelling of rows, as they come and go to the output. What the constructor takes must outlive
// it.
class LabelRun {
 public:
  // Finds the form and opens the output. Throws kInvalidArgument where teacher and form do not fit,
  // and what LabelFile and LabelPrompts throw.
  LabelRun(const LabelOptions& options, bool quiet, Rerankers& rerankers,
           const JobSettings& settings, const LabelOutline& outline);

  LabelForm form() const { return form_; }
  const LabelPrompts* prompts() const { return prompts_ ? &*prompts_ : nullptr; }
  // Throws kCancelled, and kIo where the output cannot be written.
  LabelReport Label(LabelRows& rows);

 private:
  // A row that is with the teacher.
  struct Asked {
    LabelRow row;
    std::vector<int64_t> shown;
  };

  LabelForm ChooseForm() const;
  void OpenPrompts();
  JobSettings Settings(JobSettings settings) const;
  void Ask(LabelRow row);
  bool HasRoomFor(int64_t passages) const;
  void LabelGathered();
  // Why there is nothing to write, or empty.
  std::string Finish(const Asked& asked, RankOutcome& outcome, const RankRequest& request);
  std::optional<OrderedJson> Record(const Asked& asked, const RankRequest& request,
                                    const RankResult& result) const;
  void Drop(const std::string& reason);
  // A warning about a row; after a few of them they are only counted.
  void Warn(const std::string& what);
  void SayDone() const;
  void ShowProgress();

  const LabelOptions& options_;
  bool quiet_;
  Rerankers& rerankers_;
  const LabelOutline& outline_;
  std::vector<Stage> stages_;
  bool listwise_ = false;  // a stage of the teacher's is
  bool reasons_ = false;
  LabelForm form_;
  std::optional<LabelPrompts> prompts_;
  std::optional<LabelFile> file_;
  ProgressBar bar_;
  LabelRows* rows_ = nullptr;
  std::vector<Asked> asked_;
  std::vector<RankRequest> requests_;  // of each
  int64_t passages_ = 0;               // in them
  double batch_done_ = 0;              // the share of them that is ranked
  size_t warnings_ = 0;
  LabelReport report_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_LABEL_RUN_H_
