// What kernels widen themselves has the bits of tensor/dequantize.h, for every table that this
// machine runs, at any address and for any bytes.
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <utility>
#include <vector>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/isa.h"
#include "kernels/testing/misaligned.h"
#include "tensor/dequantize.h"

namespace dear::cpu {
namespace {

constexpr std::pair<StoredForm, DType> kForms[] = {{StoredForm::kBF16, DType::kBF16},
                                                   {StoredForm::kQ4_0, DType::kQ4_0},
                                                   {StoredForm::kQ4_1, DType::kQ4_1},
                                                   {StoredForm::kQ8_0, DType::kQ8_0},
                                                   {StoredForm::kQ4_K, DType::kQ4_K}};

// Blocks of any bytes, but that scales (and bf16 numbers) are finite: bits of NaN are not promised.
std::vector<std::byte> RandomBlocks(std::mt19937& random, DType dtype, int64_t elements) {
  std::vector<std::byte> bytes(*StorageBytes(dtype, static_cast<uint64_t>(elements)));
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const auto step = static_cast<size_t>(Traits(dtype).block_bytes);
  const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ4_K;
  for (size_t block = 0; block < bytes.size(); block += step) {
    // The exponent's lowest bit is cleared: neither infinity nor NaN.
    bytes[block + 1] &= dtype == DType::kBF16 ? std::byte{0xbf} : std::byte{0xfb};
    if (two) bytes[block + 3] &= std::byte{0xfb};
  }
  return bytes;
}

class WidenTest : public ::testing::TestWithParam<const KernelTable*> {};

TEST_P(WidenTest, GivesTheBitsOfDequantize) {
  const KernelTable& kernels = *GetParam();
  if (kernels.widen == nullptr) {
    EXPECT_STREQ(kernels.name, "scalar");
    return;
  }
  std::mt19937 random(20261125);
  for (const auto& [form, dtype] : kForms) {
    const int64_t block = Traits(dtype).block_elements;
    for (const int64_t blocks : {1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 65}) {
      const int64_t elements = block * blocks;
      auto bytes = RandomBlocks(random, dtype, elements);
      std::vector<float> expected(static_cast<size_t>(elements));
      ConvertToF32(dtype, bytes.data(), elements, expected.data());
      bytes.insert(bytes.begin(), std::byte{0});  // any alignment
      dear::testing::Misaligned<float> got(elements);
      kernels.widen(form, reinterpret_cast<const uint8_t*>(bytes.data()) + 1, elements, got.data());
      ASSERT_EQ(std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)), 0)
          << DTypeName(dtype) << " " << blocks;
      ASSERT_TRUE(got.GuardsIntact());
    }
  }
}

int counted_widenings = 0;

// A product over stored weights has the bits of one over the same numbers in f32, whether few rows
// or many meet them, and it is the table's own loop that widens them.
TEST_P(WidenTest, ProductsHaveTheBitsOfDenseOnes) {
  std::mt19937 random(7);
  constexpr int64_t kIn = 512;
  constexpr int64_t kOut = 75;
  constexpr int64_t kRows = 9;
  std::normal_distribution<float> normal;
  std::vector<float> x(kRows * kIn);
  for (float& value : x) value = normal(random);
  KernelTable table = *GetParam();
  if (table.widen != nullptr) {
    table.widen = [](StoredForm form, const uint8_t* src, int64_t elements, float* dst) noexcept {
      ++counted_widenings;
      RunnableKernels().front()->widen(form, src, elements, dst);
    };
  }
  CpuBackend backend(std::make_shared<ThreadPool>(1), table);
  for (const auto& [form, dtype] : kForms) {
    auto bytes = RandomBlocks(random, dtype, kOut * kIn);
    std::vector<float> dense(kOut * kIn);
    ConvertToF32(dtype, bytes.data(), kOut * kIn, dense.data());
    const auto w = MakeMatrix(MakeTensor("w", dtype, {kOut, kIn}, std::move(bytes)));
    for (const int64_t rows : {int64_t{1}, int64_t{4}, kRows}) {
      std::vector<float> got(static_cast<size_t>(rows * kOut));
      std::vector<float> expected(got.size());
      counted_widenings = 0;
      backend.MatMul(x.data(), rows, *w, nullptr, got.data());
      backend.MatMul(x.data(), rows, kIn, dense.data(), kOut, nullptr, expected.data());
      EXPECT_EQ(counted_widenings > 0, table.widen != nullptr);
      ASSERT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0)
          << DTypeName(dtype) << " " << rows << " rows";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Machine, WidenTest, ::testing::ValuesIn(RunnableKernels()),
                         [](const auto& param_info) { return param_info.param->name; });

}  // namespace
}  // namespace dear::cpu
