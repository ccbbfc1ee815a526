#ifndef DEAR_MODEL_TRAINABLE_ADAPTER_H_
#define DEAR_MODEL_TRAINABLE_ADAPTER_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "base/thread_pool.h"
#include "formats/checkpoint.h"
#include "formats/peft_adapter.h"
#include "model/adapter.h"

namespace dear {

// One tensor that is trained. The spans are of shape's size and stay where they are.
struct TrainedTensor {
  enum class Kind { kLoraA, kLoraB, kMagnitude, kWeight, kBias, kNorm };

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
  // Of a module that is trained whole:
  float* weight = nullptr;  // [out, in], of an embedding [vocab, hidden]
  float* bias = nullptr;    // [out]
  float* norm = nullptr;    // [n], of a norm

  bool any() const {
    return a != nullptr || weight != nullptr || bias != nullptr || norm != nullptr;
  }
};

// What a training changes between its passes: a LoRA adapter, or all weights of a model, as an
// adapter that replaces each of them. The forward pass reads it as any other adapter.
class TrainableAdapter {
 public:
  // `files` bound to `base` and opened for training: the factors of all linear layers but the
  // embedding, DoRA's magnitudes, and modules that are saved whole. Throws as Adapter::Bind does,
  // and kUnsupported for what cannot be trained (lora_bias, factors of an embedding): names it.
  TrainableAdapter(const Model& base, const PeftAdapter& files, std::string name);
  // All weights, biases and norms of `base` in f32, where embedding and head are one still as one;
  // a score head that it lacks begins as NewLora's does. `checkpoint` is what `base` was loaded
  // from. Throws kUnsupported for a model that cannot be written as a folder and read back.
  static std::unique_ptr<TrainableAdapter> Whole(const Model& base, Checkpoint checkpoint,
                                                 uint64_t seed);

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

  // Whether it is a model of its own, not an adapter of its base.
  bool is_whole() const { return whole_.has_value(); }

  // Writes adapter_model.safetensors and then adapter_config.json into `folder` (made where it is
  // missing), f32 under peft's names; of a whole model its weights and config.json in Hugging Face
  // layout. Each file is there whole or not at all.
  void Save(const std::filesystem::path& folder) const;
  // Puts the values back to what Save wrote. Throws kNotFound, kInvalidFormat.
  void Load(const std::filesystem::path& folder);
  // Called by Save at its end, to write what else a model's folder needs.
  void SetBeside(std::function<void(const std::filesystem::path& folder)> beside) {
    beside_ = std::move(beside);
  }

 private:
  // A module whose norms change with its factors.
  struct ScaledModule {
    const Matrix* weight = nullptr;
    ModuleDelta* delta = nullptr;
  };

  explicit TrainableAdapter(const Model& base);

  // Adds a trained tensor; returns where its gradient is added.
  float* Add(std::string name, TrainedTensor::Kind kind, std::vector<int64_t> shape,
             std::span<float> values);
  void Open(Adapter& adapter, const Linear& linear);
  void OpenWhole(const Linear& linear, ModuleDelta& delta);
  void OpenNorm(const Norm& norm, ModuleDelta& delta);
  void OpenAll(Adapter& adapter, const Model& base, uint64_t seed);
  void SaveAdapter(const std::filesystem::path& folder) const;

  LoraConfig config_;
  std::optional<Checkpoint> whole_;
  std::function<void(const std::filesystem::path& folder)> beside_;
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
