#include "formats/renamed_tensors.h"

#include <utility>

#include "base/error.h"

namespace dear {

RenamedTensors::RenamedTensors(std::shared_ptr<const TensorSource> source, NameMap names)
    : source_(std::move(source)), names_(std::move(names)) {}

std::vector<std::string> RenamedTensors::Names() const {
  std::vector<std::string> names;
  names.reserve(names_.size());
  for (const auto& [name, stored] : names_) names.push_back(name);
  return names;
}

bool RenamedTensors::Contains(std::string_view name) const {
  return names_.find(name) != names_.end();
}

Tensor RenamedTensors::Get(std::string_view name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) {
    throw Error(ErrorCode::kNotFound, origin(), "holds no tensor '" + std::string(name) + "'");
  }
  return source_->Get(found->second);
}

}  // namespace dear
