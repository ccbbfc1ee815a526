#include "tensor/matrix.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/quantize.h"
#include "tensor/rounding.h"
#include "tensor/testing/golden.h"

namespace dear {
namespace {

using testing::Bits;
using testing::Golden;

std::vector<float> Ramp(int64_t count) {
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 7;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = (static_cast<float>(state >> 8) * 0x1p-23f - 1.0f) * 0.05f;
  }
  return values;
}

std::vector<float> AllRows(const Matrix& matrix) {
  std::vector<float> values(static_cast<size_t>(matrix.rows() * matrix.cols()));
  matrix.CopyRows(0, matrix.rows(), values.data());
  return values;
}

std::shared_ptr<const Matrix> F32Matrix(int64_t rows, int64_t cols) {
  return MakeMatrix(MakeTensor("w", {rows, cols}, Ramp(rows * cols)));
}

// Every single row, and every block of rows, must be what the whole copy holds.
void ExpectRowsAgree(const Matrix& matrix) {
  const auto all = AllRows(matrix);
  for (int64_t row = 0; row < matrix.rows(); ++row) {
    for (int64_t count = 1; row + count <= matrix.rows(); ++count) {
      std::vector<float> part(static_cast<size_t>(count * matrix.cols()));
      matrix.CopyRows(row, count, part.data());
      ASSERT_EQ(Bits(part), Bits(std::span(all).subspan(static_cast<size_t>(row * matrix.cols()),
                                                        part.size())));
    }
  }
}

TEST(MatrixTest, F32IsUsedWhereItLies) {
  const auto matrix = F32Matrix(3, 5);
  EXPECT_EQ(matrix->rows(), 3);
  EXPECT_EQ(matrix->cols(), 5);
  EXPECT_EQ(matrix->form(), "f32");
  EXPECT_EQ(matrix->bytes(), 60u);
  ASSERT_NE(matrix->DenseF32(), nullptr);
  EXPECT_EQ(Bits({matrix->DenseF32(), 15}), Bits(AllRows(*matrix)));
  ExpectRowsAgree(*matrix);
}

TEST(MatrixTest, UnalignedF32IsNotDense) {
  const auto values = Ramp(6);
  auto buffer = std::make_shared<std::vector<std::byte>>(25);
  std::memcpy(buffer->data() + 1, values.data(), 24);
  Tensor tensor{"w", DType::kF32, {2, 3}, std::span(*buffer).subspan(1), buffer, "test"};
  const auto matrix = MakeMatrix(tensor);
  EXPECT_EQ(matrix->DenseF32(), nullptr);
  EXPECT_EQ(Bits(AllRows(*matrix)), Bits(values));
}

TEST(MatrixTest, EveryTypeHasRows) {
  for (int type = 0; type <= static_cast<int>(DType::kIQ4_XS); ++type) {
    const auto dtype = static_cast<DType>(type);
    std::vector<std::byte> bytes(*StorageBytes(dtype, 3 * 512));
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 % 101);
    const auto matrix = MakeMatrix(MakeTensor("w", dtype, {3, 512}, bytes));
    EXPECT_EQ(matrix->form(), DTypeName(dtype));
    EXPECT_EQ(matrix->bytes(), bytes.size());
    ExpectRowsAgree(*matrix);
  }
}

TEST(MatrixTest, RefusesOtherShapes) {
  EXPECT_THROW(MakeMatrix(MakeTensor("w", {4}, Ramp(4))), Error);
  EXPECT_THROW(MakeMatrix(MakeTensor("w", {1, 2, 2}, Ramp(4))), Error);
  // 32 numbers are a whole block, rows of 16 are not.
  const Tensor halves = MakeTensor("w", DType::kQ8_0, {2, 16}, std::vector<std::byte>(34));
  EXPECT_THROW(MakeMatrix(halves), Error);
  Tensor shorter = MakeTensor("w", {2, 2}, Ramp(4));
  shorter.bytes = shorter.bytes.first(12);
  EXPECT_THROW(MakeMatrix(shorter), Error);
}

