#include "tensor/rounding.h"

#include <gtest/gtest.h>

#include <cmath>

namespace dear {
namespace {

TEST(RoundingTest, AgreesWithTheSingleConversions) {
  // A stride through all f32 numbers that meets every exponent and many low bits.
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 40503) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(bits));
    const float f16 = F16ToF32(F32ToF16(value));
    const float bf16 = BF16ToF32(F32ToBF16(value));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(RoundThroughF16(value)) && std::isnan(RoundThroughBF16(value)));
      continue;
    }
    ASSERT_EQ(std::bit_cast<uint32_t>(RoundThroughF16(value)), std::bit_cast<uint32_t>(f16))
        << bits;
    ASSERT_EQ(std::bit_cast<uint32_t>(RoundThroughBF16(value)), std::bit_cast<uint32_t>(bf16));
  }
}

}  // namespace
}  // namespace dear
