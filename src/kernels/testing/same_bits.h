#ifndef DEAR_KERNELS_TESTING_SAME_BITS_H_
#define DEAR_KERNELS_TESTING_SAME_BITS_H_

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "base/testing/sanitized.h"
#include "kernels/cpu/cpu_backend.h"

namespace dear::testing {

// A product that takes more than one task of rows and one block of inputs.
struct LargeProduct {
  static constexpr int64_t kRows = 211;
  static constexpr int64_t kIn = 1152;
  static constexpr int64_t kOut = 87;
  std::vector<float> x, bias;

  explicit LargeProduct(std::mt19937& random) : x(kRows * kIn), bias(kOut) {
    std::normal_distribution<float> normal;
    for (float& value : x) value = normal(random);
    for (float& value : bias) value = normal(random);
  }
};

// The product with `matrix` [kOut, kIn], which must have the same bits with any number of threads
// and for any of the last rows alone.
inline std::vector<float> RequireSameBits(const cpu::KernelTable& kernels,
                                          const LargeProduct& product, const Matrix& matrix) {
  constexpr int64_t kOut = LargeProduct::kOut;
  cpu::CpuBackend one(std::make_shared<ThreadPool>(1), kernels);
  std::vector<float> expected(LargeProduct::kRows * kOut);
  one.MatMul(product.x.data(), LargeProduct::kRows, matrix, product.bias.data(), expected.data());
  for (const int threads : {1, 2, 3}) {
    if (kSanitized && threads != 3) continue;
    cpu::CpuBackend backend(std::make_shared<ThreadPool>(threads), kernels);
    for (const int64_t rows : {1, 2, 7, 64, 210}) {
      std::vector<float> y(static_cast<size_t>(rows * kOut));
      const int64_t first = LargeProduct::kRows - rows;
      backend.MatMul(product.x.data() + first * LargeProduct::kIn, rows, matrix,
                     product.bias.data(), y.data());
      EXPECT_EQ(std::memcmp(y.data(), expected.data() + first * kOut, y.size() * sizeof(float)), 0)
          << matrix.form() << " " << threads << " threads, " << rows << " rows";
    }
  }
  return expected;
}

}  // namespace dear::testing

#endif  // DEAR_KERNELS_TESTING_SAME_BITS_H_
