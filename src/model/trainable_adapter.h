#ifndef DEAR_MODEL_TRAINABLE_ADAPTER_H_
#define DEAR_MODEL_TRAINABLE_ADAPTER_H_

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "base/thread_pool.h"
#include "formats/peft_adapter.h"
#include "model/adapter.h"

namespace dear {

// One tensor that is trained. The spans are of shape's size and stay where they are.
struct TrainedTensor {
  enum class Kind { kLoraA, kLoraB, kMagnitude, kSaved };

  std::string name;  // "model.layers.0.self_attn.q_proj.lora_A.weight"
  Kind kind = Kind::kLoraA;
  std::vector<int64_t> shape;
  std::span<float> values;
  std::span<float> gradient;
};

// Where a backward pass adds the gradients of one module; null: not trained.
struct ModuleGradients {
  float* a = nullptr;          // [rank, in]
  float* b = nullptr;          // [out, rank]
  float* magnitude = nullptr;  // [out] of DoRA
  float* weight = nullptr;     // [out, in] of a module that is trained whole
};

// A LoRA adapter whose numbers change between the passes of a training: the forward pass reads it
// as any other.
class TrainableAdapter {
 public:
  // `files` bound to `base` and opened for training: the factors of all linear layers but the
  // embedding, DoRA's magnitudes, and the head where it is saved whole. Throws as Adapter::Bind
  // does, and kUnsupported for what cannot be trained (biases, embeddings, norms): names it.
  TrainableAdapter(const Model& base, const PeftAdapter& files, std::string name);

  const std::shared_ptr<const Adapter>& adapter() const { return adapter_; }
  const LoraConfig& config() const { return config_; }
  // In the order of the modules; of a module A, B, magnitude. Who changes values calls
  // ValuesChanged before the next pass.
  std::span<const TrainedTensor> tensors() const { return tensors_; }
  const ModuleGradients& gradients(int module_id) const {
    return gradients_[static_cast<size_t>(module_id)];
  }
  void ClearGradients();
  // Computes again what follows from the values: DoRA's norms, which a pass takes for constants. As
  // much work as a forward pass over as many tokens as the factors have ranks.
  void ValuesChanged(ThreadPool& pool);

  // Writes adapter_model.safetensors and then adapter_config.json into `folder` (made where it is
  // missing), f32 under peft's names, each file whole or not at all.
  void Save(const std::filesystem::path& folder) const;

 private:
  // A module whose norms change with its factors.
  struct ScaledModule {
    const Matrix* weight = nullptr;
    ModuleDelta* delta = nullptr;
  };

  void Open(Adapter& adapter, const Linear& linear);

  LoraConfig config_;
  std::shared_ptr<const Adapter> adapter_;
  // Weights that the adapter's files brought along and that are not trained, under peft's names.
  std::vector<std::pair<std::string, std::shared_ptr<const Matrix>>> kept_;
  std::vector<ScaledModule> scaled_;
  std::vector<TrainedTensor> tensors_;
  std::vector<ModuleGradients> gradients_;             // by module
  std::vector<AlignedVector<float>> gradient_memory_;  // of each tensor
};

}  // namespace dear

#endif  // DEAR_MODEL_TRAINABLE_ADAPTER_H_