TEST(MatrixTest, Bnb4IsCheckedAgainstItsShape) {
  const auto values = Ramp(5 * 26);
  auto quantized = std::make_shared<Bnb4Quantized>(QuantizeBnb4(Bnb4Kind::kNf4, values, 64));
  const Bnb4Weight good{
      Bnb4Kind::kNf4,          64, DType::kF32, {5, 26}, quantized->packed, quantized->absmax,
      Bnb4Code(Bnb4Kind::kNf4)};
  const auto matrix = MakeMatrix(good, quantized);
  EXPECT_EQ(matrix->form(), "nf4");
  EXPECT_EQ(matrix->bytes(), 65u + 3 * 4);
  ExpectRowsAgree(*matrix);
  for (int broken = 0; broken < 4; ++broken) {
    Bnb4Weight weight = good;
    if (broken == 0) weight.shape = {5, 28};
    if (broken == 1) weight.absmax.pop_back();
    if (broken == 2) weight.block_size = 0;
    if (broken == 3) weight.shape = {130};
    EXPECT_THROW(MakeMatrix(weight, quantized), Error) << broken;
  }
}

TEST(MatrixTest, Int8HasTheBitsOfBitsandbytes) {
  Golden golden("int8.bin");
  const auto values = golden.Take<float>(5 * 33);
  const auto quantized = golden.Take<std::byte>(5 * 33);
  const auto scales = golden.Take<float>(5);
  const auto expected = golden.Take<float>(5 * 33);
  const auto stored = MakeInt8Matrix(MakeTensor("w", DType::kI8, {5, 33}, quantized),
                                     MakeTensor("SCB", {5}, scales));
  EXPECT_EQ(stored->form(), "int8");
  EXPECT_EQ(stored->bytes(), 5u * 33 + 20);
  EXPECT_EQ(Bits(AllRows(*stored)), Bits(expected));
  ExpectRowsAgree(*stored);
  const auto converted =
      ConvertMatrix(MakeMatrix(MakeTensor("w", {5, 33}, values)), {WeightForm::kInt8});
  EXPECT_EQ(Bits(AllRows(*converted)), Bits(expected));
  const auto large = F32Matrix(200, 64);
  ThreadPool pool(3);
  EXPECT_EQ(Bits(AllRows(*ConvertMatrix(large, {WeightForm::kInt8}, &pool))),
            Bits(AllRows(*ConvertMatrix(large, {WeightForm::kInt8}))));

  EXPECT_THROW(MakeInt8Matrix(MakeTensor("w", {5, 33}, values), MakeTensor("SCB", {5}, scales)),
               Error);
  EXPECT_THROW(MakeInt8Matrix(MakeTensor("w", DType::kI8, {5, 33}, quantized),
                              MakeTensor("SCB", {4}, Ramp(4))),
               Error);
}

TEST(ConvertMatrixTest, AutoAndTheSameFormChangeNothing) {
  const auto matrix = F32Matrix(2, 4);
  EXPECT_EQ(ConvertMatrix(matrix, {}), matrix);
  EXPECT_EQ(ConvertMatrix(matrix, {WeightForm::kF32}), matrix);
}

