#include "tensor/matrix.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/error.h"
#include "tensor/block_codes.h"
#include "tensor/dequantize.h"

namespace dear {
namespace {

class StoredMatrix final : public Matrix {
 public:
  explicit StoredMatrix(Tensor tensor)
      : Matrix(tensor.shape[0], tensor.shape[1]),
        tensor_(std::move(tensor)),
        stored_{.dtype = tensor_.dtype,
                .data = tensor_.bytes.data(),
                .row_bytes = static_cast<int64_t>(
                    *StorageBytes(tensor_.dtype, static_cast<uint64_t>(tensor_.shape[1])))} {}

  std::string form() const override { return std::string(DTypeName(tensor_.dtype)); }
  uint64_t bytes() const override { return tensor_.bytes.size(); }

  void CopyRows(int64_t row, int64_t count, float* dst) const override {
    ConvertToF32(tensor_.dtype, tensor_.bytes.data() + row * stored_.row_bytes, count * cols(),
                 dst);
  }

  const float* DenseF32() const override {
    const bool aligned = std::bit_cast<uintptr_t>(tensor_.bytes.data()) % alignof(float) == 0;
    if (tensor_.dtype != DType::kF32 || !aligned) return nullptr;
    return reinterpret_cast<const float*>(tensor_.bytes.data());
  }

  const StoredRows* Stored() const override { return &stored_; }

  std::optional<CodedForm> Coded() const override { return BlockCodesOf(tensor_.dtype); }
  void CopyCodes(int64_t row, int64_t count, uint8_t* codes, float* scales,
                 float* minima) const override {
    CopyBlockCodes(tensor_.dtype,
                   reinterpret_cast<const uint8_t*>(tensor_.bytes.data()) + row * stored_.row_bytes,
                   count * cols(), codes, scales, minima);
  }

 private:
  Tensor tensor_;
  StoredRows stored_;
};

class Bnb4Matrix final : public Matrix {
 public:
  Bnb4Matrix(Bnb4Weight weight, std::shared_ptr<const void> owner)
      : Matrix(weight.shape[0], weight.shape[1]),
        weight_(std::move(weight)),
        owner_(std::move(owner)) {}

  std::string form() const override { return weight_.kind == Bnb4Kind::kNf4 ? "nf4" : "fp4"; }
  uint64_t bytes() const override {
    return weight_.packed.size() + weight_.absmax.size() * sizeof(float);
  }

  void CopyRows(int64_t row, int64_t count, float* dst) const override {
    DequantizeBnb4(weight_, row * cols(), count * cols(), dst);
  }

  // Blocks lie along the flat weight: only where they end with the rows has a row blocks of its
  // own.
  std::optional<CodedForm> Coded() const override {
    if (weight_.block_size % 16 != 0 || cols() % weight_.block_size != 0) return std::nullopt;
    return CodedForm{.bits = 4, .levels = weight_.code, .block = weight_.block_size};
  }
  void CopyCodes(int64_t row, int64_t count, uint8_t* codes, float* scales, float*) const override {
    const auto* packed = reinterpret_cast<const uint8_t*>(weight_.packed.data()) + row * cols() / 2;
    for (int64_t i = 0; i < count * cols() / 2; ++i) {
      codes[2 * i] = packed[i] >> 4;
      codes[2 * i + 1] = packed[i] & 15;
    }
    const int64_t blocks = cols() / weight_.block_size;
    std::copy_n(weight_.absmax.begin() + row * blocks, count * blocks, scales);
  }

 private:
  Bnb4Weight weight_;
  std::shared_ptr<const void> owner_;
};

}  // namespace

void Matrix::CopyCodes(int64_t, int64_t, uint8_t*, float*, float*) const {
  throw Error(ErrorCode::kInternal, form() + " matrix", "has no codes");
}

std::shared_ptr<const Matrix> MakeMatrix(Tensor tensor) {
  if (tensor.shape.size() != 2) {
    throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                "has shape " + tensor.ShapeString() + ", expected two dimensions");
  }
  if (!ConvertsToF32(tensor.dtype)) {
    throw Error(ErrorCode::kUnsupported, tensor.Where(),
                "type " + std::string(DTypeName(tensor.dtype)) + " cannot be used as a weight");
  }
  const auto size = StorageBytes(tensor.dtype, static_cast<uint64_t>(tensor.elements()));
  const auto row_size = StorageBytes(tensor.dtype, static_cast<uint64_t>(tensor.shape[1]));
  if (!size || !row_size || *size != tensor.bytes.size()) {
    throw Error(ErrorCode::kInvalidFormat, tensor.Where(),
                "its " + std::to_string(tensor.bytes.size()) + " bytes do not hold " +
                    tensor.ShapeString() + " numbers of type " +
                    std::string(DTypeName(tensor.dtype)));
  }
  return std::make_shared<StoredMatrix>(std::move(tensor));
}

std::shared_ptr<const Matrix> MakeMatrix(Bnb4Weight weight, std::shared_ptr<const void> owner) {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::kInvalidFormat, "4-bit weight", what);
  };
  if (weight.shape.size() != 2 || weight.shape[0] < 0 || weight.shape[1] < 0) {
    fail("expected two dimensions");
  }
  if (weight.block_size < 2 || weight.block_size % 2 != 0) {
    fail("block size " + std::to_string(weight.block_size) + " is not even and positive");
  }
  const auto elements = static_cast<uint64_t>(weight.elements());
  const auto block = static_cast<uint64_t>(weight.block_size);
  const uint64_t blocks = elements / block + (elements % block != 0 ? 1 : 0);
  if (weight.packed.size() != elements / 2 + elements % 2 || weight.absmax.size() != blocks) {
    fail("expected " + std::to_string(elements / 2 + elements % 2) + " bytes and " +
         std::to_string(blocks) + " scales, found " + std::to_string(weight.packed.size()) +
         " and " + std::to_string(weight.absmax.size()));
  }
  return std::make_shared<Bnb4Matrix>(std::move(weight), std::move(owner));
}

}  // namespace dear
