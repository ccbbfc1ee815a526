#ifndef DEAR_MODEL_FORWARD_H_
#define DEAR_MODEL_FORWARD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/backend.h"
#include "model/adapted_ops.h"
#include "model/layer_activations.h"
#include "model/model.h"
#include "model/rope.h"
#include "model/row_groups.h"

namespace dear {

// Packed rows of several sequences: what one run of the model is given.
struct PackedRows {
  std::vector<int32_t> tokens;          // [rows]
  std::vector<int64_t> positions;       // [rows], in their own sequences
  RowGroups groups;                     // all rows, by adapter
  std::vector<SequenceRows> sequences;  // with the KV blocks that hold what they attend to
  std::vector<SequenceRows> stored;     // those whose keys and values are kept
  std::vector<int32_t> head_rows;       // rows whose head outputs are wanted, ascending
  RowGroups head_groups;                // the same by adapter, numbered among themselves
};

// The one forward pass, for every family, adapter, weight form and backend. Keeps its workspace
// between runs.
class ForwardPass {
 public:
  ForwardPass(const Model& model, Backend& backend);
  // One whose KV blocks hold fewer layers than the model has, layer i writing into place i modulo
  // their number: for a caller that runs every layer over whole sequences.
  ForwardPass(const Model& model, Backend& backend, int64_t kv_layers);

  // Runs the rows through all layers, writing their keys and values, and writes the head outputs
  // [head_rows, width] to `outputs`. Throws kInvalidFormat where a number is not finite.
  void Run(const PackedRows& rows, int64_t width, float* outputs);

  // The same in its parts, for a backward pass: Begin, then RunLayer for each layer in turn, then
  // what the head needs is hidden(), the residual stream [rows, hidden_size].
  void Begin(const PackedRows& rows);
  // Writes what the layer computes into `kept` where that is given.
  void RunLayer(int64_t index, const PackedRows& rows, const LayerActivations* kept);
  float* hidden() { return work_.hidden.data(); }
  // The rotary tables of the rows that Begin was given, [rows, head_dim / 2].
  const float* cos() const { return work_.cos.data(); }
  const float* sin() const { return work_.sin.data(); }

  AttentionShape AttentionOf(int64_t layer) const;
  AdaptedOps& ops() { return ops_; }
  const KvLayout& kv_layout() const { return kv_; }

 private:
  // Memory for the activations of up to `rows` rows.
  struct Workspace {
    int64_t rows = 0;
    AlignedVector<float> hidden, normed, q, k, v, attended, projected, gate, up, cos, sin;
    LayerBuffers layer;  // the same memory as a layer sees it
  };

  void Reserve(int64_t rows);
  void RunHead(const PackedRows& rows, int64_t width, float* outputs);
  void RequireFiniteRows(std::span<const float> values) const;

  const Model& model_;
  const ModelConfig& config_;
  Backend& backend_;
  AdaptedOps ops_;
  Rope rope_;
  KvLayout kv_;
  Workspace work_;
};

KvLayout KvLayoutOf(const ModelConfig& config);
GateActivation ActivationOf(const ModelConfig& config);

}  // namespace dear

#endif  // DEAR_MODEL_FORWARD_H_
