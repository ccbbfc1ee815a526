#include "tensor/tensor.h"

#include <cstring>

#include "base/error.h"
#include "tensor/dequantize.h"

namespace dear {
namespace {

Tensor OwnedTensor(std::string name, DType dtype, std::vector<int64_t> shape, const std::byte* data,
                   size_t size, std::shared_ptr<const void> owner) {
  Tensor tensor{std::move(name), dtype, std::move(shape), {data, size}, std::move(owner), "memory"};
  const auto expected = StorageBytes(dtype, static_cast<uint64_t>(tensor.elements()));
  if (!expected || *expected != size) {
    throw Error(ErrorCode::kInternal, tensor.Where(),
                "size does not fit shape " + tensor.ShapeString());
  }
  return tensor;
}

}  // namespace

int64_t Tensor::elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

std::string Tensor::ShapeString() const {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

std::string Tensor::Where() const {
  return origin + ": tensor '" + name + "'";
}

Tensor MakeTensor(std::string name, std::vector<int64_t> shape, std::vector<float> values) {
  auto buffer = std::make_shared<const std::vector<float>>(std::move(values));
  const auto bytes = std::as_bytes(std::span(*buffer));
  return OwnedTensor(std::move(name), DType::kF32, std::move(shape), bytes.data(), bytes.size(),
                     buffer);
}

Tensor MakeTensor(std::string name, DType dtype, std::vector<int64_t> shape,
                  std::vector<std::byte> bytes) {
  auto buffer = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return OwnedTensor(std::move(name), dtype, std::move(shape), buffer->data(), buffer->size(),
                     buffer);
}

std::vector<float> ToF32(const Tensor& tensor) {
  if (!ConvertsToF32(tensor.dtype)) {
    throw Error(ErrorCode::kUnsupported, tensor.Where(),
                "type " + std::string(DTypeName(tensor.dtype)) + " cannot be used as a weight");
  }
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  ConvertToF32(tensor.dtype, tensor.bytes.data(), tensor.elements(), values.data());
  return values;
}

}  // namespace dear
