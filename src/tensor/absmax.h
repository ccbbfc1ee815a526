#ifndef DEAR_TENSOR_ABSMAX_H_
#define DEAR_TENSOR_ABSMAX_H_

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>

namespace dear {

// The largest magnitude of some numbers; infinity or NaN where one of them is not finite. The bits
// of magnitudes are ordered as the magnitudes are, and whole numbers have a maximum that
// vectorises.
inline float AbsMax(std::span<const float> values) {
  int32_t largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::bit_cast<int32_t>(value) & 0x7fffffff);
  }
  return std::bit_cast<float>(largest);
}

}  // namespace dear

#endif  // DEAR_TENSOR_ABSMAX_H_
