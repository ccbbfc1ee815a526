#include "tensor/dequantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tensor/testing/golden.h"

namespace dear {
namespace {

using testing::Bits;
using testing::Golden;

std::vector<float> Convert(DType dtype, const void* src, int64_t elements) {
  std::vector<float> out(static_cast<size_t>(elements));
  ConvertToF32(dtype, static_cast<const std::byte*>(src), elements, out.data());
  return out;
}

class BlockTypeTest : public ::testing::TestWithParam<DType> {};

TEST_P(BlockTypeTest, HasTheBitsOfGgufPy) {
  const DTypeTraits& traits = Traits(GetParam());
  Golden golden("dequantize/" + std::string(traits.name) + ".bin");
  const auto per_block = static_cast<size_t>(traits.block_bytes + 4 * traits.block_elements);
  ASSERT_EQ(golden.remaining() % per_block, 0u);
  const size_t blocks = golden.remaining() / per_block;
  auto bytes = golden.Take<uint8_t>(blocks * static_cast<size_t>(traits.block_bytes));
  const auto expected = golden.Take<float>(blocks * static_cast<size_t>(traits.block_elements));
  const auto elements = static_cast<int64_t>(expected.size());
  EXPECT_EQ(Bits(Convert(GetParam(), bytes.data(), elements)), Bits(expected));
  bytes.insert(bytes.begin(), 0);  // any alignment
  EXPECT_EQ(Bits(Convert(GetParam(), bytes.data() + 1, elements)), Bits(expected));
}

INSTANTIATE_TEST_SUITE_P(All, BlockTypeTest,
                         ::testing::Values(DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1,
                                           DType::kQ8_0, DType::kQ2_K, DType::kQ3_K, DType::kQ4_K,
                                           DType::kQ5_K, DType::kQ6_K, DType::kIQ4_NL,
                                           DType::kIQ4_XS),
                         [](const auto& type) { return std::string(DTypeName(type.param)); });

TEST(DequantizeTest, EightBitFloatsAreThoseOfTorch) {
  for (const DType dtype : {DType::kF8E4M3, DType::kF8E5M2}) {
    Golden golden("dequantize/" + std::string(DTypeName(dtype)) + ".bin");
    const auto bytes = golden.Take<uint8_t>(256);
    const auto expected = golden.Take<float>(256);
    const auto found = Convert(dtype, bytes.data(), 256);
    for (size_t i = 0; i < 256; ++i) {
      if (std::isnan(expected[i])) {
        EXPECT_TRUE(std::isnan(found[i])) << i;
      } else {
        EXPECT_EQ(Bits({&found[i], 1}), Bits({&expected[i], 1})) << i;
      }
    }
  }
}

TEST(DequantizeTest, EveryHalfWidensAsTheSingleConversionsDo) {
  std::vector<uint16_t> all(0x10000);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
  const auto f16 = Convert(DType::kF16, all.data(), 0x10000);
  const auto bf16 = Convert(DType::kBF16, all.data(), 0x10000);
  for (size_t i = 0; i < all.size(); ++i) {
    const float one[2] = {F16ToF32(all[i]), BF16ToF32(all[i])};
    ASSERT_EQ(Bits({&f16[i], 1}), Bits({&one[0], 1})) << i;
    ASSERT_EQ(Bits({&bf16[i], 1}), Bits({&one[1], 1})) << i;
  }
}

template <typename T>
void ExpectNumbers(DType dtype, const std::vector<T>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T) + 1);  // off by one: unaligned
  std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(T));
  const auto found = Convert(dtype, bytes.data() + 1, static_cast<int64_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) EXPECT_EQ(found[i], static_cast<float>(values[i]));
}

TEST(DequantizeTest, PlainNumbers) {
  ExpectNumbers<double>(DType::kF64, {0.0, -1.5, 1e300, 1.0 + 1e-12});
  ExpectNumbers<float>(DType::kF32, {0.0f, -1.5f, 3e38f});
  ExpectNumbers<int64_t>(DType::kI64, {INT64_MIN, -1, 0, INT64_MAX});
  ExpectNumbers<int32_t>(DType::kI32, {INT32_MIN, -1, 7});
  ExpectNumbers<int16_t>(DType::kI16, {INT16_MIN, -1, 7});
  ExpectNumbers<int8_t>(DType::kI8, {-128, -1, 127});
  ExpectNumbers<uint64_t>(DType::kU64, {0, UINT64_MAX});
  ExpectNumbers<uint32_t>(DType::kU32, {0, UINT32_MAX});
  ExpectNumbers<uint16_t>(DType::kU16, {0, UINT16_MAX});
  ExpectNumbers<uint8_t>(DType::kU8, {0, 255});
  const uint8_t truth[] = {0, 1, 255};
  EXPECT_EQ(Convert(DType::kBool, truth, 3), (std::vector<float>{0, 1, 1}));
  EXPECT_TRUE(Convert(DType::kF32, nullptr, 0).empty());
}

}  // namespace
}  // namespace dear
