#include "formats/tensor_stream.h"

#include <optional>

#include "base/error.h"
#include "formats/tensor_layout.h"

namespace dear {

uint64_t TensorBytes(const TensorSpec& spec) {
  std::vector<uint64_t> shape;
  bool valid = true;
  for (const int64_t extent : spec.shape) {
    valid = valid && extent >= 0;
    shape.push_back(static_cast<uint64_t>(extent));
  }
  const auto block = static_cast<uint64_t>(Traits(spec.dtype).block_elements);
  const auto elements = valid ? CountElements(shape) : std::nullopt;
  const auto size = elements ? StorageBytes(spec.dtype, *elements) : std::nullopt;
  if (!size || (block > 1 && (shape.empty() || shape.back() % block != 0))) {
    throw Error(ErrorCode::kInvalidArgument, "tensor '" + spec.name + "'",
                "its shape cannot be stored as " + std::string(DTypeName(spec.dtype)));
  }
  return *size;
}

void WriteTensor(AtomicFile& file, const TensorSpec& spec, size_t index,
                 const TensorBytesFn& produce) {
  const uint64_t before = file.written();
  produce(index, [&](std::span<const std::byte> bytes) { file.Write(bytes); });
  const uint64_t wrote = file.written() - before;
  if (wrote != TensorBytes(spec)) {
    throw Error(
        ErrorCode::kInternal, "tensor '" + spec.name + "'",
        "took " + std::to_string(wrote) + " bytes, expected " + std::to_string(TensorBytes(spec)));
  }
}

std::vector<TensorSpec> SpecsOf(std::span<const Tensor> tensors) {
  std::vector<TensorSpec> specs;
  specs.reserve(tensors.size());
  for (const Tensor& tensor : tensors) specs.push_back({tensor.name, tensor.dtype, tensor.shape});
  return specs;
}

TensorBytesFn BytesOf(std::span<const Tensor> tensors) {
  return [tensors](size_t index, const WriteBytesFn& write) { write(tensors[index].bytes); };
}

}  // namespace dear
