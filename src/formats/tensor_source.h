#ifndef DEAR_FORMATS_TENSOR_SOURCE_H_
#define DEAR_FORMATS_TENSOR_SOURCE_H_

#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace dear {

// The tensors of a checkpoint by name, whatever its container. Thread-safe after construction.
class TensorSource {
 public:
  virtual ~TensorSource() = default;

  virtual std::vector<std::string> Names() const = 0;  // sorted
  virtual bool Contains(std::string_view name) const = 0;
  // Throws Error kNotFound that names the file and the tensor.
  virtual Tensor Get(std::string_view name) const = 0;
  virtual const std::string& origin() const = 0;  // file or folder, for messages
};

}  // namespace dear

#endif  // DEAR_FORMATS_TENSOR_SOURCE_H_