TEST(ConvertMatrixTest, StoredFormsHoldWhatTheirQuantisationGives) {
  const int64_t rows = 130;  // more than one block of rows
  const auto source = F32Matrix(rows, 64);
  const auto values = AllRows(*source);
  for (const auto& [form, dtype] :
       {std::pair{WeightForm::kBF16, DType::kBF16}, std::pair{WeightForm::kQ8_0, DType::kQ8_0},
        std::pair{WeightForm::kQ4_0, DType::kQ4_0}}) {
    std::vector<std::byte> bytes(*StorageBytes(dtype, values.size()));
    QuantizeFromF32(dtype, values.data(), rows * 64, bytes.data());
    const auto matrix = ConvertMatrix(source, {form});
    ThreadPool pool(3);
    EXPECT_EQ(Bits(AllRows(*ConvertMatrix(source, {form}, &pool))), Bits(AllRows(*matrix)));
    EXPECT_EQ(matrix->form(), DTypeName(dtype));
    EXPECT_EQ(Bits(AllRows(*matrix)),
              Bits(AllRows(*MakeMatrix(MakeTensor("w", dtype, {rows, 64}, bytes)))));
    // And back to f32, dense.
    const auto widened = ConvertMatrix(matrix, {WeightForm::kF32});
    ASSERT_NE(widened->DenseF32(), nullptr);
    EXPECT_EQ(Bits(AllRows(*widened)), Bits(AllRows(*matrix)));
  }
}

TEST(ConvertMatrixTest, Bnb4EqualsTheWholeWeightQuantisedAtOnce) {
  const int64_t rows = 131;
  for (const int64_t cols : {64, 30}) {  // 30: blocks cross rows, the last one is partial
    const auto source = F32Matrix(rows, cols);
    const auto values = AllRows(*source);
    for (const Bnb4Kind kind : {Bnb4Kind::kNf4, Bnb4Kind::kFp4}) {
      for (const bool double_quant : {false, true}) {
        const auto whole = QuantizeBnb4(kind, values, 64);
        Bnb4Weight weight{kind,         64,           DType::kF32,   {rows, cols},
                          whole.packed, whole.absmax, Bnb4Code(kind)};
        if (double_quant) weight.absmax = UnnestAbsmax(NestAbsmax(whole.absmax));
        std::vector<float> expected(values.size());
        DequantizeBnb4(weight, 0, rows * cols, expected.data());
        const auto form = kind == Bnb4Kind::kNf4 ? WeightForm::kNf4 : WeightForm::kFp4;
        const auto matrix = ConvertMatrix(source, {form, double_quant});
        EXPECT_EQ(Bits(AllRows(*matrix)), Bits(expected));
        ThreadPool pool(3);
        EXPECT_EQ(Bits(AllRows(*ConvertMatrix(source, {form, double_quant}, &pool))),
                  Bits(expected));
      }
    }
  }
}

TEST(ConvertMatrixTest, Bnb4KeepsTheTypeThatTheWeightHad) {
  const auto f32 = F32Matrix(4, 64);
  const auto rounds = [](const Matrix& matrix, DType dtype) {
    auto values = AllRows(matrix);
    const auto before = values;
    RoundThrough(dtype, values.data(), static_cast<int64_t>(values.size()));
    return Bits(values) == Bits(before);
  };
  const auto bf16 = ConvertMatrix(f32, {WeightForm::kBF16});
  EXPECT_FALSE(rounds(*ConvertMatrix(f32, {WeightForm::kNf4}), DType::kBF16));
  EXPECT_TRUE(rounds(*ConvertMatrix(bf16, {WeightForm::kNf4}), DType::kBF16));
  EXPECT_TRUE(rounds(*ConvertMatrix(ConvertMatrix(f32, {WeightForm::kQ8_0}), {WeightForm::kFp4}),
                     DType::kBF16));
}

TEST(ConvertMatrixTest, RefusesWhatAFormCannotHold) {
  const auto narrow = F32Matrix(2, 33);
  for (const WeightForm form : {WeightForm::kQ8_0, WeightForm::kQ4_0}) {
    try {
      ConvertMatrix(narrow, {form});
      ADD_FAILURE();
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kUnsupported);
      EXPECT_NE(e.message().find("rows of 33 numbers"), std::string::npos);
    }
  }
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const auto broken = MakeMatrix(MakeTensor("w", {1, 2}, {1.0f, bad}));
    for (const WeightForm form : {WeightForm::kInt8, WeightForm::kNf4, WeightForm::kFp4}) {
      EXPECT_THROW(ConvertMatrix(broken, {form}), Error);
    }
  }
}

}  // namespace
}  // namespace dear
