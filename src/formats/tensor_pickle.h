#ifndef DEAR_FORMATS_TENSOR_PICKLE_H_
#define DEAR_FORMATS_TENSOR_PICKLE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tensor/dtype.h"

namespace dear {

// A tensor as a pickle of torch.save describes it: a strided view of a storage.
struct PickledTensor {
  std::string storage_key;  // names the storage's entry in the archive
  DType dtype = DType::kF32;
  uint64_t storage_elements = 0;
  uint64_t offset = 0;  // in elements
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;  // in elements
};

// Reads data.pkl of a torch archive: a dict from names to tensors, nothing else. This is no Python:
// the only globals are OrderedDict, the storage types and torch's two rebuild functions for tensors
// and parameters, each understood here as data; any other is refused by its name, as is every
// opcode that these do not need. Protocols 2 to 5. Time and memory are linear in the pickle's size.
// Throws kUnsupported naming the global or opcode, kInvalidFormat for a broken pickle.
std::vector<std::pair<std::string, PickledTensor>> ReadTensorPickle(
    std::span<const std::byte> pickle, const std::string& origin);

}  // namespace dear

#endif  // DEAR_FORMATS_TENSOR_PICKLE_H_
