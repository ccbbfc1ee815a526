#include "job_run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/seconds_since.h"
#include "batch_limits.h"
#include "eval/columns.h"
#include "interrupt.h"
#include "rank_output.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {

JobRun::JobRun(const RerankOptions& options, bool quiet, Rerankers& rerankers,
               const JobsOutline& outline)
    : options_(options),
      quiet_(quiet),
      rerankers_(rerankers),
      outline_(outline),
      format_(options.ChosenFormat()),
      layout_(options.LayoutOf(format_)),
      bar_(quiet) {
  if (!options.out.empty()) {
    const std::set<ResultMaker> makers = Makers();
    file_.emplace(options.out, layout_, options.OnExisting(), Settings(makers), makers);
    failed_ = file_->failed();
    if (file_->of_unknown_settings()) {
      Note(quiet_, "dear: note: nothing says with which settings " + options.out +
                       " was made; it is carried on as one of this job");
    }
  }
  if (!options.invocations.empty()) {
    invocations_.emplace(options.invocations, options.OnExisting(),
                         file_ ? file_->finished() : std::set<std::string>());
  }
}

std::set<ResultMaker> JobRun::Makers() {
  std::set<ResultMaker> makers;
  for (const std::string& adapter : outline_.adapters) {
    const std::vector<Stage> stages = rerankers_.StagesFor(adapter);
    options_.rank.Options(stages);  // what is wrong with it is said before the output is made
    makers.insert(MakerOf(stages, options_));
  }
  return makers;
}

// What was given, and what was found without a flag.
JobSettings JobRun::Settings(const std::set<ResultMaker>& makers) const {
  JobSettings settings = options_.KnownSettings();
  settings["weights sha256"] = rerankers_.Fingerprints();
  settings[kRankedSetting] = RankedSetting(outline_);
  std::set<std::string> recipes;
  for (const ResultMaker& maker : makers) recipes.insert(maker.recipe);
  std::string& all = settings["recipe"] = "";
  for (const std::string& recipe : recipes) all += (all.empty() ? "" : ", ") + recipe;
  return settings;
}

size_t JobRun::Rank(JobSource& jobs) {
  load_seconds_ = rerankers_.load_seconds();
  while (auto job = jobs.Next()) {
    if (file_ && file_->finished().contains(job->request.qid)) {
      ++done_;
      continue;
    }
    auto passages = static_cast<int64_t>(job->request.passages.size());
    if (options_.rank.depth > 0) passages = std::min(passages, options_.rank.depth);
    if (!batch_.empty() && (job->adapter != adapter_ || !HasRoomFor(passages))) RankGathered();
    adapter_ = job->adapter;
    passages_ += passages;
    batch_.push_back(std::move(job->request));
    if (!HasRoomFor(1)) RankGathered();
  }
  if (!batch_.empty()) RankGathered();
  if (invocations_) invocations_->Sync();
  if (file_) file_->Sync();
  bar_.Clear();
  if (report_.queries() == 0 && done_ > 0) {
    Note(quiet_, "dear: nothing was left to do: " + options_.out + " holds all " +
                     std::to_string(done_) + " queries, " + std::to_string(failed_) + " failed");
    return failed_;
  }
  for (const std::string& line : report_.Lines(SecondsSince(begin_))) Note(quiet_, "dear: " + line);
  return failed_;
}

// Reasoning is streamed of one query only.
bool JobRun::HasRoomFor(int64_t passages) {
  const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
  if (Reasons(options_, stages) && !quiet_) return false;
  const BatchLimits limits = BatchLimits::Of(stages);
  return batch_.size() < limits.queries && passages_ + passages <= limits.passages;
}

void JobRun::RankGathered() {
  ShowProgress();
  if (Interrupted()) throw Error(ErrorCode::kCancelled, "rerank", "stopped");
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
  RankWatch watch{.progress = {}, .on_call = [&](const RankCall& call) { report_.Add(call); }};
  watch.progress = [&](std::string_view, int64_t done, int64_t total) {
    // Of one stage of several it is not known what is left of the others.
    if (stages.size() == 1 && total > 0)
      batch_done_ = static_cast<double>(done) / static_cast<double>(total);
    ShowProgress();
  };
  std::vector<RankOutcome> outcomes = RankBatch(options_, quiet_, stages, batch_, watch);
  batch_done_ = 0;
  const double seconds = SecondsSince(begin) / static_cast<double>(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) Finish(stages, batch_[i], outcomes[i], seconds);
  batch_.clear();
  passages_ = 0;
}

void JobRun::Finish(const std::vector<Stage>& stages, const RankRequest& request,
                    RankOutcome& outcome, double seconds) {
  if (!outcome.result.notes.empty() && !quiet_) {
    bar_.Clear();
    SayNotes(request, outcome.result, quiet_);
  }
  if (request.passages.empty() && !outcome.error)
    outcome.error = Error(ErrorCode::kInvalidArgument, "passages", "there are none to rank");
  if (outcome.error) {
    // The query keeps the order that it has, and the job goes on.
    ++failed_;
    bar_.Clear();
    Note(false, "dear: warning: query " + eval::Shown(request.qid) + ": " + outcome.error->what());
    if (file_) file_->NoteFailure(request.qid);
    outcome.result.scores.assign(request.passages.size(), std::numeric_limits<float>::quiet_NaN());
  }
  const ResultMaker maker = MakerOf(stages, options_);
  if (invocations_) invocations_->Append(InvocationsJson(request, outcome.result.trace, stages));
  Write({.request = request,
         .result = outcome.result,
         .model = maker.model,
         .recipe = maker.recipe,
         .error = outcome.error ? outcome.error->what() : "",
         .load_seconds = std::exchange(load_seconds_, 0),
         .total_seconds = seconds,
         .top = options_.top,
         .trace = options_.rank.trace});
  ++done_;
  report_.Add(outcome);
  SayWhenInterrupted(std::to_string(done_) + " of " + std::to_string(outline_.queries) +
                     " queries are " +
                     (file_ ? "written to " + options_.out + "; --resume carries on" : "done"));
}

void JobRun::Write(const RankedQuery& ranked) {
  const bool listed = layout_ == RecordLayout::kList;
  const std::string text = listed ? FormatListed(ranked, format_) : FormatRanked(ranked, format_);
  if (file_) {
    file_->Append(text);
    return;
  }
  const bool table = format_ == "table";
  if (table) Print(ranked.request.qid + ": " + OneLine(ranked.request.query, 100, true) + "\n");
  Print(text + (table ? "\n" : ""));
  FlushPrint();
}

void JobRun::ShowProgress() {
  std::string what = "queries";
  const double seconds = std::max(SecondsSince(begin_), 1e-3);
  const double ranked =
      static_cast<double>(report_.queries()) + batch_done_ * static_cast<double>(batch_.size());
  if (ranked > 0) {
    const auto all = static_cast<double>(outline_.queries - done_ + report_.queries());
    what += ", " + TimeLeft(seconds / ranked * (all - ranked)) + " left";
  }
  if (report_.tokens() > 0) {
    what += ", " +
            std::to_string(static_cast<int64_t>(static_cast<double>(report_.tokens()) / seconds)) +
            " tokens/s";
  }
  bar_.Show(what, static_cast<int64_t>(done_), static_cast<int64_t>(outline_.queries));
}

}  // namespace dear::app
