#include "model/forward.h"

#include <cmath>

#include "base/error.h"
#include "model/model_builder.h"

namespace dear {
namespace {

GateActivation ActivationOf(const ModelConfig& config) {
  switch (config.activation) {
    case Activation::kSilu: return GateActivation::kSilu;
    case Activation::kGelu: return GateActivation::kGelu;
    case Activation::kGeluTanh: return GateActivation::kGeluTanh;
  }
  throw Error(ErrorCode::kInternal, "activation", "unknown");
}

}  // namespace

KvLayout KvLayoutOf(const ModelConfig& config) {
  return {.num_layers = config.num_layers,
          .num_kv_heads = config.num_kv_heads,
          .head_dim = config.head_dim};
}

ForwardPass::ForwardPass(const Model& model, Backend& backend)
    : model_(model),
      config_(model.config()),
      backend_(backend),
      ops_(backend, config_),
      rope_(config_.rope, config_.head_dim),
      kv_(KvLayoutOf(config_)) {}

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
  work_.rows = rows;
}

void ForwardPass::Run(const PackedRows& rows, int64_t width, float* outputs) {
  const auto num_rows = static_cast<int64_t>(rows.tokens.size());
  Reserve(num_rows);
  rope_.Tables(rows.positions, work_.cos.data(), work_.sin.data());
  ops_.Embed(model_.embedding(), rows.groups, rows.tokens, work_.hidden.data());
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) RunLayer(layer, rows);
  RequireFiniteRows(
      std::span(work_.hidden).first(static_cast<size_t>(num_rows * config_.hidden_size)));
  if (!rows.head_rows.empty()) RunHead(rows, width, outputs);
}

// x += attention(norm(x)); x += mlp(norm(x)).
void ForwardPass::RunLayer(int64_t index, const PackedRows& rows) {
  const LayerWeights& layer = model_.layers()[static_cast<size_t>(index)];
  const auto num_rows = static_cast<int64_t>(rows.tokens.size());
  const int64_t hidden = config_.hidden_size;
  const int64_t head_dim = config_.head_dim;
  const int64_t heads = config_.num_heads * head_dim;
  const int64_t kv_heads = config_.num_kv_heads * head_dim;
  Workspace& w = work_;

  ops_.ApplyNorm(layer.input_norm, rows.groups, w.hidden.data(), 1, hidden, w.normed.data());
  ops_.Apply(layer.q, rows.groups, w.normed.data(), heads, w.q.data());
  ops_.Apply(layer.k, rows.groups, w.normed.data(), kv_heads, w.k.data());
  ops_.Apply(layer.v, rows.groups, w.normed.data(), kv_heads, w.v.data());
  if (config_.qk_norm) {
    ops_.ApplyNorm(layer.q_norm, rows.groups, w.q.data(), config_.num_heads, head_dim, w.q.data());
    ops_.ApplyNorm(layer.k_norm, rows.groups, w.k.data(), config_.num_kv_heads, head_dim,
                   w.k.data());
  }
  backend_.Rope(w.q.data(), num_rows, config_.num_heads, head_dim, w.cos.data(), w.sin.data());
  backend_.Rope(w.k.data(), num_rows, config_.num_kv_heads, head_dim, w.cos.data(), w.sin.data());
  backend_.StoreKeysValues(kv_, index, w.k.data(), w.v.data(), rows.stored);
  const AttentionShape attention{
      .kv = kv_,
      .num_heads = config_.num_heads,
      .window =
          config_.sliding_windows.empty() ? 0 : config_.sliding_windows[static_cast<size_t>(index)],
      .scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)))};
  backend_.Attention(attention, index, w.q.data(), rows.sequences, w.attended.data());
  ops_.Apply(layer.o, rows.groups, w.attended.data(), hidden, w.projected.data());
  backend_.AddScaled(w.projected.data(), 1.0F, num_rows * hidden, w.hidden.data());

  ops_.ApplyNorm(layer.post_norm, rows.groups, w.hidden.data(), 1, hidden, w.normed.data());
  ops_.Apply(layer.gate, rows.groups, w.normed.data(), config_.intermediate_size, w.gate.data());
  ops_.Apply(layer.up, rows.groups, w.normed.data(), config_.intermediate_size, w.up.data());
  backend_.Gate(ActivationOf(config_), w.gate.data(), w.up.data(), num_rows,
                config_.intermediate_size, w.gate.data());
  ops_.Apply(layer.down, rows.groups, w.gate.data(), hidden, w.projected.data());
  backend_.AddScaled(w.projected.data(), 1.0F, num_rows * hidden, w.hidden.data());
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
