#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace dear {
namespace {

TEST(DTypeTest, StorageBytesCountsWholeBlocks) {
  EXPECT_EQ(StorageBytes(DType::kF32, 3), 12u);
  EXPECT_EQ(StorageBytes(DType::kQ4_1, 64), 40u);
  EXPECT_FALSE(StorageBytes(DType::kQ4_1, 33));
  EXPECT_FALSE(StorageBytes(DType::kF64, uint64_t{1} << 62));
  EXPECT_EQ(DTypeName(DType::kIQ4_XS), "iq4_xs");
}

TEST(DTypeTest, EveryF16SurvivesTheRoundTrip) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = F16ToF32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(value))));
    } else {
      EXPECT_EQ(F32ToF16(value), bits);
    }
  }
}

TEST(DTypeTest, F16RoundsToNearestEvenBetweenNeighbours) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const double low = F16ToF32(static_cast<uint16_t>(bits));
    const double high = F16ToF32(static_cast<uint16_t>(bits + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    EXPECT_EQ(F32ToF16(middle), bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(F32ToF16(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(F32ToF16(std::nextafter(middle, 1e9f)), bits + 1);
  }
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(std::nextafter(65520.0f, 0.0f)), 0x7bff);
  EXPECT_EQ(F32ToF16(-std::numeric_limits<float>::infinity()), 0xfc00);
}

TEST(DTypeTest, BF16RoundsToNearestEven) {
  for (uint32_t bits = 0; bits < 0x7f7f; ++bits) {
    const float low = BF16ToF32(static_cast<uint16_t>(bits));
    const auto middle = __builtin_bit_cast(float, (bits << 16) | 0x8000u);
    EXPECT_EQ(F32ToBF16(low), bits);
    EXPECT_EQ(F32ToBF16(middle), bits % 2 == 0 ? bits : bits + 1);
  }
  EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(std::nanf("")))));
}

}  // namespace
}  // namespace dear
