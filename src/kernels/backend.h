#ifndef DEAR_KERNELS_BACKEND_H_
#define DEAR_KERNELS_BACKEND_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/thread_pool.h"
#include "kernels/kv_layout.h"
#include "tensor/matrix.h"

namespace dear {

enum class GateActivation { kSilu, kGelu, kGeluTanh };

// The rows of one sequence in a packed call.
struct SequenceRows {
  int64_t first_row = 0;           // in the packed activations
  int64_t rows = 0;                // new tokens
  int64_t first_position = 0;      // of the first new token in its sequence
  float* const* blocks = nullptr;  // KV blocks that cover first_position + rows positions
};

struct AttentionShape {
  KvLayout kv;
  int64_t num_heads = 0;
  int64_t window = 0;  // tokens that a token sees, itself included; 0: all before it
  float scale = 1.0F;
  // Whether queries, keys, softmax's weights and values may be rounded to bf16 before they are
  // multiplied; sums are f32. The backend does so where it is faster.
  bool may_round = false;
};

// The ops of a forward pass over packed rows, on one device. Activations are row-major f32 in the
// backend's memory. Contract: what an op writes into a row depends on that row alone (and, in
// attention, on its own sequence), bit for bit: not on the other rows, their number, or threads.
// Calls of one backend come from one thread at a time.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;  // "cpu/avx512"

  // y[r] = table[ids[r]] * scale: [rows, cols]. The ids are within the table.
  virtual void Embed(const Matrix& table, std::span<const int32_t> ids, float scale, float* y) = 0;

  // y = x W^T + bias: x [rows, w.cols()], y [rows, w.rows()]; bias [w.rows()] or null.
  virtual void MatMul(const float* x, int64_t rows, const Matrix& w, const float* bias,
                      float* y) = 0;
  // The same for a small dense f32 factor w [out, in] of an adapter.
  virtual void MatMul(const float* x, int64_t rows, int64_t in, const float* w, int64_t out,
                      const float* bias, float* y) = 0;

  // RMS norm of each row of n numbers, as transformers' LlamaRMSNorm: x / sqrt(mean(x^2) + eps) *
  // w; with `plus_one` GemmaRMSNorm's (1 + w). y may be x.
  virtual void RmsNorm(const float* x, int64_t rows, int64_t n, const float* w, bool plus_one,
                       float eps, float* y) = 0;

  // Turns each head of x [rows, num_heads * head_dim] by its row of cos and sin
  // [rows, head_dim / 2], the halves of a head being the pairs (transformers' rotate_half).
  virtual void Rope(float* x, int64_t rows, int64_t num_heads, int64_t head_dim, const float* cos,
                    const float* sin) = 0;

  // Puts new keys and values [rows, num_kv_heads * head_dim] into the blocks of their sequences.
  virtual void StoreKeysValues(const KvLayout& kv, int64_t layer, const float* keys,
                               const float* values, std::span<const SequenceRows> sequences) = 0;

  // Causal attention of q [rows, num_heads * head_dim] over the blocks; y likewise. Softmax in f32.
  virtual void Attention(const AttentionShape& shape, int64_t layer, const float* q,
                         std::span<const SequenceRows> sequences, float* y) = 0;

  // y = act(gate) * up, [rows, n]; y may be gate or up.
  virtual void Gate(GateActivation activation, const float* gate, const float* up, int64_t rows,
                    int64_t n, float* y) = 0;

  // y += x * factor.
  virtual void AddScaled(const float* x, float factor, int64_t n, float* y) = 0;

  // y[i] = x[rows[i]], n numbers a row.
  virtual void GatherRows(const float* x, std::span<const int32_t> rows, int64_t n, float* y) = 0;
  // y[rows[i]] = x[i]: n numbers, the rest of y's width `y_width` >= n filled with `rest`.
  virtual void ScatterRows(const float* x, std::span<const int32_t> rows, int64_t n,
                           int64_t y_width, float rest, float* y) = 0;

  // What an adapter adds to the first n numbers of the rows `rows` of y (y_width numbers a row),
  // x [rows.size(), n] being B(A(input)):
  //   y += x * factor, and with DoRA (`dora_scale` [n] not null, as peft's DoraLinearLayer):
  //   y += (dora_scale - 1) * (y - bias) + dora_scale * x * factor; `bias` [n] or null.
  virtual void AddAdapter(const float* x, std::span<const int32_t> rows, int64_t n, float factor,
                          const float* dora_scale, const float* bias, int64_t y_width,
                          float* y) = 0;
  // y += (x b^T) * factor for the first n numbers of the rows `rows` of y: x [rows.size(), k], b
  // [n, k]. The bits of MatMul and AddAdapter.
  virtual void AddLowRank(const float* x, std::span<const int32_t> rows, int64_t k, const float* b,
                          int64_t n, float factor, int64_t y_width, float* y) = 0;
};

// The CPU backend over `pool`, with the fastest instruction set that this machine has, or the one
// that the environment variable DEAR_ISA names (scalar, avx2, avxvnni, avx512, avx512vnni,
// avx512bf16, amx). Throws
// kInvalidArgument for another name, kUnsupported for one that this machine or this build lacks.
std::unique_ptr<Backend> MakeCpuBackend(std::shared_ptr<ThreadPool> pool);

}  // namespace dear

#endif  // DEAR_KERNELS_BACKEND_H_
