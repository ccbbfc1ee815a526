#include "train/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace dear {
namespace {

// In the order of Schedule::Kind.
constexpr std::array<std::string_view, 8> kScheduleNames = {
    "constant",           "constant_with_warmup", "linear",     "cosine",
    "cosine_with_min_lr", "cosine_with_restarts", "polynomial", "inverse_sqrt"};

[[noreturn]] void Refuse(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "learning-rate schedule", message);
}

size_t IndexOf(const std::string& name) {
  const auto found = std::ranges::find(kScheduleNames, name);
  if (found != kScheduleNames.end()) return static_cast<size_t>(found - kScheduleNames.begin());
  std::string known;
  for (const std::string_view each : kScheduleNames) {
    known += (known.empty() ? "" : ", ") + std::string(each);
  }
  Refuse("'" + name + "' is not one of: " + known);
}

double Cosine(double turns) {
  return 0.5 * (1 + std::cos(std::numbers::pi * 2 * turns));
}

}  // namespace

std::span<const std::string_view> ScheduleNames() {
  return kScheduleNames;
}

int64_t WarmupSteps(double steps, double ratio, int64_t total_steps) {
  if (steps >= 1) return static_cast<int64_t>(steps);
  const double share = steps > 0 ? steps : ratio;
  return static_cast<int64_t>(std::ceil(static_cast<double>(total_steps) * share));
}

Schedule::Schedule(const ScheduleOptions& options, int64_t warmup_steps, int64_t total_steps,
                   double learning_rate)
    : kind_(static_cast<Kind>(IndexOf(options.name))),
      options_(options),
      warmup_steps_(warmup_steps),
      total_steps_(total_steps) {
  if (warmup_steps < 0 || total_steps < 0) Refuse("the number of steps is negative");
  if (options.num_cycles && !(*options.num_cycles >= 0 && std::isfinite(*options.num_cycles))) {
    Refuse("num_cycles must be at least 0 and finite");
  }
  if (options.timescale && *options.timescale < 1) Refuse("timescale must be at least 1");
  if (!(options.min_rate >= 0 && options.min_rate <= 1)) Refuse("min_lr_rate must be in 0..1");
  if (kind_ == Kind::kPolynomial) {
    if (!(options.power >= 0) || !std::isfinite(options.power)) {
      Refuse("power must be at least 0 and finite");
    }
    if (!(options.end_learning_rate >= 0 && options.end_learning_rate < learning_rate)) {
      Refuse("lr_end must be at least 0 and below the learning rate");
    }
    end_factor_ = options.end_learning_rate / learning_rate;
  }
}

double Schedule::Factor(int64_t step) const {
  if (kind_ == Kind::kConstant) return 1;
  if (step < warmup_steps_) {
    return static_cast<double>(step) / static_cast<double>(warmup_steps_);
  }
  const auto since = static_cast<double>(step - warmup_steps_);
  const double x = since / static_cast<double>(std::max<int64_t>(1, total_steps_ - warmup_steps_));
  switch (kind_) {
    case Kind::kConstant:
    case Kind::kConstantWithWarmup: return 1;
    case Kind::kLinear: return step >= total_steps_ ? 0 : 1 - x;
    case Kind::kCosine: return Cosine(options_.num_cycles.value_or(0.5) * x);
    case Kind::kCosineWithMinLr:
      return Cosine(options_.num_cycles.value_or(0.5) * x) * (1 - options_.min_rate) +
             options_.min_rate;
    case Kind::kCosineWithRestarts:
      return x >= 1 ? 0 : Cosine(std::fmod(options_.num_cycles.value_or(1) * x, 1.0) / 2);
    case Kind::kPolynomial:
      if (step >= total_steps_) return end_factor_;
      return (1 - end_factor_) * std::pow(1 - x, options_.power) + end_factor_;
    case Kind::kInverseSqrt: {
      const auto timescale = static_cast<double>(
          options_.timescale.value_or(warmup_steps_ > 0 ? warmup_steps_ : 10000));
      return 1 / std::sqrt((since + timescale) / timescale);
    }
  }
  throw Error(ErrorCode::kInternal, "learning-rate schedule", "of no kind");
}

}  // namespace dear
