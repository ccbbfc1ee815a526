#include "tensor/quantize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "tensor/dequantize.h"
#include "tensor/testing/golden.h"

namespace dear {
namespace {

using testing::Golden;

constexpr DType kWritten[] = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ4_0,
                              DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0};

std::vector<uint8_t> Quantize(DType dtype, const std::vector<float>& values) {
  std::vector<uint8_t> bytes(*StorageBytes(dtype, values.size()));
  QuantizeFromF32(dtype, values.data(), static_cast<int64_t>(values.size()),
                  reinterpret_cast<std::byte*>(bytes.data()));
  return bytes;
}

TEST(QuantizeTest, HasTheBytesOfGgufPy) {
  for (const DType dtype : kWritten) {
    if (dtype == DType::kF32) continue;
    Golden golden("quantize/" + std::string(DTypeName(dtype)) + ".bin");
    constexpr size_t kCount = 12 * 64;
    const auto values = golden.Take<float>(kCount);
    const auto expected = golden.Take<uint8_t>(*StorageBytes(dtype, kCount));
    EXPECT_EQ(golden.remaining(), 0u);
    EXPECT_EQ(Quantize(dtype, values), expected) << DTypeName(dtype);
  }
}

TEST(QuantizeTest, WhatIsWrittenIsReadBackNearby) {
  std::vector<float> values(256);
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(state >> 8) * 0x1p-23f - 1.0f;
  }
  for (const DType dtype : kWritten) {
    EXPECT_TRUE(QuantizesFromF32(dtype));
    const auto bytes = Quantize(dtype, values);
    std::vector<float> back(values.size());
    ConvertToF32(dtype, reinterpret_cast<const std::byte*>(bytes.data()), 256, back.data());
    const float step = IsBlockQuantized(dtype) ? 0.13f : 0.004f;
    for (size_t i = 0; i < values.size(); ++i) EXPECT_NEAR(back[i], values[i], step);
    // Widening and storing again changes nothing in the plain types.
    if (!IsBlockQuantized(dtype)) {
      EXPECT_EQ(Quantize(dtype, back), bytes);
    }
  }
}

TEST(QuantizeTest, NumbersBeyondAllScalesAreNoUndefinedBehaviour) {
  std::vector<float> values(32, 1e-42f);
  values[3] = std::numeric_limits<float>::infinity();
  values[5] = std::nanf("");
  values[7] = -3e38f;
  values[8] = 3e38f;
  for (const DType dtype : kWritten) Quantize(dtype, values);
  for (const DType dtype : kWritten) Quantize(dtype, std::vector<float>(32, 1e-42f));
}

TEST(QuantizeTest, OtherTypesAreRefused) {
  EXPECT_FALSE(QuantizesFromF32(DType::kQ4_K));
  EXPECT_THROW(Quantize(DType::kQ4_K, std::vector<float>(256)), Error);
  EXPECT_THROW(Quantize(DType::kI8, std::vector<float>(4)), Error);
}

}  // namespace
}  // namespace dear
