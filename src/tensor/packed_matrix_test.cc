#include "tensor/packed_matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/thread_pool.h"
#include "base/xxh64.h"
#include "tensor/quantize.h"
#include "tensor/rounding.h"
#include "tensor/testing/normal_numbers.h"

namespace dear {
namespace {

using testing::NormalNumbers;

std::vector<float> Rows(const Matrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows() * matrix.cols()));
  matrix.CopyRows(0, matrix.rows(), values.data());
  return values;
}

// Units in bf16's last place between two bf16 numbers of one sign; a large number otherwise.
int64_t Units(float a, float b) {
  if (std::signbit(a) != std::signbit(b) && (a != 0 || b != 0)) return 1 << 20;
  return std::abs(int64_t{F32ToBF16(a) & 0x7fff} - int64_t{F32ToBF16(b) & 0x7fff});
}

TEST(UnitsTest, SeesEveryMutation) {
  EXPECT_EQ(Units(1.5F, 1.5F), 0);
  EXPECT_EQ(Units(1.0F, 1.0078125F), 1);
  EXPECT_GT(Units(1.0F, -1.0F), 1000);
  EXPECT_GT(Units(0.0F, 1.0F), 1000);
}

void ExpectRounded(const Matrix& source, int64_t units, const std::string& what) {
  ThreadPool pool(2);
  for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
    const auto packed = PackMatrix(source, threads);
    ASSERT_NE(packed->Packed(), nullptr);
    EXPECT_EQ(packed->form(), "packed " + source.form());
    const auto expected = Rows(source);
    const auto got = Rows(*packed);
    for (size_t i = 0; i < expected.size(); ++i) {
      ASSERT_LE(Units(got[i], RoundThroughBF16(expected[i])), units)
          << what << " " << source.form() << " at " << i << ": " << got[i] << " for "
          << expected[i];
    }
  }
}

TEST(PackedMatrixTest, NumbersOfEveryShapeAreRounded) {
  std::mt19937 random(3);
  for (const int64_t rows : {1, 15, 16, 17, 33}) {
    for (const int64_t cols : {1, 16, 31, 32, 33, 65}) {
      const auto source =
          MakeMatrix(MakeTensor("w", {rows, cols}, NormalNumbers(random, rows * cols)));
      ExpectRounded(*source, 0, std::to_string(rows) + " x " + std::to_string(cols));
    }
  }
}

TEST(PackedMatrixTest, CodesOfEveryFormStayCodesAndKeepTheirNumbers) {
  std::mt19937 random(5);
  for (const int64_t rows : {1, 16, 35}) {
    for (const int64_t cols : {64, 192}) {
      const auto values = NormalNumbers(random, rows * cols);
      const auto source = MakeMatrix(MakeTensor("w", {rows, cols}, values));
      for (const DType dtype :
           {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0}) {
        std::vector<std::byte> bytes(*StorageBytes(dtype, static_cast<uint64_t>(rows * cols)));
        QuantizeFromF32(dtype, values.data(), rows * cols, bytes.data());
        const auto matrix = MakeMatrix(MakeTensor("w", dtype, {rows, cols}, std::move(bytes)));
        ExpectRounded(*matrix, 0, "gguf");
      }
      for (const WeightForm form : {WeightForm::kNf4, WeightForm::kFp4, WeightForm::kInt8}) {
        // int8's two factors are one here: a rounding less.
        const auto matrix = ConvertMatrix(source, {.form = form});
        ExpectRounded(*matrix, form == WeightForm::kInt8 ? 1 : 0, "bitsandbytes");
        EXPECT_NE(PackMatrix(*matrix)->Packed()->kind, PackedWeights::Kind::kPairs);
      }
    }
  }
}

// Blocks of any bytes whose scales are numbers: every code and every scale bit counts.
TEST(PackedMatrixTest, SuperBlocksKeepTheirNumbers) {
  std::mt19937 random(7);
  constexpr int64_t kRows = 19;
  constexpr int64_t kCols = 512;
  const auto scales_at = [](DType dtype) -> std::vector<int64_t> {
    if (dtype == DType::kQ4_K || dtype == DType::kQ5_K) return {0, 2};
    return {dtype == DType::kQ6_K ? 208 : 0};
  };
  for (const DType dtype :
       {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kIQ4_XS, DType::kIQ4_NL}) {
    std::vector<std::byte> bytes(*StorageBytes(dtype, kRows * kCols));
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    for (size_t block = 0; block < bytes.size();
         block += static_cast<size_t>(Traits(dtype).block_bytes)) {
      for (const int64_t at : scales_at(dtype)) {
        const uint16_t scale = F32ToF16(std::normal_distribution<float>()(random));
        std::memcpy(bytes.data() + block + at, &scale, sizeof(scale));
      }
    }
    const auto matrix = MakeMatrix(MakeTensor("w", dtype, {kRows, kCols}, std::move(bytes)));
    const auto packed = PackMatrix(*matrix);
    EXPECT_NE(packed->Packed()->kind, PackedWeights::Kind::kPairs);
    ExpectRounded(*matrix, 0, "gguf");
  }
}

