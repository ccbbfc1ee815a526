#include "api/training_record.h"

#include <chrono>
#include <cmath>
#include <utility>

#include "train/loss_curve.h"

namespace dear {
namespace {

double WallTime() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

TrainingRecord::TrainingRecord(const TrainConfig& config, int64_t first_step)
    : config_(config), output_(config.output_dir), log_(output_ / "trainer_log.jsonl", first_step) {
  if (config.tensorboard) {
    const double now = WallTime();
    events_.emplace(TensorboardFolder(output_, now), now);
  }
}

void TrainingRecord::Append(LogEntry entry) {
  const auto done = static_cast<double>(entry.step);
  entry.remaining_seconds =
      entry.elapsed_seconds / done * static_cast<double>(entry.total_steps - entry.step);
  log_.Append(entry);
  if (events_) events_->Append(entry, WallTime());
}

void TrainingRecord::OnStep(const TrainStepReport& report) {
  last_ = report;
  if (!report.logs) return;
  Append({.step = report.step,
          .total_steps = report.total_steps,
          .epoch = report.epoch,
          .loss = report.mean_loss,
          .learning_rate = report.learning_rate,
          .grad_norm = report.grad_norm,
          .elapsed_seconds = report.seconds,
          .total_tokens = report.tokens,
          .throughput = static_cast<double>(report.tokens) / report.seconds});
}

void TrainingRecord::OnEval(const TrainEvalReport& report) {
  Append({.step = report.step,
          .total_steps = last_.total_steps,
          .epoch = report.epoch,
          .eval_loss = report.loss,
          .evaluations = report.measures,
          .elapsed_seconds = last_.seconds,
          .total_tokens = last_.tokens});
}

TrainerEvents TrainingRecord::Around(TrainerEvents events) {
  TrainerEvents around = events;
  around.on_step = [this, told = std::move(events.on_step)](const TrainStepReport& report) {
    OnStep(report);
    if (told) told(report);
  };
  around.on_eval = [this, told = std::move(events.on_eval)](const TrainEvalReport& report) {
    OnEval(report);
    if (told) told(report);
  };
  return around;
}

void TrainingRecord::Finish(const TrainResult& result, ModelCard card) {
  const TrainerProgress progress{.global_step = result.steps,
                                 .max_steps = result.steps,
                                 .num_train_epochs = static_cast<int64_t>(std::ceil(last_.epoch)),
                                 .epoch = last_.epoch};
  const Json metrics = TrainMetrics({.epoch = last_.epoch,
                                     .train_loss = result.mean_loss,
                                     .seconds = result.seconds,
                                     .num_samples = result.samples,
                                     .num_steps = result.steps,
                                     .num_tokens = result.tokens});
  SaveMetrics(output_, "train", metrics);
  if (result.evaluation) {
    const TrainEvalReport& evaluation = *result.evaluation;
    if (evaluation.loss) card.evaluations["eval_loss"] = *evaluation.loss;
    card.evaluations.insert(evaluation.measures.begin(), evaluation.measures.end());
    Json figures = card.evaluations;
    figures["epoch"] = evaluation.epoch;
    SaveMetrics(output_, "eval", figures);
  }
  WriteTrainerState(output_ / "trainer_state.json", progress, log_.entries());
  if (events_) events_->AppendMetrics(metrics, result.steps, WallTime());
  if (config_.plot_loss) {
    for (const auto& path : WriteCurves(output_, card.name, log_.entries())) {
      card.figures.push_back(path.filename().string());
    }
  }
  for (const LogEntry& entry : log_.entries()) {
    if (!entry.loss) continue;
    if (!card.first_loss) card.first_loss = entry.loss;
    card.final_loss = entry.loss;
  }
  card.num_steps = result.steps;
  card.epochs = last_.epoch;
  card.num_tokens = result.tokens;
  card.seconds = result.seconds;
  card.mean_loss = result.mean_loss;
  WriteModelCard(output_, card);
}

}  // namespace dear
