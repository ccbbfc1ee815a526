#ifndef DEAR_TENSOR_TENSOR_H_
#define DEAR_TENSOR_TENSOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/dtype.h"

namespace dear {

// A tensor as it lies in its file: row-major, last dimension contiguous. The bytes belong to
// `owner` (a mapped file or a buffer), which this view keeps alive. Nothing is copied.
struct Tensor {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;  // StorageBytes(dtype, elements()) long; may be unaligned
  std::shared_ptr<const void> owner;
  std::string origin;  // file, for messages

  int64_t elements() const;
  std::string ShapeString() const;  // "[2, 3]"
  // "file: tensor 'name'": the context of an Error about this tensor.
  std::string Where() const;
};

// A tensor that owns its numbers (shape's product must equal values.size()).
Tensor MakeTensor(std::string name, std::vector<int64_t> shape, std::vector<float> values);
Tensor MakeTensor(std::string name, DType dtype, std::vector<int64_t> shape,
                  std::vector<std::byte> bytes);

// All numbers as f32 (exact for every type but f64 and 64-bit integers). Throws kUnsupported for
// types without a meaning as weights.
std::vector<float> ToF32(const Tensor& tensor);

}  // namespace dear

#endif  // DEAR_TENSOR_TENSOR_H_
