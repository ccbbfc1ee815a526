#include "model/adapter.h"

#include "model/adapter_binder.h"

namespace dear {

std::shared_ptr<const Adapter> Adapter::Bind(const Model& base, const PeftAdapter& files,
                                             std::string name) {
  return BindOpen(base, files, std::move(name));
}

std::shared_ptr<Adapter> Adapter::BindOpen(const Model& base, const PeftAdapter& files,
                                           std::string name) {
  auto adapter = std::shared_ptr<Adapter>(new Adapter());
  adapter->name_ = std::move(name);
  adapter->config_ = files.config;
  AdapterBinder(base, files).Bind(*adapter);
  return adapter;
}

uint64_t Adapter::bytes() const {
  uint64_t bytes = 0;
  for (const auto& delta : deltas_) {
    if (!delta) continue;
    const size_t floats = delta->a.size() + delta->b.size() + delta->b_bias.size() +
                          3 * delta->dora_scale.size() + delta->replaced_bias.size() +
                          delta->replaced_norm.size();
    bytes += floats * sizeof(float);
    if (delta->replaced_weight) bytes += delta->replaced_weight->bytes();
  }
  return bytes;
}

}  // namespace dear
