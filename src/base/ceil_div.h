#ifndef DEAR_BASE_CEIL_DIV_H_
#define DEAR_BASE_CEIL_DIV_H_

#include <cstdint>

namespace dear {

// a / b rounded up, of a >= 0 and b > 0.
constexpr int64_t CeilDiv(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace dear

#endif  // DEAR_BASE_CEIL_DIV_H_
