#include "label_run.h"

#include <algorithm>
#include <span>
#include <utility>

#include "api/model_files.h"
#include "base/error.h"
#include "base/seconds_since.h"
#include "batch_limits.h"
#include "interrupt.h"
#include "standard_output.h"

namespace dear::app {
namespace {

constexpr size_t kWarnings = 5;

}  // namespace

size_t LabelReport::num_dropped() const {
  size_t sum = 0;
  for (const auto& [reason, count] : dropped) sum += count;
  return sum;
}

LabelRun::LabelRun(const LabelOptions& options, bool quiet, Rerankers& rerankers,
                   const JobSettings& settings, const LabelOutline& outline)
    : options_(options),
      quiet_(quiet),
      rerankers_(rerankers),
      outline_(outline),
      stages_(rerankers.StagesFor("")),
      listwise_(BatchLimits::AnyListwise(stages_)),
      reasons_(listwise_ && Reasons(options.rank, stages_)),
      form_(ChooseForm()),
      bar_(quiet) {
  options_.rank.rank.Options(stages_);  // what is wrong with it is said before the output is made
  if (form_ == LabelForm::kSft) OpenPrompts();
  file_.emplace(options_.rank.out, options_.rank.OnExisting(), Settings(settings));
}

LabelForm LabelRun::ChooseForm() const {
  // A later stage over the front of a list leaves places, not scores.
  const bool scores =
      !listwise_ && std::ranges::all_of(stages_, [](const Stage& s) { return s.depth == 0; });
  for (const LabelForm form : {LabelForm::kScores, LabelForm::kOrder, LabelForm::kSft}) {
    if (options_.form != LabelFormName(form)) continue;
    if (form == LabelForm::kScores && !scores) {
      throw Error(ErrorCode::kInvalidArgument, "--form scores",
                  "the teacher's recipe " + MakerOf(stages_, options_.rank).recipe +
                      " gives an order of the passages and no scores");
    }
    return form;
  }
  return scores ? LabelForm::kScores : LabelForm::kOrder;
}

void LabelRun::OpenPrompts() {
  if (reasons_ && (stages_.size() > 1 || !options_.rank.rank.fuse.empty())) {
    throw Error(ErrorCode::kInvalidArgument, "--form sft",
                "a teacher that reasons ranks alone: with --then and --fuse what it wrote is not "
                "of the order that is written behind it");
  }
  const std::string& name =
      options_.prompt_recipe.empty() ? kDefaultPromptRecipe : options_.prompt_recipe;
  const ModelFlags& model = options_.rank.model;
  prompts_.emplace(LoadRecipe(name), options_.prompt_tokenizer.empty()
                                         ? OpenTokenizer(model.model, model.base)
                                         : OpenTokenizer(options_.prompt_tokenizer));
  prompts_->RequireFit(stages_.back().reranker->recipe(), reasons_);
}

JobSettings LabelRun::Settings(JobSettings settings) const {
  settings["recipe"] = MakerOf(stages_, options_.rank).recipe;
  settings["weights sha256"] = rerankers_.Fingerprints();
  settings["form"] = LabelFormName(form_);
  if (prompts_) settings["prompt-recipe"] = prompts_->recipe().name;
  return settings;
}

LabelReport LabelRun::Label(LabelRows& rows) {
  rows_ = &rows;
  report_.before = file_->last_row();
  rows.Skip(report_.before);
  SayDone();
  while (std::optional<LabelRow> row = rows.Next()) Ask(*std::move(row));
  LabelGathered();
  file_->Sync();
  bar_.Clear();
  if (warnings_ > kWarnings)
    Note(quiet_, "dear: warning: " + std::to_string(warnings_ - kWarnings) + " more like these");
  report_.seconds = SecondsSince(begin_);
  return std::move(report_);
}

void LabelRun::Ask(LabelRow row) {
  if (!row.example) {
    Warn(rows_->Place(row) + ": " + row.dropped);
    Drop("not_a_ranking");
    return;
  }
  size_t count = row.example->passages.size();
  if (prompts_ && prompts_->max_passages() > 0)
    count = std::min(count, static_cast<size_t>(prompts_->max_passages()));
  if (!HasRoomFor(static_cast<int64_t>(count))) LabelGathered();
  Asked asked{.row = std::move(row), .shown = {}};
  asked.shown = ShownOrder(count, options_.shuffle, asked.row.number);
  requests_.push_back(LabelRequest(asked.row, asked.shown));
  passages_ += static_cast<int64_t>(count);
  asked_.push_back(std::move(asked));
}

bool LabelRun::HasRoomFor(int64_t passages) const {
  if (asked_.empty()) return true;
  const BatchLimits limits = BatchLimits::Of(stages_);
  return asked_.size() < limits.queries && passages_ + passages <= limits.passages;
}

void LabelRun::LabelGathered() {
  if (asked_.empty()) return;
  RankWatch watch{.progress = {}, .on_call = [&](const RankCall& call) {
                    report_.usage += call.usage;
                    report_.job.Add(call);
                  }};
  watch.progress = [&](std::string_view, int64_t done, int64_t total) {
    if (stages_.size() == 1 && total > 0)
      batch_done_ = static_cast<double>(done) / static_cast<double>(total);
    ShowProgress();
  };
  // Reasoning is not streamed, so that several rows share a call.
  std::vector<RankOutcome> outcomes =
      RankBatch(options_.rank, /*quiet=*/true, stages_, requests_, watch);
  batch_done_ = 0;
  for (size_t i = 0; i < asked_.size(); ++i) {
    const std::string dropped = Finish(asked_[i], outcomes[i], requests_[i]);
    report_.job.Add(outcomes[i]);
    if (!dropped.empty()) {
      Drop(dropped);
      continue;
    }
    ++report_.rows;
    ++report_.written;
    SayDone();
  }
  asked_.clear();
  requests_.clear();
  passages_ = 0;
  ShowProgress();
}

std::string LabelRun::Finish(const Asked& asked, RankOutcome& outcome, const RankRequest& request) {
  const RankResult& result = outcome.result;
  if (outcome.error) {
    Warn(rows_->Place(asked.row) + ": " + outcome.error->what());
    return "failed";
  }
  for (const std::string& note : result.notes) Warn(rows_->Place(asked.row) + ": " + note);
  const bool repaired = listwise_ && result.repair != Repair::kOk;
  if (repaired && !options_.keep_repaired) return std::string(RepairName(result.repair));
  if (prompts_ && reasons_ && result.windows > 1) return "several_windows";
  std::optional<OrderedJson> record;
  try {
    record = Record(asked, request, result);
  } catch (const Error& error) {
    // A query of which the prompt's recipe leaves nothing costs no other.
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    Warn(rows_->Place(asked.row) + ": " + error.what());
    return "failed";
  }
  if (!record) return "unreadable";
  const ResultMaker maker = MakerOf(stages_, options_.rank);
  OrderedJson& teacher = (*record)["teacher"] = {
      {"row", asked.row.number}, {"model", maker.model}, {"recipe", maker.recipe}};
  if (repaired) teacher["repair"] = RepairName(result.repair);
  file_->Append(*record);
  report_.repaired += repaired ? 1 : 0;
  return "";
}

std::optional<OrderedJson> LabelRun::Record(const Asked& asked, const RankRequest& request,
                                            const RankResult& result) const {
  // What the teacher calls a passage is its place among those that it was shown.
  const auto own = [&asked](int64_t place) { return asked.shown[static_cast<size_t>(place)]; };
  switch (form_) {
    case LabelForm::kScores: {
      std::vector<float> scores(result.scores.size());
      for (size_t place = 0; place < scores.size(); ++place)
        scores[static_cast<size_t>(own(static_cast<int64_t>(place)))] = result.scores[place];
      return ScoresRecord(asked.row, scores);
    }
    case LabelForm::kOrder: {
      std::vector<int64_t> order;
      for (const int64_t place : result.permutation) order.push_back(own(place));
      return OrderRecord(asked.row, order);
    }
    case LabelForm::kSft:
      return prompts_->Row(request, result.permutation, reasons_ ? result.reasoning : "");
  }
  return std::nullopt;
}

void LabelRun::Drop(const std::string& reason) {
  ++report_.rows;
  ++report_.dropped[reason];
}

void LabelRun::Warn(const std::string& what) {
  if (++warnings_ > kWarnings) return;
  bar_.Clear();
  Note(quiet_, "dear: warning: " + what);
}

void LabelRun::SayDone() const {
  SayWhenInterrupted(std::to_string(report_.before + report_.rows) + " of " +
                     std::to_string(outline_.rows) + " rows are done and written to " +
                     options_.rank.out + "; --resume carries on");
}

void LabelRun::ShowProgress() {
  std::string what = "rows";
  const double seconds = std::max(SecondsSince(begin_), 1e-3);
  const double labelled =
      static_cast<double>(report_.rows) + batch_done_ * static_cast<double>(asked_.size());
  if (labelled > 0) {
    const auto all = static_cast<double>(outline_.rows - report_.before);
    what += ", " + TimeLeft(seconds / labelled * (all - labelled)) + " left";
  }
  if (report_.job.tokens() > 0) {
    const double rate = static_cast<double>(report_.job.tokens()) / seconds;
    what += ", " + std::to_string(static_cast<int64_t>(rate)) + " tokens/s";
  }
  bar_.Show(what, static_cast<int64_t>(report_.before + report_.rows),
            static_cast<int64_t>(outline_.rows));
}

}  // namespace dear::app
