#ifndef DEAR_MODEL_ADAPTER_H_
#define DEAR_MODEL_ADAPTER_H_

#include <memory>
#include <string>
#include <vector>

#include "formats/peft_adapter.h"
#include "model/model.h"

namespace dear {

// What one adapter changes in one module, all in f32.
struct ModuleDelta {
  bool is_embedding = false;
  int64_t rank = 0;  // 0: no LoRA here (only a replaced weight)
  float scaling = 0;
  std::vector<float> a;       // [rank, in]; of an embedding [vocab, rank]
  std::vector<float> b;       // [out, rank]
  std::vector<float> b_bias;  // [out] or empty: lora_bias
  // DoRA: y = base(x) * scale + scale * scaling * B(A(x)), scale = magnitude / norm, norm = ||W +
  // scaling*BA|| by output (of an embedding: by column). Norm and scale are computed at load, and
  // again when the factors change (UpdateDora).
  std::vector<float> dora_magnitude;  // [out] or empty, as the two below
  std::vector<float> dora_norm;
  std::vector<float> dora_scale;
  // A module that the adapter saved whole (modules_to_save, resized embedding): used in place of
  // the base's.
  std::shared_ptr<const Matrix> replaced_weight;
  std::vector<float> replaced_bias;
  bool has_replaced_bias = false;
  std::vector<float> replaced_norm;  // of a norm module
};

// A LoRA adapter bound to one base model. Immutable; sessions choose it sequence by sequence.
class Adapter {
 public:
  // Checks every shape against the base. Throws kInvalidFormat (an adapter for another base, a
  // missing or unexpected tensor: names it), kUnsupported (a feature that would change numbers).
  static std::shared_ptr<const Adapter> Bind(const Model& base, const PeftAdapter& files,
                                             std::string name);

  const std::string& name() const { return name_; }
  const LoraConfig& config() const { return config_; }
  // Null where the adapter leaves the module alone.
  const ModuleDelta* delta(int module_id) const {
    return deltas_[static_cast<size_t>(module_id)].get();
  }
  uint64_t bytes() const;
  const Model& base() const { return *base_; }

 private:
  friend class AdapterBinder;
  friend class TrainableAdapter;  // changes the numbers between passes
  Adapter() = default;
  static std::shared_ptr<Adapter> BindOpen(const Model& base, const PeftAdapter& files,
                                           std::string name);
  std::shared_ptr<const Model> base_;
  std::string name_;
  LoraConfig config_;
  std::vector<std::unique_ptr<ModuleDelta>> deltas_;
};

// The base's matrix with the adapter's delta added (W + s*B@A, DoRA's rescaling), in f32:
// [out, in] row-major. The source of formulas is peft's tuners/lora/layer.py get_delta_weight.
std::vector<float> MergedWeight(const Linear& base, const ModuleDelta& delta);

}  // namespace dear

#endif  // DEAR_MODEL_ADAPTER_H_
