#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dear {
namespace {

// base^(2i / dim): PyTorch's float power, which is correct to the last bit almost everywhere.
float Power(double theta, int64_t i, int64_t dim) {
  const float exponent = static_cast<float>(2 * i) / static_cast<float>(dim);
  return static_cast<float>(std::pow(theta, static_cast<double>(exponent)));
}

// _compute_llama3_parameters.
float Llama3Frequency(const RopeConfig& config, float frequency) {
  const double original = static_cast<double>(config.original_max_positions);
  const auto low_wavelength = static_cast<float>(original / config.low_freq_factor);
  const auto high_wavelength = static_cast<float>(original / config.high_freq_factor);
  const auto factor = static_cast<float>(config.factor);
  const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
  if (wavelength > low_wavelength) return frequency / factor;
  if (wavelength < high_wavelength) return frequency;
  const float smooth =
      (static_cast<float>(original) / wavelength - static_cast<float>(config.low_freq_factor)) /
      static_cast<float>(config.high_freq_factor - config.low_freq_factor);
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

double YarnScale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

double YarnAttentionFactor(const RopeConfig& config) {
  if (config.attention_factor) return *config.attention_factor;
  const double mscale = config.mscale.value_or(0);
  const double mscale_all_dim = config.mscale_all_dim.value_or(0);
  if (mscale != 0 && mscale_all_dim != 0) {
    return YarnScale(config.factor, mscale) / YarnScale(config.factor, mscale_all_dim);
  }
  return YarnScale(config.factor, 1);
}

// _compute_yarn_parameters: interpolated frequencies for slow pairs, the given ones for fast pairs,
// a ramp between.
std::vector<float> YarnFrequencies(const RopeConfig& config, int64_t head_dim) {
  const auto dim = static_cast<double>(head_dim);
  const auto correction = [&](double rotations) {
    return dim *
           std::log(static_cast<double>(config.original_max_positions) /
                    (rotations * 2 * std::numbers::pi)) /
           (2 * std::log(config.theta));
  };
  double low = correction(config.beta_fast);
  double high = correction(config.beta_slow);
  if (config.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, dim - 1);
  if (low == high) high += 0.001;

  std::vector<float> frequencies(static_cast<size_t>(head_dim / 2));
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const float power = Power(config.theta, i, head_dim);
    const float extrapolated = 1.0F / power;
    const float interpolated = 1.0F / (static_cast<float>(config.factor) * power);
    const float ramp = std::clamp(
        (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low), 0.0F,
        1.0F);
    const float keep = 1.0F - ramp;
    frequencies[static_cast<size_t>(i)] = interpolated * (1.0F - keep) + extrapolated * keep;
  }
  return frequencies;
}

}  // namespace

Rope::Rope(const RopeConfig& config, int64_t head_dim) {
  if (config.kind == RopeKind::kYarn) {
    inverse_frequencies_ = YarnFrequencies(config, head_dim);
    attention_factor_ = static_cast<float>(YarnAttentionFactor(config));
  } else {
    for (int64_t i = 0; i < head_dim / 2; ++i) {
      float frequency = 1.0F / Power(config.theta, i, head_dim);
      if (config.kind == RopeKind::kLinear) frequency /= static_cast<float>(config.factor);
      if (config.kind == RopeKind::kLlama3) frequency = Llama3Frequency(config, frequency);
      inverse_frequencies_.push_back(frequency);
    }
  }
  for (size_t i = 0; i < std::min(config.frequency_divisors.size(), inverse_frequencies_.size());
       ++i) {
    inverse_frequencies_[i] /= config.frequency_divisors[i];
  }
}

void Rope::Tables(std::span<const int64_t> positions, float* cos, float* sin) const {
  for (const int64_t position : positions) {
    for (const float frequency : inverse_frequencies_) {
      const float angle = static_cast<float>(position) * frequency;
      *cos++ = std::cos(angle) * attention_factor_;
      *sin++ = std::sin(angle) * attention_factor_;
    }
  }
}

}  // namespace dear
