#ifndef DEAR_TENSOR_MATRIX_H_
#define DEAR_TENSOR_MATRIX_H_

#include <cstdint>
#include <memory>
#include <string>

#include "tensor/bnb4.h"
#include "tensor/tensor.h"

namespace dear {

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

 protected:
  Matrix(int64_t rows, int64_t cols) : rows_(rows), cols_(cols) {}

 private:
  int64_t rows_;
  int64_t cols_;
};

// A plain or block-quantised tensor of two dimensions, used where it lies. Throws kInvalidFormat
// for another rank, kUnsupported for a type that has no f32 meaning.
std::shared_ptr<const Matrix> MakeMatrix(Tensor tensor);
std::shared_ptr<const Matrix> MakeMatrix(Bnb4Weight weight, std::shared_ptr<const void> owner);

enum class WeightForm { kAuto, kF32, kBF16, kInt8, kNf4, kFp4, kQ8_0, kQ4_0 };

struct WeightFormOptions {
  WeightForm form = WeightForm::kAuto;
  bool double_quant = false;  // with kNf4 and kFp4
};

// `source` in another form; kAuto returns it unchanged. int8: q = round(w * 127 / absmax(row)), as
// LLM.int8 holds weights. kNf4/kFp4 quantise as bitsandbytes does, keeping `rounding` of the
// source's type (bf16 where the source is a block type).
std::shared_ptr<const Matrix> ConvertMatrix(std::shared_ptr<const Matrix> source,
                                            const WeightFormOptions& options);

}  // namespace dear

#endif  // DEAR_TENSOR_MATRIX_H_
