#ifndef DEAR_TRAIN_SCHEDULE_H_
#define DEAR_TRAIN_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dear {

// How the learning rate goes over the steps of a run: transformers' lr_scheduler_type and
// lr_scheduler_kwargs, with its defaults (transformers/optimization.py).
struct ScheduleOptions {
  std::string name = "linear";       // one of ScheduleNames()
  std::optional<double> num_cycles;  // cosine: waves (0.5); cosine_with_restarts: restarts (1)
  double power = 1;                  // polynomial
  double end_learning_rate = 1e-7;   // polynomial: where it ends (lr_end)
  std::optional<int64_t> timescale;  // inverse_sqrt: the warm-up steps, or 10000 without any
  double min_rate = 0;               // cosine_with_min_lr: the least factor (min_lr_rate)
};

std::span<const std::string_view> ScheduleNames();

// Warm-up steps as transformers counts them (TrainingArguments.get_warmup_steps): `steps` from 1 on
// is a number of steps, below 1 a share of all steps; where it is 0, `ratio` is that share (the
// older warmup_ratio). A share is rounded up.
int64_t WarmupSteps(double steps, double ratio, int64_t total_steps);

// The factor that the learning rate is multiplied by. Every schedule but `constant` rises from 0 at
// the first step to 1 at step `warmup_steps`; then, with x = (step - warmup) / (total - warmup):
//   constant_with_warmup  1
//   linear                1 - x
//   cosine                (1 + cos(2 pi cycles x)) / 2
//   cosine_with_min_lr    the same, between 1 and min_rate
//   cosine_with_restarts  (1 + cos(pi frac(cycles x))) / 2
//   polynomial            (1 - x)^power, between 1 and end_learning_rate / learning_rate
//   inverse_sqrt          sqrt(timescale / (step + timescale - warmup))
class Schedule {
 public:
  // `learning_rate` is the run's highest one. Throws kInvalidArgument for an unknown name (with the
  // list of those known) and for numbers out of range.
  Schedule(const ScheduleOptions& options, int64_t warmup_steps, int64_t total_steps,
           double learning_rate);

  // `step` counts from 0: the factor of the step that is done next.
  double Factor(int64_t step) const;

 private:
  enum class Kind {
    kConstant,
    kConstantWithWarmup,
    kLinear,
    kCosine,
    kCosineWithMinLr,
    kCosineWithRestarts,
    kPolynomial,
    kInverseSqrt,
  };

  Kind kind_;
  ScheduleOptions options_;
  int64_t warmup_steps_;
  int64_t total_steps_;
  double end_factor_ = 0;
};

}  // namespace dear

#endif  // DEAR_TRAIN_SCHEDULE_H_
