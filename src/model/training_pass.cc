#include "model/training_pass.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "model/padded_slot.h"

namespace dear {
namespace {

void Zeros(AlignedVector<float>& memory, int64_t floats) {
  memory.assign(static_cast<size_t>(floats), 0.0F);
}

bool NormIsFinite(std::span<const float> values) {
  float squares = 0;
  for (const float value : values) squares += value * value;
  return std::isfinite(squares);
}

}  // namespace

TrainingPass::TrainingPass(const Model& model, TrainableAdapter& adapter, Backend& backend,
                           BackwardOps& backward, const TrainingMemory& memory)
    : model_(model),
      config_(model.config()),
      adapter_(adapter),
      backend_(backend),
      backward_(backward),
      forward_(model, backend, 1),
      gradients_(config_, backend, backward, adapter),
      memory_(memory),
      lowest_layer_(LowestTrainedLayer()) {
  memory_.kept_layers = std::clamp<int64_t>(memory_.kept_layers, 0, config_.num_layers);
  inputs_.resize(static_cast<size_t>(config_.num_layers - memory_.kept_layers));
  kept_.resize(static_cast<size_t>(memory_.kept_layers));
}

int64_t TrainingPass::BytesPerToken(const ModelConfig& config, int64_t kept_layers) {
  const int64_t layer = LayerActivations::BytesPerRow(config);
  const int64_t stream = config.hidden_size * static_cast<int64_t>(sizeof(float));
  // The kept layers, the inputs of the others, one layer computed again, gradients of one, and the
  // forward pass's own workspace.
  return kept_layers * layer + (config.num_layers - kept_layers) * stream + 3 * layer;
}

void TrainingPass::SetDropout(const LoraDropout& dropout) {
  forward_.ops().SetDropout(dropout);
  gradients_.SetDropout(dropout);
}

// Below it nothing asks for a gradient.
int64_t TrainingPass::LowestTrainedLayer() const {
  if (TrainsEmbedding()) return 0;
  const auto trained = [&](int id) { return id >= 0 && adapter_.gradients(id).any(); };
  for (int64_t i = 0; i < config_.num_layers; ++i) {
    const LayerWeights& layer = model_.layers()[static_cast<size_t>(i)];
    for (const Linear* linear :
         {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down}) {
      if (trained(linear->id)) return i;
    }
    for (const Norm* norm : {&layer.input_norm, &layer.q_norm, &layer.k_norm, &layer.post_norm}) {
      if (trained(norm->id)) return i;
    }
  }
  return config_.num_layers;
}

bool TrainingPass::TrainsEmbedding() const {
  return adapter_.gradients(model_.embedding().id).any();
}

PackedRows TrainingPass::Pack(std::span<const TrainingSequence> sequences) {
  PackedRows rows;
  sequences_.clear();
  while (caches_.size() < sequences.size()) caches_.emplace_back(forward_.kv_layout());
  for (size_t i = 0; i < sequences.size(); ++i) {
    PackSequence(sequences[i], "training sequence " + std::to_string(i), caches_[i], &rows);
  }
  return rows;
}

void TrainingPass::PackSequence(const TrainingSequence& sequence, const std::string& where,
                                KvCache& cache, PackedRows* rows) {
  const auto length = static_cast<int64_t>(sequence.tokens.size());
  const bool padded = sequence.padded_slot >= 0;
  if (length == 0) throw Error(ErrorCode::kInvalidArgument, where, "has no tokens");
  if (padded) CheckPaddedSlot(config_, sequence.padded_slot, 1, length - 1, where);
  // The memory of the step before is taken again: nothing is committed, and every place that
  // counts is written before it is read.
  cache.Reserve(length);
  const auto first = static_cast<int64_t>(rows->tokens.size());
  const int64_t kept = padded ? length - 1 : length;
  rows->stored.push_back(
      {.first_row = first, .rows = kept, .first_position = 0, .blocks = cache.blocks()});
  rows->sequences.push_back(rows->stored.back());
  if (padded) {
    rows->sequences.push_back(PaddedRows(first + kept, kept, cache.blocks()));
  }
  sequences_.push_back({.first_row = first, .rows = length, .padded_last = padded});
  for (int64_t position = 0; position < length; ++position) {
    const int32_t token = sequence.tokens[static_cast<size_t>(position)];
    if (token < 0 || token >= config_.vocab_size) {
      throw Error(ErrorCode::kInvalidArgument, where,
                  "token " + std::to_string(token) + " is outside the vocabulary of " +
                      std::to_string(config_.vocab_size));
    }
    rows->groups.Add(adapter_.adapter().get(), static_cast<int32_t>(first + position));
    rows->tokens.push_back(token);
    rows->positions.push_back(position < kept ? position : sequence.padded_slot);
  }
  for (const int32_t row : sequence.head_rows) {
    if (row < 0 || row >= length) {
      throw Error(ErrorCode::kInvalidArgument, where,
                  "has no row " + std::to_string(row) + " for the head");
    }
    rows->head_rows.push_back(static_cast<int32_t>(first) + row);
  }
}

LayerActivations* TrainingPass::KeptOf(int64_t layer) {
  const int64_t index = layer - (config_.num_layers - memory_.kept_layers);
  return index < 0 ? nullptr : &kept_[static_cast<size_t>(index)];
}

void TrainingPass::Forward(const PackedRows& rows) {
  const auto num_rows = static_cast<int64_t>(rows.tokens.size());
  forward_.Begin(rows);
  overflowed_ = false;
  for (int64_t layer = 0; layer < config_.num_layers; ++layer) {
    LayerActivations* kept = KeptOf(layer);
    if (kept != nullptr) {
      kept->Reserve(config_, num_rows);
    } else if (layer >= lowest_layer_) {
      const int64_t floats = num_rows * config_.hidden_size;
      AlignedVector<float>& input = inputs_[static_cast<size_t>(layer)];
      RoomFor(input, floats);
      std::copy_n(forward_.hidden(), floats, input.data());
    }
    forward_.RunLayer(layer, rows, kept);
  }
}

std::vector<TrainingPass::HeadPart> TrainingPass::HeadParts(const PackedRows& rows) const {
  const int64_t width = AdaptedOps::HeadWidth(model_.head(), adapter_.adapter().get());
  const auto most = static_cast<size_t>(std::max<int64_t>(1, memory_.loss_floats / width));
  const std::span<const int32_t> wanted = rows.head_rows;
  std::vector<HeadPart> parts;
  for (size_t first = 0; first < wanted.size(); first += most) {
    parts.push_back({.first = static_cast<int64_t>(first),
                     .rows = wanted.subspan(first, std::min(most, wanted.size() - first)),
                     .width = width});
  }
  return parts;
}

void TrainingPass::HeadForward(const HeadPart& part) {
  const int64_t hidden = config_.hidden_size;
  RowGroups groups;
  for (int64_t i = 0; i < part.count(); ++i) {
    groups.Add(adapter_.adapter().get(), static_cast<int32_t>(i));
  }
  RoomFor(head_in_, part.count() * hidden);
  RoomFor(head_normed_, part.count() * hidden);
  RoomFor(head_out_, part.count() * part.width);
  backend_.GatherRows(forward_.hidden(), part.rows, hidden, head_in_.data());
  for (int64_t row = 0; row < part.count(); ++row) {
    overflowed_ |= !NormIsFinite(std::span(head_in_).subspan(static_cast<size_t>(row * hidden),
                                                             static_cast<size_t>(hidden)));
  }
  forward_.ops().ApplyNorm(model_.final_norm(), groups, head_in_.data(), 1, hidden,
                           head_normed_.data());
  forward_.ops().Apply(model_.head(), groups, head_normed_.data(), part.width, head_out_.data());
}

void TrainingPass::HeadBackward(const HeadPart& part) {
  const int64_t hidden = config_.hidden_size;
  Zeros(head_dnormed_, part.count() * hidden);
  gradients_.Apply(model_.head(), head_normed_.data(), head_out_.data(), part.count(),
                   head_dnormed_.data());
  // A row may be asked for once only, so its gradient can be made in place of its input.
  std::vector<float> dinput(static_cast<size_t>(part.count() * hidden));
  gradients_.ApplyNorm(model_.final_norm(), head_in_.data(), head_dnormed_.data(), part.count(),
                       hidden, dinput.data());
  backend_.ScatterRows(dinput.data(), part.rows, hidden, hidden, 0, dstream_.data());
}

void TrainingPass::Backward(const PackedRows& rows) {
  const auto num_rows = static_cast<int64_t>(rows.tokens.size());
  minus_sin_.resize(static_cast<size_t>(num_rows * config_.head_dim / 2));
  for (size_t i = 0; i < minus_sin_.size(); ++i) minus_sin_[i] = -forward_.sin()[i];
  for (int64_t layer = config_.num_layers - 1; layer >= lowest_layer_; --layer) {
    LayerActivations* kept = KeptOf(layer);
    if (kept == nullptr) {
      kept = &again_;
      kept->Reserve(config_, num_rows);
      std::copy_n(inputs_[static_cast<size_t>(layer)].data(), num_rows * config_.hidden_size,
                  forward_.hidden());
      forward_.RunLayer(layer, rows, kept);
    }
    LayerBackward(layer, rows, kept->buffers());
  }
  gradients_.ApplyEmbedding(model_.embedding(), rows.tokens, dstream_.data());
}

void TrainingPass::LayerBackward(int64_t index, const PackedRows& rows, const LayerBuffers& b) {
  const LayerWeights& layer = model_.layers()[static_cast<size_t>(index)];
  const auto n = static_cast<int64_t>(rows.tokens.size());
  const int64_t hidden = config_.hidden_size;
  const int64_t inner = config_.intermediate_size;
  const int64_t head_dim = config_.head_dim;
  const int64_t heads = config_.num_heads * head_dim;
  const int64_t kv_heads = config_.num_kv_heads * head_dim;
  float* const dstream = dstream_.data();

  // stream += down(act(gate(normed)) * up(normed)): the stream's gradient is also the branch's.
  Zeros(dgated_, n * inner);
  gradients_.Apply(layer.down, b.gated, dstream, n, dgated_.data());
  RoomFor(dgate_, n * inner);
  RoomFor(dup_, n * inner);
  backward_.Gate(ActivationOf(config_), b.gate, b.up, dgated_.data(), n, inner, dgate_.data(),
                 dup_.data());
  Zeros(dnormed_, n * hidden);
  gradients_.Apply(layer.gate, b.post_normed, dgate_.data(), n, dnormed_.data());
  gradients_.Apply(layer.up, b.post_normed, dup_.data(), n, dnormed_.data());
  gradients_.ApplyNorm(layer.post_norm, b.middle, dnormed_.data(), n, hidden, dstream);

  // stream += o(attention(q(normed), k(normed), v(normed))).
  Zeros(dattended_, n * heads);
  gradients_.Apply(layer.o, b.attended, dstream, n, dattended_.data());
  RoomFor(dq_, n * heads);
  RoomFor(dk_, n * kv_heads);
  RoomFor(dv_, n * kv_heads);
  backward_.Attention(forward_.AttentionOf(index), b.q, b.k, b.v, dattended_.data(), sequences_,
                      dq_.data(), dk_.data(), dv_.data());
  // A turn's transpose is the turn back.
  backend_.Rope(dq_.data(), n, config_.num_heads, head_dim, forward_.cos(), minus_sin_.data());
  backend_.Rope(dk_.data(), n, config_.num_kv_heads, head_dim, forward_.cos(), minus_sin_.data());
  const auto through_head_norm = [&](const Norm& norm, const float* projected, int64_t num_heads,
                                     AlignedVector<float>& gradient) {
    Zeros(dprojected_, n * num_heads * head_dim);
    gradients_.ApplyNorm(norm, projected, gradient.data(), n * num_heads, head_dim,
                         dprojected_.data());
    std::swap(dprojected_, gradient);
  };
  if (config_.qk_norm) {
    through_head_norm(layer.q_norm, b.q_projected, config_.num_heads, dq_);
    through_head_norm(layer.k_norm, b.k_projected, config_.num_kv_heads, dk_);
  }
  // What lies below the lowest trained layer asks for no gradient.
  const bool goes_on =
      index > lowest_layer_ || TrainsEmbedding() || adapter_.gradients(layer.input_norm.id).any();
  if (goes_on) Zeros(dnormed_, n * hidden);
  float* const dnormed = goes_on ? dnormed_.data() : nullptr;
  gradients_.Apply(layer.q, b.normed, dq_.data(), n, dnormed);
  gradients_.Apply(layer.k, b.normed, dk_.data(), n, dnormed);
  gradients_.Apply(layer.v, b.normed, dv_.data(), n, dnormed);
  if (goes_on) gradients_.ApplyNorm(layer.input_norm, b.input, dnormed, n, hidden, dstream);
}

void TrainingPass::Step(std::span<const TrainingSequence> sequences, const LossFn& loss) {
  Step(sequences, nullptr, loss);
}

void TrainingPass::Step(std::span<const TrainingSequence> sequences, const ReadFn& read,
                        const LossFn& loss) {
  const PackedRows rows = Pack(sequences);
  Forward(rows);
  Zeros(dstream_, static_cast<int64_t>(rows.tokens.size()) * config_.hidden_size);
  const std::vector<HeadPart> parts = HeadParts(rows);
  // The outputs of a single part are still there when its loss is asked for.
  const bool again = read != nullptr && parts.size() > 1;
  if (read != nullptr) Read(parts, read);
  for (const HeadPart& part : parts) {
    if (read == nullptr || again) HeadForward(part);
    loss(part.first, part.count(), part.width, head_out_.data());
    HeadBackward(part);
  }
  Backward(rows);
}

void TrainingPass::Evaluate(std::span<const TrainingSequence> sequences, const ReadFn& read) {
  const PackedRows rows = Pack(sequences);
  Forward(rows);
  Read(HeadParts(rows), read);
}

void TrainingPass::Read(std::span<const HeadPart> parts, const ReadFn& read) {
  for (const HeadPart& part : parts) {
    HeadForward(part);
    read(part.first, part.count(), part.width, head_out_.data());
  }
}

}  // namespace dear
