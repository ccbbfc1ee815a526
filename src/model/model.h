#ifndef DEAR_MODEL_MODEL_H_
#define DEAR_MODEL_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "base/thread_pool.h"
#include "formats/checkpoint.h"
#include "formats/packed_file.h"
#include "formats/peft_adapter.h"
#include "tensor/matrix.h"

namespace dear {

// A linear layer as held: y = x W^T + b. `id` numbers the adaptable modules of a model from 0, the
// embedding and the heads included, so that an adapter finds its delta by index.
struct Linear {
  std::string name;  // transformers' module name: "model.layers.0.self_attn.q_proj"
  int id = -1;
  std::shared_ptr<const Matrix> weight;  // [out, in]
  std::vector<float> bias;               // [out] or empty
};

// The weight of an RMS norm. Numbered with the linears, for adapters that saved it whole.
struct Norm {
  std::string name;  // "model.layers.0.input_layernorm"
  int id = -1;
  std::vector<float> weight;
};

struct LayerWeights {
  Norm input_norm;  // [hidden]
  Linear q, k, v, o;
  Norm q_norm, k_norm;  // [head_dim], empty without qk_norm
  Norm post_norm;       // [hidden]
  Linear gate, up, down;
};

// How products with weights are computed.
//   kReference  in f32, as transformers does to rounding
//   kFast       weights and activations rounded to bf16, sums in f32; weights that are held in
//               fewer bits stay so in memory
//   kInt8       weights as codes of 4 or 8 bits (others become Q8_0 first), activations rounded to
//               int8 with one scale for 32 of them, sums exact within those and f32 between them;
//               a head that scores, and weights whose rows are no whole blocks of 32, as kFast
// Any way a row's bits depend on its own sequence alone.
enum class Compute : uint8_t { kReference, kFast, kInt8 };

std::string_view ComputeName(Compute compute);  // "reference", "fast", "int8"

struct LoadOptions {
  WeightFormOptions weights;
  Compute compute = Compute::kReference;
  // Where products read packed weights: those that were packed of the same files, in this form, for
  // this computation and head; they are used where they lie. Null: weights are packed now.
  std::shared_ptr<const PackedFile> packed;
  // Checks every weight that is read once for NaN and infinity (reading it all); a few norms and
  // biases are always checked.
  bool check_finite = false;
  ProgressFn progress;
  std::shared_ptr<ThreadPool> pool;  // converts weights; null: the calling thread does
};

class Adapter;

// The weights of one base model. Immutable after Load, shared between sessions and threads.
class Model : public std::enable_shared_from_this<Model> {
 public:
  static std::shared_ptr<const Model> Load(const Checkpoint& checkpoint,
                                           const LoadOptions& options = {});

  // `body` under another head: its weights are shared, the head of `checkpoint` (the same files,
  // with another config.head) is read. For a classifier and a language model over one base.
  static std::shared_ptr<const Model> WithHead(const Model& body, const Checkpoint& checkpoint,
                                               const LoadOptions& options = {});

  const ModelConfig& config() const { return config_; }
  const Linear& embedding() const { return embedding_; }  // weight [vocab, hidden]
  const std::vector<LayerWeights>& layers() const { return layers_; }
  const Norm& final_norm() const { return final_norm_; }
  // lm_head [vocab, hidden] (the embedding's matrix where tied), or score [labels, hidden]. A model
  // without a score head can still be loaded when an adapter will bring it: weight is then null.
  const Linear& head() const { return head_; }
  int num_modules() const { return num_modules_; }
  Compute compute() const { return compute_; }
  uint64_t weight_bytes() const;

  const std::string& origin() const { return origin_; }  // file or folder, for messages

  // Every adaptable module: embedding, the seven projections of each layer, the head (with a null
  // weight where there is none).
  void ForEachLinear(const std::function<void(const Linear&)>& visit) const;
  // Every norm: of each layer, then the final one.
  void ForEachNorm(const std::function<void(const Norm&)>& visit) const;

  // Reads every weight and throws kInvalidFormat naming the first tensor with NaN or infinity.
  void CheckFinite(const ProgressFn& progress = {}) const;

 private:
  friend class ModelBuilder;
  Model() = default;

  ModelConfig config_;
  Linear embedding_;
  std::vector<LayerWeights> layers_;
  Norm final_norm_;
  Linear head_;
  int num_modules_ = 0;
  Compute compute_ = Compute::kReference;
  std::string origin_;
};

}  // namespace dear

#endif  // DEAR_MODEL_MODEL_H_
