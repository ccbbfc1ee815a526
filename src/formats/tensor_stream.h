#ifndef DEAR_FORMATS_TENSOR_STREAM_H_
#define DEAR_FORMATS_TENSOR_STREAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "tensor/dtype.h"
#include "tensor/tensor.h"

namespace dear {

// A tensor that is going to be written: everything about it but its bytes.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
};

using WriteBytesFn = std::function<void(std::span<const std::byte>)>;

// Hands the bytes of tensor number `index` to `write`, in as many pieces as it likes: no more of a
// model than one piece needs to be in memory. Called once a tensor, in order.
using TensorBytesFn = std::function<void(size_t index, const WriteBytesFn& write)>;

// Bytes that a tensor takes. Throws Error kInvalidArgument where its shape is no whole blocks (of
// rows, for block types) or has a negative extent.
uint64_t TensorBytes(const TensorSpec& spec);

// Lets `produce` write tensor `index` to `file` and checks the length of what came (kInternal).
void WriteTensor(AtomicFile& file, const TensorSpec& spec, size_t index,
                 const TensorBytesFn& produce);

// The same for tensors at hand.
std::vector<TensorSpec> SpecsOf(std::span<const Tensor> tensors);
TensorBytesFn BytesOf(std::span<const Tensor> tensors);

}  // namespace dear

#endif  // DEAR_FORMATS_TENSOR_STREAM_H_
