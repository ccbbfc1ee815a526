#ifndef DEAR_FORMATS_TENSOR_LIST_H_
#define DEAR_FORMATS_TENSOR_LIST_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/tensor_source.h"

namespace dear {

// Tensors at hand, as a source. `origin` stands in messages.
class TensorList : public TensorSource {
 public:
  explicit TensorList(std::string origin) : origin_(std::move(origin)) {}

  // A tensor of the same name is replaced.
  void Add(Tensor tensor) {
    tensor.origin = origin_;
    tensors_.insert_or_assign(tensor.name, std::move(tensor));
  }

  std::vector<std::string> Names() const override {
    std::vector<std::string> names;
    for (const auto& [name, tensor] : tensors_) names.push_back(name);
    return names;
  }
  bool Contains(std::string_view name) const override { return tensors_.contains(name); }
  Tensor Get(std::string_view name) const override {
    const auto found = tensors_.find(name);
    if (found != tensors_.end()) return found->second;
    throw Error(ErrorCode::kNotFound, origin_, "has no tensor '" + std::string(name) + "'");
  }
  const std::string& origin() const override { return origin_; }

 private:
  std::string origin_;
  std::map<std::string, Tensor, std::less<>> tensors_;
};

}  // namespace dear

#endif  // DEAR_FORMATS_TENSOR_LIST_H_
