#include "job_run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "interrupt.h"
#include "rank_output.h"
#include "standard_output.h"
#include "terminal.h"

namespace dear::app {
namespace {

constexpr size_t kQueriesInBatch = 8;
constexpr size_t kPassagesInBatch = 1000;

double Since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

JobsOutline ReadOutline(JobSource& jobs, const std::string& name) {
  JobsOutline outline;
  while (const auto job = jobs.Next()) {
    outline.adapters.insert(job->adapter);
    if (Interrupted()) throw Error(ErrorCode::kCancelled, name, "stopped");
  }
  outline.queries = jobs.count();
  if (outline.queries == 0) throw Error(ErrorCode::kInvalidArgument, name, "holds no queries");
  return outline;
}

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
    file_.emplace(options.out, layout_, options.OnExisting(), Settings());
    failed_ = file_->failed();
  }
  if (!options.invocations.empty()) {
    invocations_.emplace(options.invocations, options.OnExisting(),
                         file_ ? file_->finished() : std::set<std::string>());
  }
}

// What was given, and what was found without a flag.
JobSettings JobRun::Settings() {
  JobSettings settings = options_.given;
  settings["model"] = options_.model.model;
  settings["format"] = format_;
  std::set<std::string> recipes;
  for (const std::string& adapter : outline_.adapters)
    recipes.insert(MakerOf(rerankers_.StagesFor(adapter), options_.rank).recipe);
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
    if (!batch_.empty() && job->adapter != adapter_) RankGathered();
    adapter_ = job->adapter;
    passages_ += job->request.passages.size();
    batch_.push_back(std::move(job->request));
    if (batch_.size() >= BatchSize() || passages_ >= kPassagesInBatch) RankGathered();
  }
  if (!batch_.empty()) RankGathered();
  if (invocations_) invocations_->Sync();
  if (file_) file_->Sync();
  bar_.Clear();
  return failed_;
}

// Listwise windows of several queries share calls of the model; any other recipe gains nothing
// from company, and alone each query is on disk the sooner. Reasoning is streamed of one only.
size_t JobRun::BatchSize() {
  if (options_.rank.reasoning && !quiet_) return 1;
  const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
  const bool listwise = std::ranges::any_of(stages, [](const Stage& stage) {
    return stage.reranker->recipe().kind == RecipeKind::kListwise;
  });
  return listwise ? kQueriesInBatch : 1;
}

void JobRun::RankGathered() {
  ShowProgress();
  if (Interrupted()) throw Error(ErrorCode::kCancelled, "rerank", "stopped");
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Stage> stages = rerankers_.StagesFor(adapter_);
  std::vector<RankOutcome> outcomes = RankBatch(options_, quiet_, stages, batch_, false);
  const double seconds = Since(begin) / static_cast<double>(batch_.size());
  for (size_t i = 0; i < batch_.size(); ++i) Finish(stages, batch_[i], outcomes[i], seconds);
  batch_.clear();
  passages_ = 0;
}

void JobRun::Finish(const std::vector<Stage>& stages, const RankRequest& request,
                    RankOutcome& outcome, double seconds) {
  if (request.passages.empty() && !outcome.error)
    outcome.error = Error(ErrorCode::kInvalidArgument, "passages", "there are none to rank");
  if (outcome.error) {
    // The query keeps the order that it has, and the job goes on.
    ++failed_;
    bar_.Clear();
    Note(false, "dear: warning: query " + request.qid + ": " + outcome.error->what());
    outcome.result.scores.assign(request.passages.size(), std::numeric_limits<float>::quiet_NaN());
  }
  const ResultMaker maker = MakerOf(stages, options_.rank);
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
  ++ranked_;
  tokens_ += outcome.result.usage.prompt_tokens + outcome.result.usage.completion_tokens;
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
  if (ranked_ > 0) {
    const double seconds = std::max(Since(begin_), 1e-3);
    const double left =
        seconds / static_cast<double>(ranked_) * static_cast<double>(outline_.queries - done_);
    what += ", " + std::to_string(static_cast<int64_t>(static_cast<double>(tokens_) / seconds)) +
            " tokens/s, " +
            (left < 90 ? std::to_string(static_cast<int64_t>(left) + 1) + " s left"
                       : std::to_string(static_cast<int64_t>(left / 60) + 1) + " min left");
  }
  bar_.Show(what, static_cast<int64_t>(done_), static_cast<int64_t>(outline_.queries));
}

}  // namespace dear::app
