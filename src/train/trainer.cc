#include "train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace dear {
namespace {

using Clock = std::chrono::steady_clock;

std::string Text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return "infinite";
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

std::vector<OptimizedTensor> Trainer::Tensors(TrainableAdapter& adapter,
                                              const TrainerOptions& options) {
  std::vector<OptimizedTensor> tensors;
  for (const TrainedTensor& tensor : adapter.tensors()) {
    // As LLaMA-Factory groups them: what has one dimension goes with B.
    using Kind = TrainedTensor::Kind;
    const bool is_vector = tensor.shape.size() == 1;
    // As transformers groups them: neither norms nor biases decay.
    const bool decays = tensor.kind != Kind::kNorm && tensor.kind != Kind::kBias;
    tensors.push_back({.name = tensor.name,
                       .values = tensor.values,
                       .gradient = tensor.gradient,
                       .learning_rate_factor = tensor.kind == Kind::kLoraB || is_vector
                                                   ? options.learning_rate_ratio_of_b
                                                   : 1.0,
                       .decays = decays});
  }
  return tensors;
}

Trainer::Trainer(const Objective& objective, TrainableAdapter& adapter, TrainingPass& pass,
                 std::shared_ptr<ThreadPool> pool, TrainerOptions options)
    : objective_(objective),
      adapter_(adapter),
      pass_(pass),
      pool_(std::move(pool)),
      options_(std::move(options)),
      plan_(objective.size(), options_.batches),
      schedule_(options_.schedule,
                WarmupSteps(options_.warmup_steps, options_.warmup_ratio, plan_.total_steps()),
                plan_.total_steps(), options_.learning_rate),
      optimizer_(Tensors(adapter, options_), options_.adamw) {
  if (options_.ema_decay) average_.emplace(adapter_.tensors(), *options_.ema_decay);
  options_.identity.emplace_back("ema_decay",
                                 options_.ema_decay ? Json(*options_.ema_decay).dump() : "none");
  options_.identity.emplace_back("items", std::to_string(objective.size()));
  options_.identity.emplace_back("total steps", std::to_string(plan_.total_steps()));
  if (!options_.resume_from.empty()) {
    state_ =
        LoadCheckpoint(options_.resume_from, options_.identity, {adapter_, optimizer_, average()});
    adapter_.ValuesChanged(*pool_);
  }
  state_.identity = options_.identity;
}

void Trainer::FailRunAway(const std::string& what) const {
  std::string kept;
  for (const std::filesystem::path& folder : FindCheckpoints(options_.output)) {
    kept += (kept.empty() ? "" : ", ") + folder.filename().string();
  }
  const bool newest_is_of_now = kept.ends_with("-" + std::to_string(state_.step));
  throw Error(ErrorCode::kInvalidArgument, "step " + std::to_string(state_.step + 1),
              what + ": the learning rate (now " + Text(LearningRate()) +
                  ") may be too high. The step was not taken; " +
                  (kept.empty() ? "no checkpoint was written yet"
                                : options_.output.string() + " holds " + kept) +
                  (newest_is_of_now ? ", the last of which may have run away already" : ""));
}

Trainer::StepLoss Trainer::RunStep(int64_t step, const BatchPlan::Step& batches) {
  std::vector<std::unique_ptr<MicroBatch>> prepared;
  int64_t weight = 0;
  for (const std::vector<size_t>& items : batches.micro_batches) {
    prepared.push_back(objective_.Prepare(items, batches.epoch));
    weight += prepared.back()->weight();
  }
  adapter_.ClearGradients();
  StepLoss result;
  const double scale = weight == 0 ? 0.0 : 1.0 / static_cast<double>(weight);
  for (size_t i = 0; i < prepared.size(); ++i) {
    // Another dropout for each pass of the run.
    const uint64_t seed =
        options_.batches.seed * 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(step) * 65536 + i;
    pass_.SetDropout({.probability = static_cast<float>(options_.dropout), .seed = seed});
    result.loss += prepared[i]->Step(pass_, scale);
    if (pass_.overflowed()) FailRunAway("the model's activations overflow");
    state_.tokens += prepared[i]->tokens();
    state_.samples += static_cast<int64_t>(batches.micro_batches[i].size());
  }
  result.loss *= scale;
  if (!std::isfinite(result.loss)) FailRunAway("the loss is " + Text(result.loss));
  result.grad_norm = ClipGradientNorm(optimizer_.tensors(), options_.max_grad_norm, *pool_);
  if (!std::isfinite(result.grad_norm)) {
    FailRunAway("the norm of the gradients is " + Text(result.grad_norm));
  }
  optimizer_.Step(LearningRate(), *pool_);
  if (average_) average_->Update(step + 1, *pool_);
  adapter_.ValuesChanged(*pool_);
  return result;
}

void Trainer::SetEvaluation(const Objective* objective, MeasureFn measure) {
  evaluation_ = objective;
  measure_ = std::move(measure);
}

double Trainer::EvaluationLoss(int64_t epoch, const CancelFn& cancel) {
  pass_.SetDropout({});
  double sum = 0;
  int64_t weight = 0;
  const auto batch = static_cast<size_t>(options_.eval_batch_size);
  for (size_t first = 0; first < evaluation_->size(); first += batch) {
    if (cancel && cancel()) throw Error(ErrorCode::kCancelled, "evaluation", "cancelled");
    std::vector<size_t> items(std::min(batch, evaluation_->size() - first));
    std::iota(items.begin(), items.end(), first);
    const auto prepared = evaluation_->Prepare(items, epoch);
    sum += prepared->Evaluate(pass_);
    weight += prepared->weight();
  }
  return weight == 0 ? 0.0 : sum / static_cast<double>(weight);
}

bool Trainer::KeepIfBest(const TrainEvalReport& evaluation) {
  if (options_.best_figure.empty()) return false;
  std::optional<double> value;
  if (options_.best_figure == "eval_loss") value = evaluation.loss;
  const auto measure = evaluation.measures.find(options_.best_figure);
  if (measure != evaluation.measures.end()) value = measure->second;
  if (!value) {
    throw Error(ErrorCode::kInvalidArgument, "metric_for_best_model",
                "the evaluations have no figure " + options_.best_figure);
  }
  BestEvaluation& best = state_.best;
  const bool better =
      !std::isnan(*value) &&
      (!best.value || (options_.greater_is_better ? *value > *best.value : *value < *best.value));
  if (!better) {
    ++best.since;
    return false;
  }
  best = {.value = value, .step = evaluation.step, .since = 0};
  adapter_.Save(BestFolder(options_.output));
  return true;
}

void Trainer::Evaluate(const TrainerEvents& events) {
  const Clock::time_point start = Clock::now();
  const AveragedValues averaged(average(), adapter_, *pool_);
  const BatchPlan::Step batches = plan_.At(state_.step - 1);
  TrainEvalReport report{.step = state_.step, .epoch = batches.epochs_done};
  if (evaluation_ != nullptr) report.loss = EvaluationLoss(batches.epoch, events.cancel);
  if (measure_) report.measures = measure_(events.cancel);
  report.is_best = KeepIfBest(report);
  report.seconds = SecondsSince(start);
  state_.evaluation_due = false;
  last_evaluation_ = report;
  if (events.on_eval) events.on_eval(report);
}

bool Trainer::OutOfPatience() const {
  return options_.patience > 0 && state_.best.since >= options_.patience;
}

void Trainer::Save(const TrainerEvents& events) {
  // A checkpoint that nothing goes on from is there to be served.
  const AveragedValues averaged(options_.save_only_model ? average() : nullptr, adapter_, *pool_);
  const std::filesystem::path folder = SaveCheckpoint(
      options_.output, {adapter_, optimizer_, average()}, state_, !options_.save_only_model);
  if (events.on_checkpoint) events.on_checkpoint(folder);
}

// Whether something is to be done after the step that is counted in state_.
bool Trainer::Due(int64_t every, bool each_epoch) const {
  if (state_.step == plan_.total_steps()) return every > 0 || each_epoch;
  return (every > 0 && state_.step % every == 0) ||
         (each_epoch && state_.step % plan_.steps_per_epoch() == 0);
}

void Trainer::TakeStep(const TrainerEvents& events) {
  const BatchPlan::Step batches = plan_.At(state_.step);
  const double rate = LearningRate();
  const StepLoss done = RunStep(state_.step, batches);
  KeepCheckpoints(options_.output, options_.save_total_limit);
  state_.step += 1;
  state_.loss_sum += done.loss;
  state_.loss_steps += 1;
  state_.total_loss += done.loss;
  state_.seconds = seconds_before_ + SecondsSince(start_);
  state_.evaluation_due = (evaluation_ != nullptr || measure_ != nullptr) &&
                          Due(options_.eval_steps, options_.eval_each_epoch);
  const TrainStepReport report{
      .step = state_.step,
      .total_steps = plan_.total_steps(),
      .epoch = batches.epochs_done,
      .loss = done.loss,
      .mean_loss = state_.loss_sum / static_cast<double>(state_.loss_steps),
      .learning_rate = rate,
      .grad_norm = done.grad_norm,
      .tokens = state_.tokens,
      .seconds = state_.seconds,
      .logs = options_.logging_steps > 0 && state_.step % options_.logging_steps == 0};
  if (events.on_step) events.on_step(report);
  if (report.logs) {
    state_.loss_sum = 0;
    state_.loss_steps = 0;
  }
}

void Trainer::FinishStep(const TrainerEvents& events) {
  bool cancelled = false;
  try {
    if (state_.evaluation_due) Evaluate(events);
  } catch (const Error& error) {
    // The checkpoint knows that the evaluation is still to come.
    if (error.code() != ErrorCode::kCancelled) throw;
    cancelled = true;
  }
  cancelled = cancelled || (events.cancel && events.cancel());
  if (cancelled || Due(options_.save_steps, options_.save_each_epoch)) Save(events);
  if (cancelled) {
    throw Error(ErrorCode::kCancelled, "step " + std::to_string(state_.step), "cancelled");
  }
}

TrainResult Trainer::Run(const TrainerEvents& events) {
  seconds_before_ = state_.seconds;
  start_ = Clock::now();
  if (state_.evaluation_due) FinishStep(events);
  while (state_.step < plan_.total_steps() && !OutOfPatience()) {
    TakeStep(events);
    FinishStep(events);
  }
  KeepCheckpoints(options_.output, options_.save_total_limit);
  if (options_.load_best && state_.best.value) {
    adapter_.Load(BestFolder(options_.output));
    adapter_.ValuesChanged(*pool_);
  } else if (average_ && state_.step > 0) {
    average_->Swap();
    adapter_.ValuesChanged(*pool_);
  }
  TrainResult result;
  result.steps = state_.step;
  result.mean_loss = state_.step == 0 ? 0 : state_.total_loss / static_cast<double>(state_.step);
  result.tokens = state_.tokens;
  result.samples = state_.samples;
  result.seconds = state_.seconds;
  result.evaluation = std::move(last_evaluation_);
  result.best = state_.best;
  result.stopped_early = state_.step < plan_.total_steps();
  return result;
}

}  // namespace dear
