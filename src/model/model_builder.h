#ifndef DEAR_MODEL_MODEL_BUILDER_H_
#define DEAR_MODEL_MODEL_BUILDER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/model.h"

namespace dear {

// Throws kInvalidFormat where a number is NaN or infinite; `where` names file and tensor.
void RequireFinite(std::span<const float> values, const std::string& where);

// Puts the tensors of a checkpoint in their places: every name, shape and number is checked.
class ModelBuilder {
 public:
  ModelBuilder(const Checkpoint& checkpoint, const LoadOptions& options)
      : checkpoint_(checkpoint), options_(options), config_(checkpoint.config) {}

  void Build(Model& model);
  // The head alone, in place of the one that `model` has.
  void BuildHead(Model& model);

 private:
  // Which weights --dtype changes: bitsandbytes leaves embedding, output embedding and score head.
  enum class Place { kEmbedding, kProjection, kHead };

  Linear LoadLinear(const std::string& name, int64_t out, int64_t in, bool bias, Place place);
  std::shared_ptr<const Matrix> LoadMatrix(const std::string& name, int64_t out, int64_t in,
                                           Place place) const;
  Norm LoadNorm(const std::string& name, int64_t size);
  LayerWeights LoadLayer(int64_t index);
  Linear LoadHead(const Linear& embedding);
  std::vector<float> LoadVector(const std::string& name, int64_t size);
  bool Converts(Place place) const;
  // The weight as products read it, where it was packed before; else null.
  std::shared_ptr<const Matrix> PackedBefore(const std::string& name, int64_t out,
                                             int64_t in) const;
  // The weight as products read it: packed but in reference compute. Throws as ConvertMatrix.
  std::shared_ptr<const Matrix> ForProducts(std::shared_ptr<const Matrix> weight,
                                            Place place) const;
  void Report();

  const Checkpoint& checkpoint_;
  const LoadOptions& options_;
  const ModelConfig& config_;
  int next_id_ = 0;
};

}  // namespace dear

#endif  // DEAR_MODEL_MODEL_BUILDER_H_