TEST(PackedMatrixTest, FourBitsStayFourBitsInMemory) {
  std::mt19937 random(11);
  constexpr int64_t kRows = 64;
  constexpr int64_t kCols = 1024;
  const auto source =
      MakeMatrix(MakeTensor("w", {kRows, kCols}, NormalNumbers(random, kRows * kCols)));
  const auto bits = [](const Matrix& matrix) {
    return 8.0 * static_cast<double>(matrix.bytes()) / (kRows * kCols);
  };
  EXPECT_EQ(bits(*PackMatrix(*source)), 16);
  EXPECT_EQ(bits(*PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kQ4_0}))), 4.5);
  EXPECT_EQ(bits(*PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kNf4}))), 4.5);
  EXPECT_EQ(bits(*PackMatrix(*ConvertMatrix(source, {.form = WeightForm::kQ8_0}))), 8.5);
}

// For int8 activations codes become bytes: exactly where the levels are whole numbers, else to the
// nearest of 255 steps.
TEST(PackedMatrixTest, BytesKeepTheNumbersOfCodes) {
  std::mt19937 random(17);
  constexpr int64_t kRows = 19;
  constexpr int64_t kCols = 192;
  const auto values = NormalNumbers(random, kRows * kCols);
  const auto source = MakeMatrix(MakeTensor("w", {kRows, kCols}, values));
  for (const DType dtype : {DType::kQ4_0, DType::kQ4_1, DType::kQ5_0, DType::kQ5_1, DType::kQ8_0}) {
    std::vector<std::byte> bytes(*StorageBytes(dtype, kRows * kCols));
    QuantizeFromF32(dtype, values.data(), kRows * kCols, bytes.data());
    const auto matrix = MakeMatrix(MakeTensor("w", dtype, {kRows, kCols}, std::move(bytes)));
    const auto packed = PackMatrix(*matrix, nullptr, Activations::kInt8);
    EXPECT_EQ(packed->Packed()->activations, Activations::kInt8);
    EXPECT_EQ(packed->Packed()->byte_unit, 1.0F);
    EXPECT_EQ(Rows(*packed), Rows(*matrix)) << matrix->form();
  }
  for (const WeightForm form : {WeightForm::kNf4, WeightForm::kFp4, WeightForm::kInt8}) {
    const auto matrix = ConvertMatrix(source, {.form = form});
    const auto packed = PackMatrix(*matrix, nullptr, Activations::kInt8);
    const auto expected = Rows(*matrix);
    const auto got = Rows(*packed);
    for (int64_t i = 0; i < kRows * kCols; ++i) {
      float largest = 0;  // of the block of 64
      for (int64_t k = i / 64 * 64; k < i / 64 * 64 + 64; ++k)
        largest = std::max(largest, std::abs(expected[static_cast<size_t>(k)]));
      const float half_a_step = form == WeightForm::kInt8 ? 0.0F : 0.5F / 127 * largest;
      ASSERT_NEAR(got[static_cast<size_t>(i)], expected[static_cast<size_t>(i)],
                  half_a_step + 1e-6F * largest)
          << matrix->form() << " at " << i;
    }
  }
  EXPECT_EQ(PackMatrix(*source, nullptr, Activations::kInt8)->Packed()->activations,
            Activations::kBF16);
}

// Numbers that no library's distribution can change: multiples of 1/64 from -8 to 8.
std::vector<float> FixedNumbers(int64_t count) {
  std::vector<float> values;
  uint32_t state = 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 1664525 + 1013904223;
    values.push_back(static_cast<float>(static_cast<int32_t>(state >> 22) - 512) / 64);
  }
  return values;
}

// Files keep these bytes from one version of the program to the next: where one of the sums
// changes, kPackedLayout (api/packed_cache.cc) has to be raised.
TEST(PackedMatrixTest, TheLayoutIsTheOneThatFilesKeep) {
  const auto source = MakeMatrix(MakeTensor("w", {19, 192}, FixedNumbers(19 * 192)));
  const std::pair<WeightForm, uint64_t> expected[] = {
      {WeightForm::kAuto, 0x419139645a0afb1e}, {WeightForm::kInt8, 0x0cb7882a5b392bef},
      {WeightForm::kNf4, 0xbacf1036b9f8a1b3},  {WeightForm::kFp4, 0x42bb107edffd48b0},
      {WeightForm::kQ8_0, 0xb3d4b822af3c53be}, {WeightForm::kQ4_0, 0xdef5b8e5817787ad}};
  for (const auto& [form, sum] : expected) {
    const auto packed = PackMatrix(*ConvertMatrix(source, {.form = form}));
    EXPECT_EQ(Xxh64(PackedBytes(*packed)), sum) << packed->form();
  }
}

