#ifndef DEAR_TENSOR_MATRIX_H_
#define DEAR_TENSOR_MATRIX_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "tensor/bnb4.h"
#include "tensor/tensor.h"

namespace dear {

class ThreadPool;
struct PackedWeights;

// How a row of narrow codes stands for numbers: value = meaning(code) * scale + minimum, where
// scale and minimum are shared by `block` numbers of the row and the product is exact where there
// is a minimum (so that it does not matter whether it is fused with the sum).
struct CodedForm {
  int bits = 4;                    // 4: meaning(code) = levels[code]; 8: the code itself, an int8
  std::array<float, 16> levels{};  // of 4 bits
  int64_t block = 32;              // numbers; a multiple of 16 that no row cuts
  bool has_minimum = false;
  bool half_scales = false;  // scales and minima are f16 numbers
};

// Rows as they lie in a file, one after the other.
struct StoredRows {
  DType dtype = DType::kF32;
  const std::byte* data = nullptr;  // of any alignment
  int64_t row_bytes = 0;
};

// A weight matrix [rows, cols] in the form in which it is held: any DType, 4-bit of bitsandbytes,
// or int8 with one scale a row. Immutable and shared; kernels read it row block by row block.
class Matrix {
 public:
  virtual ~Matrix() = default;

  int64_t rows() const { return rows_; }  // output features
  int64_t cols() const { return cols_; }  // input features
  virtual std::string form() const = 0;   // "bf16", "q4_1", "nf4", "int8"
  virtual uint64_t bytes() const = 0;     // memory or mapping that it takes

  // Rows [row, row + count) widened to f32 at `dst` [count, cols]. Thread-safe.
  virtual void CopyRows(int64_t row, int64_t count, float* dst) const = 0;

  // Row-major f32 numbers where that is how they are held (kernels then skip the copy), else null.
  virtual const float* DenseF32() const { return nullptr; }

  // The rows where they are a plain or block-quantised tensor, else null: kernels that know the
  // type widen it to the same numbers.
  virtual const StoredRows* Stored() const { return nullptr; }

  // Where the numbers are codes with a scale a block, what those mean; and rows of them: codes
  // [count, cols], scales and minima (where the form has them) [count, cols / block].
  virtual std::optional<CodedForm> Coded() const { return std::nullopt; }
  virtual void CopyCodes(int64_t row, int64_t count, uint8_t* codes, float* scales,
                         float* minima) const;

  // The weights in the order of the fast kernels where that is how they are held, else null.
  virtual const PackedWeights* Packed() const { return nullptr; }

 protected:
  Matrix(int64_t rows, int64_t cols) : rows_(rows), cols_(cols) {}

 private:
  int64_t rows_;
  int64_t cols_;
};

// A plain or block-quantised tensor of two dimensions, used where it lies. Throws kInvalidFormat
// for another rank, kUnsupported for a type that has no f32 meaning.
std::shared_ptr<const Matrix> MakeMatrix(Tensor tensor);
// Throws kInvalidFormat where packed bytes or absmax do not fit the shape.
std::shared_ptr<const Matrix> MakeMatrix(Bnb4Weight weight, std::shared_ptr<const void> owner);
// LLM.int8 as bitsandbytes stores it: `weight` i8 [rows, cols] ("X.weight") and one f32 scale a row
// ("X.SCB"); value = weight * scale * (1/127), each product rounded to f32
// (functional.int8_vectorwise_dequant). Throws kInvalidFormat for other types and shapes.
std::shared_ptr<const Matrix> MakeInt8Matrix(Tensor weight, const Tensor& scales);

enum class WeightForm { kAuto, kF32, kBF16, kInt8, kNf4, kFp4, kQ8_0, kQ4_0 };

struct WeightFormOptions {
  WeightForm form = WeightForm::kAuto;
  bool double_quant = false;  // with kNf4 and kFp4
};

// `source` in another form; returned unchanged for kAuto and where it has that form already. The
// work is done row block by row block, on the threads of `pool` where there is one.
// int8: as LLM.int8 holds weights: rounded to f16, then q = round(w * (127 / absmax(row))).
// kNf4 and kFp4: quantised as bitsandbytes does in blocks of 64, keeping `rounding` of the source's
// type; a source in another form than f32 or f16 is taken as bf16 (rounded to it first).
// Throws kUnsupported for q8_0 and q4_0 where rows are no whole blocks, kInvalidFormat where a
// number is not finite and the form cannot hold it. The messages name no tensor: use Within().
std::shared_ptr<const Matrix> ConvertMatrix(std::shared_ptr<const Matrix> source,
                                            const WeightFormOptions& options,
                                            ThreadPool* pool = nullptr);

}  // namespace dear

#endif  // DEAR_TENSOR_MATRIX_H_
