#ifndef DEAR_MODEL_ADAPTER_BINDER_H_
#define DEAR_MODEL_ADAPTER_BINDER_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "model/adapter.h"

namespace dear {

// Puts the tensors of an adapter beside the modules of its base.
class AdapterBinder {
 public:
  AdapterBinder(const Model& base, const PeftAdapter& files) : base_(base), files_(files) {}

  void Bind(Adapter& adapter);

 private:
  // What the adapter's file holds for one module, by part: "lora_A.weight", "weight", …
  using Parts = std::map<std::string, Tensor, std::less<>>;

  void SortTensors();
  std::unique_ptr<ModuleDelta> BindLinear(const Linear& linear, Parts parts) const;
  std::unique_ptr<ModuleDelta> BindNorm(const Norm& norm, Parts parts) const;
  void BindSaved(const Linear& linear, Parts& parts, ModuleDelta& delta) const;
  void BindLora(const Linear& linear, Parts& parts, ModuleDelta& delta) const;
  void BindDora(const Linear& linear, const Tensor& magnitude, ModuleDelta& delta) const;
  void TieHead(Adapter& adapter) const;
  bool IsTargeted(const Linear& linear) const;

  const Model& base_;
  const PeftAdapter& files_;
  std::map<std::string, Parts, std::less<>> modules_;
};

}  // namespace dear

#endif  // DEAR_MODEL_ADAPTER_BINDER_H_