TEST(PackedMatrixTest, AViewOfItsBytesIsTheMatrix) {
  std::mt19937 random(23);
  const auto source = MakeMatrix(MakeTensor("w", {19, 192}, NormalNumbers(random, 19 * 192)));
  std::vector<std::byte> q4_1(*StorageBytes(DType::kQ4_1, 19 * 192));
  QuantizeFromF32(DType::kQ4_1, Rows(*source).data(), 19 * 192, q4_1.data());
  std::vector<std::shared_ptr<const Matrix>> sources = {
      MakeMatrix(MakeTensor("w", DType::kQ4_1, {19, 192}, std::move(q4_1)))};
  for (const WeightForm form : {WeightForm::kAuto, WeightForm::kInt8, WeightForm::kNf4,
                                WeightForm::kFp4, WeightForm::kQ8_0, WeightForm::kQ4_0}) {
    sources.push_back(ConvertMatrix(source, {.form = form}));
  }
  for (const Activations activations : {Activations::kBF16, Activations::kInt8}) {
    for (const auto& each : sources) {
      auto packed = PackMatrix(*each, nullptr, activations);
      const PackedForm form = PackedFormOf(*packed);
      const auto bytes = PackedBytes(*packed);
      EXPECT_EQ(CountPackedBytes(19, 192, form), bytes.size());
      const auto view = ViewPackedMatrix(19, 192, form, bytes, packed);
      EXPECT_EQ(view->form(), packed->form());
      EXPECT_EQ(view->bytes(), packed->bytes());
      EXPECT_EQ(view->Packed()->data, packed->Packed()->data);
      EXPECT_EQ(view->Packed()->scales, packed->Packed()->scales);
      EXPECT_EQ(view->Packed()->minima, packed->Packed()->minima);
      EXPECT_EQ(view->Packed()->activations, packed->Packed()->activations);
      EXPECT_EQ(view->Packed()->byte_levels, packed->Packed()->byte_levels);
      const auto expected = Rows(*packed);
      packed.reset();  // the view keeps it
      EXPECT_EQ(Rows(*view), expected);
      EXPECT_THROW(ViewPackedMatrix(19, 192, form, bytes.first(bytes.size() - 64), nullptr), Error);
      EXPECT_THROW(ViewPackedMatrix(35, 192, form, bytes, nullptr), Error);
    }
  }
}

TEST(PackedMatrixTest, NoBytesFitAFormOrAShapeThatCannotBe) {
  const PackedForm pairs{.source = "bf16"};
  PackedForm codes{.source = "q4_0", .codes = CodedForm{.bits = 4, .block = 32}};
  EXPECT_TRUE(CountPackedBytes(16, 64, pairs));
  EXPECT_TRUE(CountPackedBytes(16, 64, codes));
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  for (const auto& [rows, cols] :
       std::vector<std::pair<int64_t, int64_t>>{{-1, 64},
                                                {16, 0},
                                                {16, -64},
                                                {kMost, 64},
                                                {16, kMost},
                                                {kMost, kMost},
                                                {int64_t{1} << 31, int64_t{1} << 31}}) {
    EXPECT_FALSE(CountPackedBytes(rows, cols, pairs)) << rows << " x " << cols;
    EXPECT_FALSE(CountPackedBytes(rows, cols, codes)) << rows << " x " << cols;
  }
  EXPECT_FALSE(CountPackedBytes(16, 64, {.source = "bf16", .activations = Activations::kInt8}));
  for (const int64_t block :
       {int64_t{0}, int64_t{-32}, int64_t{8}, int64_t{24}, int64_t{48}, int64_t{128}, kMost}) {
    codes.codes->block = block;
    EXPECT_FALSE(CountPackedBytes(16, 64, codes)) << block;
  }
  codes.codes->block = 32;
  for (const int bits : {0, 2, 16}) {
    codes.codes->bits = bits;
    EXPECT_FALSE(CountPackedBytes(16, 64, codes)) << bits;
  }
  codes.codes->bits = 4;
  for (const float level : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), 1e-30F, 3e38F}) {
    codes.codes->levels[3] = level;
    EXPECT_FALSE(CountPackedBytes(16, 64, codes)) << level;
  }
}

// A 4-bit weight whose blocks run across rows, and int8 rows that fill no block: as numbers.
TEST(PackedMatrixTest, BlocksThatRowsCutBecomeNumbers) {
  std::mt19937 random(13);
  const auto source = MakeMatrix(MakeTensor("w", {6, 40}, NormalNumbers(random, 240)));
  for (const WeightForm form : {WeightForm::kNf4, WeightForm::kInt8}) {
    const auto matrix = ConvertMatrix(source, {.form = form});
    EXPECT_EQ(PackMatrix(*matrix)->Packed()->kind, PackedWeights::Kind::kPairs);
    ExpectRounded(*matrix, 0, "cut");
  }
  EXPECT_THROW(source->CopyCodes(0, 1, nullptr, nullptr, nullptr), std::exception);
}

}  // namespace
}  // namespace dear
