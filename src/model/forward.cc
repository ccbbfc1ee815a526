#include "model/forward.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/model_builder.h"

namespace dear {
GateActivation ActivationOf(const ModelConfig& config) {
  switch (config.activation) {
    case Activation::kSilu: return GateActivation::kSilu;
    case Activation::kGelu: return GateActivation::kGelu;
    case Activation::kGeluTanh: return GateActivation::kGeluTanh;
  }
  throw Error(ErrorCode::kInternal, "activation", "unknown");
}

KvLayout KvLayoutOf(const ModelConfig& config) {
  return {.num_layers = config.num_layers,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim};
}

ForwardPass::ForwardPass(const Model& model, Backend& backend)
    : ForwardPass(model, backend, model.config().num_layers) {}

ForwardPass::ForwardPass(const Model& model, Backend& backend, int64_t kv_layers)
    : model_(model),
      config_(model.config()),
      backend_(backend),
      ops_(backend, config_),
      rope_(config_.rope, config_.head_dim),
      kv_(KvLayoutOf(config_)) {
  kv_.num_layers = kv_layers;
}

void ForwardPass::Reserve(int64_t rows) {
  if (rows <= work_.rows) return;
  const auto set = [&](AlignedVector<float>& memory, int64_t width) {
    memory.resize(static_cast<size_t>(rows * width));
  };
  const int64_t heads = config_.num_heads * config_.head_dim;
  const int64_t kv_heads = config_.num_kv_heads * config_.head_dim;
  set(work_.hidden, config_.hidden_size);
  set(work_.normed, config_.hidden_size);
  set(work_.q, heads);
  set(work_.k, kv_heads);
  set(work_.v, kv_heads);
  set(work_.attended, heads);
  set(work_.projected, config_.hidden_size);
  set(work_.gate, config_.intermediate_size);
  set(work_.up, config_.intermediate_size);
  set(work_.cos, config_.head_dim / 2);
  set(work_.sin, config_.head_dim / 2);
  // Inference keeps nothing: each buffer is written again as soon as it was read.
  work_.layer = {.normed = work_.normed.data(),
                 .q_projected = work_.q.data(),
                 .k_projected = work_.k.data(),
                 .q = work_.q.data(),
                 .k = work_.k.data(),
                 .v = work_.v.data(),
                 .attended = work_.attended.data(),
                 .projected = work_.projected.data(),
                 .post_normed = work_.normed.data(),
                 .gate = work_.gate.data(),
                 .up = work_.up.data(),
                 .gated = work_.gate.data()};
  work_.rows = rows;
}

void ForwardPass::Run(const PackedRows& rows, int64_t width, float* outputs) {
  Begin(rows);
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) RunLayer(layer, rows, nullptr);
  RequireFiniteRows(
      std::span(work_.hidden).first(rows.tokens.size() * static_cast<size_t>(config_.hidden_size)));
  if (!rows.head_rows.empty()) RunHead(rows, width, outputs);
}

void ForwardPass::Begin(const PackedRows& rows) {
  Reserve(static_cast<int64_t>(rows.tokens.size()));
  rope_.Tables(rows.positions, work_.cos.data(), work_.sin.data());
  ops_.Embed(model_.embedding(), rows.groups, rows.tokens, work_.hidden.data());
}

AttentionShape ForwardPass::AttentionOf(int64_t layer) const {
  return {.kv = kv_,
          .num_heads = config_.num_heads,
          .window = config_.sliding_windows.empty()
                        ? 0
                        : config_.sliding_windows[static_cast<size_t>(layer)],
          .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(config_.head_dim))),
          .may_round = model_.compute() == Compute::kFast};
}

// x += attention(norm(x)); x += mlp(norm(x)).
void ForwardPass::RunLayer(int64_t index, const PackedRows& rows, const LayerActivations* kept) {
  const LayerWeights& layer = model_.layers()[static_cast<size_t>(index)];
  const auto num_rows = static_cast<int64_t>(rows.tokens.size());
  const int64_t hidden = config_.hidden_size;
  const int64_t head_dim = config_.head_dim;
  const int64_t heads = config_.num_heads * head_dim;
  const int64_t kv_heads = config_.num_kv_heads * head_dim;
  const int64_t kv_layer = index % kv_.num_layers;
  const LayerBuffers& b = kept != nullptr ? kept->buffers() : work_.layer;
  float* const stream = work_.hidden.data();
  const auto keep_stream = [&](float* place) {
    if (place != nullptr) std::copy_n(stream, num_rows * hidden, place);
  };

  keep_stream(b.input);
  ops_.ApplyNorm(layer.input_norm, rows.groups, stream, 1, hidden, b.normed);
  ops_.Apply(layer.q, rows.groups, b.normed, heads, b.q_projected);
  ops_.Apply(layer.k, rows.groups, b.normed, kv_heads, b.k_projected);
  ops_.Apply(layer.v, rows.groups, b.normed, kv_heads, b.v);
  if (config_.qk_norm) {
    ops_.ApplyNorm(layer.q_norm, rows.groups, b.q_projected, config_.num_heads, head_dim, b.q);
    ops_.ApplyNorm(layer.k_norm, rows.groups, b.k_projected, config_.num_kv_heads, head_dim, b.k);
  }
  backend_.Rope(b.q, num_rows, config_.num_heads, head_dim, cos(), sin());
  backend_.Rope(b.k, num_rows, config_.num_kv_heads, head_dim, cos(), sin());
  backend_.StoreKeysValues(kv_, kv_layer, b.k, b.v, rows.stored);
  backend_.Attention(AttentionOf(index), kv_layer, b.q, rows.sequences, b.attended);
  ops_.Apply(layer.o, rows.groups, b.attended, hidden, b.projected);
  backend_.AddScaled(b.projected, 1.0F, num_rows * hidden, stream);

  keep_stream(b.middle);
  ops_.ApplyNorm(layer.post_norm, rows.groups, stream, 1, hidden, b.post_normed);
  ops_.Apply(layer.gate, rows.groups, b.post_normed, config_.intermediate_size, b.gate);
  ops_.Apply(layer.up, rows.groups, b.post_normed, config_.intermediate_size, b.up);
  backend_.Gate(ActivationOf(config_), b.gate, b.up, num_rows, config_.intermediate_size, b.gated);
  ops_.Apply(layer.down, rows.groups, b.gated, hidden, b.projected);
  backend_.AddScaled(b.projected, 1.0F, num_rows * hidden, stream);
}

void ForwardPass::RunHead(const PackedRows& rows, int64_t width, float* outputs) {
  const auto num_rows = static_cast<int64_t>(rows.head_rows.size());
  backend_.GatherRows(work_.hidden.data(), rows.head_rows, config_.hidden_size,
                      work_.normed.data());
  ops_.ApplyNorm(model_.final_norm(), rows.head_groups, work_.normed.data(), 1, config_.hidden_size,
                 work_.normed.data());
  RequireFiniteRows(
      std::span(work_.normed).first(static_cast<size_t>(num_rows * config_.hidden_size)));
  ops_.Apply(model_.head(), rows.head_groups, work_.normed.data(), width, outputs);
}

void ForwardPass::RequireFiniteRows(std::span<const float> values) const {
  for (const float value : values) {
    if (std::isfinite(value)) continue;
    model_.CheckFinite();  // names the tensor, where it is one
    throw Error(ErrorCode::kInvalidFormat, model_.origin(),
                "the model's activations overflow: its weights cannot be right");
  }
}

}  // namespace dear
