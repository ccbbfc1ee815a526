#ifndef DEAR_TENSOR_ROUNDING_H_
#define DEAR_TENSOR_ROUNDING_H_

#include <bit>
#include <cstdint>

#include "tensor/dtype.h"

namespace dear {

// An f32 number rounded to the nearest (ties to even) bf16 or f16 and widened again, without
// branches, so that loops over them vectorise. NaN stays NaN.
inline float RoundThroughBF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) & 0xffff0000u;
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return std::bit_cast<float>(nan ? bits | 0x00400000u : rounded);
}

inline float RoundThroughF16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u)) & ~0x1fffu;
  normal = normal >= 0x47800000u ? 0x7f800000u : normal;  // 65536 and more: infinity
  normal = magnitude > 0x7f800000u ? magnitude | 0x00400000u : normal;
  // Near 0.5 the float unit rounds at 2^-24, the spacing of f16's subnormals.
  const float subnormal = (std::bit_cast<float>(magnitude) + 0.5f) - 0.5f;
  const uint32_t chosen = magnitude < 0x38800000u ? std::bit_cast<uint32_t>(subnormal) : normal;
  return std::bit_cast<float>(chosen | (bits & 0x80000000u));
}

// Rounds `count` numbers in place to f32 (nothing to do), bf16 or f16.
inline void RoundThrough(DType dtype, float* values, int64_t count) {
  if (dtype == DType::kBF16) {
    for (int64_t i = 0; i < count; ++i) values[i] = RoundThroughBF16(values[i]);
  } else if (dtype == DType::kF16) {
    for (int64_t i = 0; i < count; ++i) values[i] = RoundThroughF16(values[i]);
  }
}

}  // namespace dear

#endif  // DEAR_TENSOR_ROUNDING_H_
