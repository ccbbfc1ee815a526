#ifndef DEAR_BASE_CHECKED_H_
#define DEAR_BASE_CHECKED_H_

#include <concepts>
#include <optional>

namespace dear {

// Arithmetic on numbers that come from a file: nullopt where the result does not fit.
template <std::integral T>
[[nodiscard]] std::optional<T> CheckedAdd(T a, T b) {
  T out;
  if (__builtin_add_overflow(a, b, &out)) return std::nullopt;
  return out;
}

template <std::integral T>
[[nodiscard]] std::optional<T> CheckedMul(T a, T b) {
  T out;
  if (__builtin_mul_overflow(a, b, &out)) return std::nullopt;
  return out;
}

}  // namespace dear

#endif  // DEAR_BASE_CHECKED_H_
