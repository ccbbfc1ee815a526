#ifndef DEAR_KERNELS_TESTING_PAIR_SUM_H_
#define DEAR_KERNELS_TESTING_PAIR_SUM_H_

#include <cmath>
#include <cstdint>
#include <string_view>

namespace dear::testing {

// What an instruction set makes of `sum` and the products of bf16 numbers x and w [depth], depth a
// multiple of 32, where nothing is subnormal: the definition of PairProduct in
// kernels/cpu/kernel_table.h. For "amx" the order is that of testing/emulated_tiles.h; a
// processor's own may differ by roundings.
inline float PairSum(std::string_view isa, const float* x, const float* w, int64_t depth,
                     float sum) {
  if (isa == "amx") {
    for (int64_t begin = 0; begin < depth; begin += 32) {
      float even = 0;
      float odd = 0;
      for (int64_t k = begin; k < begin + 32; k += 2) {
        even = std::fma(x[k], w[k], even);
        odd = std::fma(x[k + 1], w[k + 1], odd);
      }
      sum += even + odd;
    }
    return sum;
  }
  for (int64_t k = 0; k < depth; k += 2) {
    for (const int64_t i : {k + 1, k}) {
      if (isa == "scalar") {  // no fused steps
        const float product = x[i] * w[i];
        sum += product;
      } else {
        sum = std::fma(x[i], w[i], sum);
      }
    }
  }
  return sum;
}

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_PAIR_SUM_H_
