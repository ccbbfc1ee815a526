#include "tensor/bnb4.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "base/error.h"
#include "tensor/testing/golden.h"

namespace dear {
namespace {

using testing::Bits;
using testing::Golden;

struct Case {
  const char* file;
  Bnb4Kind kind;
  DType dtype;
  int64_t block;
  int64_t rows;
  int64_t cols;
};

const Case kCases[] = {
    {"nf4_float32_64_3x128", Bnb4Kind::kNf4, DType::kF32, 64, 3, 128},
    {"nf4_float32_64_3x96", Bnb4Kind::kNf4, DType::kF32, 64, 3, 96},
    {"nf4_bfloat16_64_3x128", Bnb4Kind::kNf4, DType::kBF16, 64, 3, 128},
    {"nf4_bfloat16_64_3x96", Bnb4Kind::kNf4, DType::kBF16, 64, 3, 96},
    {"nf4_float16_64_3x128", Bnb4Kind::kNf4, DType::kF16, 64, 3, 128},
    {"nf4_float16_64_3x96", Bnb4Kind::kNf4, DType::kF16, 64, 3, 96},
    {"nf4_float32_64_5x7", Bnb4Kind::kNf4, DType::kF32, 64, 5, 7},
    {"nf4_bfloat16_64_5x7", Bnb4Kind::kNf4, DType::kBF16, 64, 5, 7},
    {"nf4_float16_64_5x7", Bnb4Kind::kNf4, DType::kF16, 64, 5, 7},
    {"nf4_float32_64_1x1", Bnb4Kind::kNf4, DType::kF32, 64, 1, 1},
    {"nf4_bfloat16_128_4x100", Bnb4Kind::kNf4, DType::kBF16, 128, 4, 100},
    {"nf4_bfloat16_32_17x64", Bnb4Kind::kNf4, DType::kBF16, 32, 17, 64},
    {"fp4_float32_64_3x128", Bnb4Kind::kFp4, DType::kF32, 64, 3, 128},
    {"fp4_float32_64_3x96", Bnb4Kind::kFp4, DType::kF32, 64, 3, 96},
    {"fp4_bfloat16_64_3x128", Bnb4Kind::kFp4, DType::kBF16, 64, 3, 128},
    {"fp4_bfloat16_64_3x96", Bnb4Kind::kFp4, DType::kBF16, 64, 3, 96},
    {"fp4_float16_64_3x128", Bnb4Kind::kFp4, DType::kF16, 64, 3, 128},
    {"fp4_float16_64_3x96", Bnb4Kind::kFp4, DType::kF16, 64, 3, 96},
    {"fp4_float32_64_5x7", Bnb4Kind::kFp4, DType::kF32, 64, 5, 7},
    {"fp4_bfloat16_64_5x7", Bnb4Kind::kFp4, DType::kBF16, 64, 5, 7},
    {"fp4_float16_64_5x7", Bnb4Kind::kFp4, DType::kF16, 64, 5, 7},
    {"fp4_float32_32_4x50", Bnb4Kind::kFp4, DType::kF32, 32, 4, 50},
};

class Bnb4GoldenTest : public ::testing::TestWithParam<Case> {};

TEST_P(Bnb4GoldenTest, HasTheBitsOfBitsandbytes) {
  const Case& c = GetParam();
  const int64_t count = c.rows * c.cols;
  const auto elements = static_cast<size_t>(count);
  const auto blocks = static_cast<size_t>((count + c.block - 1) / c.block);
  Golden golden(std::string("bnb4/") + c.file + ".bin");
  const auto values = golden.Take<float>(elements);
  const auto packed = golden.Take<uint8_t>((elements + 1) / 2);
  const auto absmax = golden.Take<float>(blocks);
  const auto plain = golden.Take<float>(elements);
  const auto nested_quantized = golden.Take<uint8_t>(blocks);
  const auto nested_absmax = golden.Take<float>((blocks + 255) / 256);
  const auto nested_offset = golden.TakeOne<float>();
  const auto unnested = golden.Take<float>(blocks);
  const auto dequantized_nested = golden.Take<float>(elements);
  ASSERT_EQ(golden.remaining(), 0u);

  const Bnb4Quantized quantized = QuantizeBnb4(c.kind, values, c.block);
  ASSERT_EQ(quantized.packed.size(), packed.size());
  for (size_t i = 0; i < packed.size(); ++i) {
    EXPECT_EQ(static_cast<uint8_t>(quantized.packed[i]), packed[i]) << "byte " << i;
  }
  EXPECT_EQ(Bits(quantized.absmax), Bits(absmax));

  const Bnb4NestedAbsmax nested = NestAbsmax(quantized.absmax);
  EXPECT_EQ(nested.quantized, nested_quantized);
  EXPECT_EQ(Bits(nested.absmax), Bits(nested_absmax));
  EXPECT_EQ(Bits({&nested.offset, 1}), Bits({&nested_offset, 1}));
  EXPECT_EQ(Bits(UnnestAbsmax(nested)), Bits(unnested));

  Bnb4Weight weight{c.kind,           c.block, c.dtype,         {c.rows, c.cols},
                    quantized.packed, absmax,  Bnb4Code(c.kind)};
  EXPECT_EQ(weight.elements(), count);
  std::vector<float> found(elements);
  DequantizeBnb4(weight, 0, count, found.data());
  EXPECT_EQ(Bits(found), Bits(plain));
  weight.absmax = unnested;
  DequantizeBnb4(weight, 0, count, found.data());
  EXPECT_EQ(Bits(found), Bits(dequantized_nested));

  // Any part of the weight alone is the same numbers.
  for (const int64_t begin : {int64_t{0}, count / 3, count / 2, count - 1}) {
    for (const int64_t length : {int64_t{0}, int64_t{1}, (count - begin) / 2, count - begin}) {
      std::vector<float> part(static_cast<size_t>(length));
      DequantizeBnb4(weight, begin, length, part.data());
      EXPECT_EQ(
          Bits(part),
          Bits(std::span(dequantized_nested).subspan(static_cast<size_t>(begin), part.size())));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Bnb4GoldenTest, ::testing::ValuesIn(kCases),
                         [](const auto& c) { return std::string(c.param.file); });

TEST(Bnb4Test, TheDynamicMapIsThatOfBitsandbytes) {
  const auto map = Bnb8SignedDynamicMap();
  EXPECT_EQ(Bits(map), Bits(Golden("bnb4/dynamic_map.bin").Take<float>(256)));
}

TEST(Bnb4Test, NestsManyBlocksAsBitsandbytesDoes) {
  constexpr size_t kCount = 1100;
  Golden golden("bnb4/nested.bin");
  const auto absmax = golden.Take<float>(kCount);
  const auto quantized = golden.Take<uint8_t>(kCount);
  const auto nested_absmax = golden.Take<float>(5);
  const auto offset = golden.TakeOne<float>();
  const auto back = golden.Take<float>(kCount);
  const Bnb4NestedAbsmax nested = NestAbsmax(absmax);
  EXPECT_EQ(Bits({&nested.offset, 1}), Bits({&offset, 1}));
  EXPECT_EQ(nested.quantized, quantized);
  EXPECT_EQ(Bits(nested.absmax), Bits(nested_absmax));
  EXPECT_EQ(Bits(UnnestAbsmax(nested)), Bits(back));
  EXPECT_TRUE(UnnestAbsmax(NestAbsmax({})).empty());
}

TEST(Bnb4Test, RefusesWhatHasNoForm) {
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> values = {1.0f, bad};
    EXPECT_THROW(QuantizeBnb4(Bnb4Kind::kNf4, values, 64), Error);
  }
  const std::vector<float> one = {1.0f};
  EXPECT_THROW(QuantizeBnb4(Bnb4Kind::kNf4, one, 0), Error);
  EXPECT_THROW(QuantizeBnb4(Bnb4Kind::kNf4, one, 63), Error);
  Bnb4NestedAbsmax short_of_scales;
  short_of_scales.quantized.resize(257);
  short_of_scales.absmax.resize(1);
  EXPECT_THROW(UnnestAbsmax(short_of_scales), Error);
}

}  // namespace
}  // namespace dear
