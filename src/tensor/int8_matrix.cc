#include <cstring>
#include <utility>
#include <vector>

#include "base/error.h"
#include "tensor/matrix.h"

namespace dear {
namespace {

// f32 of the reciprocal that bitsandbytes writes for 1/127.
constexpr float kInverse127 = 7.874015718698502e-3f;

class Int8Matrix final : public Matrix {
 public:
  Int8Matrix(Tensor weight, std::vector<float> scales)
      : Matrix(weight.shape[0], weight.shape[1]),
        weight_(std::move(weight)),
        scales_(std::move(scales)) {}

  std::string form() const override { return "int8"; }
  uint64_t bytes() const override { return weight_.bytes.size() + scales_.size() * sizeof(float); }

  void CopyRows(int64_t row, int64_t count, float* dst) const override {
    const auto* q = reinterpret_cast<const int8_t*>(weight_.bytes.data()) + row * cols();
    for (int64_t r = 0; r < count; ++r) {
      CopyRow(q + r * cols(), scales_[static_cast<size_t>(row + r)], cols(), dst + r * cols());
    }
  }

  // The two factors of a row as one: a rounding less than CopyRows.
  std::optional<CodedForm> Coded() const override {
    if (cols() % 16 != 0) return std::nullopt;
    return CodedForm{.bits = 8, .block = cols()};
  }
  void CopyCodes(int64_t row, int64_t count, uint8_t* codes, float* scales, float*) const override {
    std::memcpy(codes, weight_.bytes.data() + row * cols(), static_cast<size_t>(count * cols()));
    for (int64_t r = 0; r < count; ++r) {
      scales[r] = scales_[static_cast<size_t>(row + r)] * kInverse127;
    }
  }

 private:
  static void CopyRow(const int8_t* __restrict q, float scale, int64_t cols,
                      float* __restrict dst) {
    for (int64_t i = 0; i < cols; ++i) dst[i] = static_cast<float>(q[i]) * scale * kInverse127;
  }

  Tensor weight_;
  std::vector<float> scales_;
};

}  // namespace

std::shared_ptr<const Matrix> MakeInt8Matrix(Tensor weight, const Tensor& scales) {
  if (weight.dtype != DType::kI8 || weight.shape.size() != 2 ||
      weight.bytes.size() != static_cast<uint64_t>(weight.elements())) {
    throw Error(ErrorCode::kInvalidFormat, weight.Where(),
                "expected int8 numbers of two dimensions, found " +
                    std::string(DTypeName(weight.dtype)) + " " + weight.ShapeString());
  }
  if (scales.dtype != DType::kF32 || scales.elements() != weight.shape[0]) {
    throw Error(ErrorCode::kInvalidFormat, scales.Where(),
                "expected " + std::to_string(weight.shape[0]) + " f32 scales, found " +
                    std::string(DTypeName(scales.dtype)) + " " + scales.ShapeString());
  }
  return std::make_shared<Int8Matrix>(std::move(weight), ToF32(scales));
}

}  // namespace dear
