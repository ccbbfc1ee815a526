#ifndef DEAR_FORMATS_RENAMED_TENSORS_H_
#define DEAR_FORMATS_RENAMED_TENSORS_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/tensor_source.h"

namespace dear {

// Tensors of another source under other names; those without a new name are left out.
class RenamedTensors : public TensorSource {
 public:
  using NameMap = std::map<std::string, std::string, std::less<>>;  // ours -> the source's

  RenamedTensors(std::shared_ptr<const TensorSource> source, NameMap names);

  std::vector<std::string> Names() const override;
  bool Contains(std::string_view name) const override;
  // The tensor keeps the name that it has in its file: messages say what users find there.
  Tensor Get(std::string_view name) const override;
  const std::string& origin() const override { return source_->origin(); }

 private:
  std::shared_ptr<const TensorSource> source_;
  NameMap names_;
};

}  // namespace dear

#endif  // DEAR_FORMATS_RENAMED_TENSORS_H_
