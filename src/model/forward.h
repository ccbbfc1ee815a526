#ifndef DEAR_MODEL_FORWARD_H_
#define DEAR_MODEL_FORWARD_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/aligned_vector.h"
#include "kernels/backend.h"
#include "model/adapted_ops.h"
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

  // Runs the rows through all layers, writing their keys and values, and writes the head outputs
  // [head_rows, width] to `outputs`. Throws kInvalidFormat where a number is not finite.
  void Run(const PackedRows& rows, int64_t width, float* outputs);

 private:
  // Memory for the activations of up to `rows` rows.
  struct Workspace {
    int64_t rows = 0;
    AlignedVector<float> hidden, normed, q, k, v, attended, projected, gate, up, cos, sin;
  };

  void Reserve(int64_t rows);
  void RunLayer(int64_t index, const PackedRows& rows);
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

}  // namespace dear

#endif  // DEAR_MODEL_FORWARD_H_
