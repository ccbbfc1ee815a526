#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/thread_pool.h"
#include "tensor/absmax.h"
#include "tensor/matrix.h"
#include "tensor/quantize.h"
#include "tensor/rounding.h"

namespace dear {
namespace {

constexpr int64_t kBnb4Block = 64;
// Rows that are widened at once: a multiple of kBnb4Block, so that no 4-bit block is cut.
constexpr int64_t kRowsAtOnce = 64;

using RowsFn = std::function<void(int64_t row, int64_t count, std::span<float> values)>;

// Blocks are independent of each other: `fn` writes its rows' part of the result alone.
void ForEachRowBlock(const Matrix& source, ThreadPool* pool, const RowsFn& fn) {
  std::vector<std::vector<float>> buffers(pool ? static_cast<size_t>(pool->num_threads()) : 1);
  const auto convert = [&](int64_t block, int worker) {
    std::vector<float>& buffer = buffers[static_cast<size_t>(worker)];
    const int64_t row = block * kRowsAtOnce;
    const int64_t count = std::min(kRowsAtOnce, source.rows() - row);
    buffer.resize(static_cast<size_t>(count * source.cols()));
    source.CopyRows(row, count, buffer.data());
    fn(row, count, buffer);
  };
  const int64_t blocks = (source.rows() + kRowsAtOnce - 1) / kRowsAtOnce;
  if (pool) {
    pool->Run(blocks, convert);
  } else {
    for (int64_t block = 0; block < blocks; ++block) convert(block, 0);
  }
}

std::shared_ptr<const Matrix> ToStored(const Matrix& source, DType dtype, ThreadPool* pool) {
  const auto row_bytes = StorageBytes(dtype, static_cast<uint64_t>(source.cols()));
  if (!row_bytes) {
    throw Error(ErrorCode::kUnsupported, "weight",
                "rows of " + std::to_string(source.cols()) + " numbers are no whole " +
                    std::string(DTypeName(dtype)) + " blocks of " +
                    std::to_string(Traits(dtype).block_elements));
  }
  std::vector<std::byte> bytes(static_cast<size_t>(source.rows()) * *row_bytes);
  ForEachRowBlock(source, pool, [&](int64_t row, int64_t, std::span<float> values) {
    QuantizeFromF32(dtype, values.data(), static_cast<int64_t>(values.size()),
                    bytes.data() + static_cast<uint64_t>(row) * *row_bytes);
  });
  return MakeMatrix(
      MakeTensor("converted", dtype, {source.rows(), source.cols()}, std::move(bytes)));
}

// Quantises a row of f16 numbers; returns its scale.
float RowToInt8(std::span<const float> row, int8_t* __restrict to) {
  const float absmax = AbsMax(row);
  if (!std::isfinite(absmax)) {
    throw Error(ErrorCode::kInvalidFormat, "weight",
                "holds NaN, infinity or a number beyond f16, which has no int8 form");
  }
  if (absmax == 0) return absmax;  // `to` holds zeros
  const float scale = 127.0f / absmax;
  // Adding 1.5 * 2^23 rounds to whole numbers, ties to even, as torch.round does.
  constexpr float kRound = 12582912.0f;
  const float* from = row.data();
  for (size_t i = 0; i < row.size(); ++i) {
    to[i] = static_cast<int8_t>(static_cast<int>((from[i] * scale + kRound) - kRound));
  }
  return absmax;
}

std::shared_ptr<const Matrix> ToInt8(const Matrix& source, ThreadPool* pool) {
  const int64_t cols = source.cols();
  std::vector<std::byte> bytes(static_cast<size_t>(source.rows() * cols));
  std::vector<float> scales(static_cast<size_t>(source.rows()));
  ForEachRowBlock(source, pool, [&](int64_t row, int64_t count, std::span<float> values) {
    RoundThrough(DType::kF16, values.data(), static_cast<int64_t>(values.size()));
    for (int64_t r = 0; r < count; ++r) {
      const auto from = values.subspan(static_cast<size_t>(r * cols), static_cast<size_t>(cols));
      auto* to = reinterpret_cast<int8_t*>(bytes.data()) + (row + r) * cols;
      scales[static_cast<size_t>(row + r)] = RowToInt8(from, to);
    }
  });
  return MakeInt8Matrix(
      MakeTensor("converted", DType::kI8, {source.rows(), cols}, std::move(bytes)),
      MakeTensor("scales", {source.rows()}, std::move(scales)));
}

DType RoundingOf(const Matrix& source) {
  const std::string form = source.form();
  if (form == "f32" || form == "f64") return DType::kF32;
  return form == "f16" ? DType::kF16 : DType::kBF16;
}

std::shared_ptr<const Matrix> ToBnb4(const Matrix& source, Bnb4Kind kind, bool double_quant,
                                     ThreadPool* pool) {
  Bnb4Weight weight;
  weight.kind = kind;
  weight.block_size = kBnb4Block;
  weight.rounding = RoundingOf(source);
  weight.shape = {source.rows(), source.cols()};
  weight.code = Bnb4Code(kind);

  const auto elements = static_cast<size_t>(weight.elements());
  auto packed = std::make_shared<std::vector<std::byte>>(elements / 2 + elements % 2);
  weight.absmax.resize((elements + kBnb4Block - 1) / kBnb4Block);
  ForEachRowBlock(source, pool, [&](int64_t row, int64_t, std::span<float> values) {
    RoundThrough(weight.rounding, values.data(), static_cast<int64_t>(values.size()));
    const Bnb4Quantized part = QuantizeBnb4(kind, values, kBnb4Block);
    const int64_t begin = row * source.cols();
    std::ranges::copy(part.packed, packed->begin() + begin / 2);
    std::ranges::copy(part.absmax, weight.absmax.begin() + begin / kBnb4Block);
  });
  if (double_quant) weight.absmax = UnnestAbsmax(NestAbsmax(weight.absmax));
  weight.packed = *packed;
  return MakeMatrix(std::move(weight), packed);
}

std::string_view NameOf(WeightForm form) {
  switch (form) {
    case WeightForm::kAuto: return "auto";
    case WeightForm::kF32: return "f32";
    case WeightForm::kBF16: return "bf16";
    case WeightForm::kInt8: return "int8";
    case WeightForm::kNf4: return "nf4";
    case WeightForm::kFp4: return "fp4";
    case WeightForm::kQ8_0: return "q8_0";
    case WeightForm::kQ4_0: return "q4_0";
  }
  return "";
}

}  // namespace

std::shared_ptr<const Matrix> ConvertMatrix(std::shared_ptr<const Matrix> source,
                                            const WeightFormOptions& options, ThreadPool* pool) {
  if (options.form == WeightForm::kAuto || source->form() == NameOf(options.form)) return source;
  switch (options.form) {
    case WeightForm::kF32: return ToStored(*source, DType::kF32, pool);
    case WeightForm::kBF16: return ToStored(*source, DType::kBF16, pool);
    case WeightForm::kInt8: return ToInt8(*source, pool);
    case WeightForm::kNf4: return ToBnb4(*source, Bnb4Kind::kNf4, options.double_quant, pool);
    case WeightForm::kFp4: return ToBnb4(*source, Bnb4Kind::kFp4, options.double_quant, pool);
    case WeightForm::kQ8_0: return ToStored(*source, DType::kQ8_0, pool);
    case WeightForm::kQ4_0: return ToStored(*source, DType::kQ4_0, pool);
    case WeightForm::kAuto: break;
  }
  return source;
}

}  // namespace dear
