#include "model/adapted_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace dear {
namespace {

const ModuleDelta* DeltaOf(const RowGroup& group, int module_id) {
  return group.adapter == nullptr ? nullptr : group.adapter->delta(module_id);
}

bool Replaces(const ModuleDelta* delta) {
  return delta != nullptr && (delta->replaced_weight != nullptr || delta->has_replaced_bias);
}

const float* DataOrNull(const std::vector<float>& values) {
  return values.empty() ? nullptr : values.data();
}

// The matrix and the bias that a group's rows meet.
const Matrix& WeightOf(const Linear& linear, const ModuleDelta* delta) {
  return delta != nullptr && delta->replaced_weight ? *delta->replaced_weight : *linear.weight;
}
const float* BiasOf(const Linear& linear, const ModuleDelta* delta) {
  return DataOrNull(delta != nullptr && delta->has_replaced_bias ? delta->replaced_bias
                                                                 : linear.bias);
}

}  // namespace

float EmbeddingScale(const ModelConfig& config) {
  return config.scale_embeddings
             ? static_cast<float>(std::sqrt(static_cast<double>(config.hidden_size)))
             : 1.0F;
}

int64_t AdaptedOps::HeadWidth(const Linear& head, const Adapter* adapter) {
  const ModuleDelta* delta = adapter == nullptr ? nullptr : adapter->delta(head.id);
  if (delta != nullptr && delta->replaced_weight) return delta->replaced_weight->rows();
  if (head.weight) return head.weight->rows();
  throw Error(ErrorCode::kInvalidArgument, "head '" + head.name + "'",
              "the model has no such head, and the adapter brings none");
}

const float* AdaptedOps::Gather(const RowGroups& groups, const RowGroup& group, const float* x,
                                int64_t n) {
  if (groups.groups().size() == 1) return x;
  float* gathered = RoomFor(gathered_, static_cast<int64_t>(group.rows.size()) * n);
  backend_.GatherRows(x, group.rows, n, gathered);
  return gathered;
}

void AdaptedOps::AddDelta(const ModuleDelta& delta, const RowGroup& group, const float* a_out,
                          int64_t out, float factor, const float* bias, int64_t width, float* y) {
  if (delta.b_bias.empty() && delta.dora_scale.empty()) {
    backend_.AddLowRank(a_out, group.rows, delta.rank, delta.b.data(), out, factor, width, y);
    return;
  }
  const auto rows = static_cast<int64_t>(group.rows.size());
  float* b_out = RoomFor(outer_, rows * out);
  backend_.MatMul(a_out, rows, delta.rank, delta.b.data(), out, DataOrNull(delta.b_bias), b_out);
  backend_.AddAdapter(b_out, group.rows, out, factor, DataOrNull(delta.dora_scale), bias, width, y);
}

// As peft does it (tuners/lora/dora.py, base_result None): the scale changes what the weight makes
// of the dropped input, y += (scale - 1) W d(x) + scale * scaling * B(A(d(x))).
void AdaptedOps::AddDroppedDora(const ModuleDelta& delta, const Matrix& weight,
                                const RowGroup& group, const float* dropped, const float* a_out,
                                int64_t width, float* y) {
  const auto rows = static_cast<int64_t>(group.rows.size());
  const int64_t out = weight.rows();
  RowGroup among_themselves{.adapter = group.adapter,
                            .rows = std::vector<int32_t>(group.rows.size())};
  std::iota(among_themselves.rows.begin(), among_themselves.rows.end(), 0);
  float* scaled = RoomFor(scaled_, rows * out);
  backend_.MatMul(dropped, rows, weight, nullptr, scaled);
  backend_.AddAdapter(scaled, group.rows, out, -1.0F, nullptr, nullptr, width, y);
  AddDelta(delta, among_themselves, a_out, out, delta.scaling, nullptr, out, scaled);
  backend_.AddAdapter(scaled, group.rows, out, 1.0F, nullptr, nullptr, width, y);
}

void AdaptedOps::Embed(const Linear& embedding, const RowGroups& groups,
                       std::span<const int32_t> ids, float* y) {
  const int64_t hidden = config_.hidden_size;
  const float scale = EmbeddingScale(config_);
  for (const RowGroup& group : groups.groups()) {
    const ModuleDelta* delta = DeltaOf(group, embedding.id);
    const auto rows = static_cast<int64_t>(group.rows.size());
    std::vector<int32_t> group_ids;
    for (const int32_t row : group.rows) group_ids.push_back(ids[static_cast<size_t>(row)]);
    float* embedded = RoomFor(outer_, rows * hidden);
    backend_.Embed(WeightOf(embedding, delta), group_ids, scale, embedded);
    backend_.ScatterRows(embedded, group.rows, hidden, hidden, 0, y);
    if (delta == nullptr || delta->rank == 0) continue;
    // A's columns are embeddings of their own: [vocab, rank].
    float* inner = RoomFor(inner_, rows * delta->rank);
    backend_.GatherRows(delta->a.data(), group_ids, delta->rank, inner);
    AddDelta(*delta, group, inner, hidden, delta->scaling * scale, nullptr, hidden, y);
  }
}

void AdaptedOps::ApplyBase(const Linear& linear, const RowGroups& groups, const float* x,
                           int64_t width, float* y) {
  const bool as_one = linear.weight != nullptr && linear.weight->rows() == width &&
                      std::ranges::none_of(groups.groups(), [&](const RowGroup& group) {
                        return Replaces(DeltaOf(group, linear.id));
                      });
  if (as_one) {
    backend_.MatMul(x, groups.num_rows(), *linear.weight, DataOrNull(linear.bias), y);
    return;
  }
  for (const RowGroup& group : groups.groups()) {
    const ModuleDelta* delta = DeltaOf(group, linear.id);
    const Matrix& weight = WeightOf(linear, delta);
    const auto rows = static_cast<int64_t>(group.rows.size());
    const float* gathered = Gather(groups, group, x, weight.cols());
    if (groups.groups().size() == 1 && weight.rows() == width) {
      backend_.MatMul(gathered, rows, weight, BiasOf(linear, delta), y);
      return;
    }
    float* out = RoomFor(outer_, rows * weight.rows());
    backend_.MatMul(gathered, rows, weight, BiasOf(linear, delta), out);
    backend_.ScatterRows(out, group.rows, weight.rows(), width,
                         -std::numeric_limits<float>::infinity(), y);
  }
}

void AdaptedOps::Apply(const Linear& linear, const RowGroups& groups, const float* x, int64_t width,
                       float* y) {
  ApplyBase(linear, groups, x, width, y);
  for (const RowGroup& group : groups.groups()) {
    const ModuleDelta* delta = DeltaOf(group, linear.id);
    if (delta == nullptr || delta->rank == 0) continue;
    const Matrix& weight = WeightOf(linear, delta);
    const auto rows = static_cast<int64_t>(group.rows.size());
    const float* gathered = Gather(groups, group, x, weight.cols());
    if (dropout_.probability > 0) {
      float* dropped = RoomFor(dropped_, rows * weight.cols());
      dropout_.Apply(linear.id, gathered, rows, weight.cols(), dropped);
      gathered = dropped;
    }
    float* inner = RoomFor(inner_, rows * delta->rank);
    backend_.MatMul(gathered, rows, weight.cols(), delta->a.data(), delta->rank, nullptr, inner);
    if (dropout_.probability > 0 && !delta->dora_scale.empty()) {
      AddDroppedDora(*delta, weight, group, gathered, inner, width, y);
      continue;
    }
    AddDelta(*delta, group, inner, weight.rows(), delta->scaling, BiasOf(linear, delta), width, y);
  }
}

void AdaptedOps::ApplyNorm(const Norm& norm, const RowGroups& groups, const float* x,
                           int64_t vectors_per_row, int64_t size, float* y) {
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  const int64_t row_floats = vectors_per_row * size;
  const bool plus_one = config_.norm_weight_plus_one;
  const auto replaced = [&](const RowGroup& group) {
    const ModuleDelta* delta = DeltaOf(group, norm.id);
    return delta != nullptr && !delta->replaced_norm.empty() ? &delta->replaced_norm : nullptr;
  };
  if (std::ranges::none_of(groups.groups(), replaced)) {
    backend_.RmsNorm(x, groups.num_rows() * vectors_per_row, size, norm.weight.data(), plus_one,
                     eps, y);
    return;
  }
  for (const RowGroup& group : groups.groups()) {
    const std::vector<float>* own = replaced(group);
    const auto rows = static_cast<int64_t>(group.rows.size());
    const float* gathered = Gather(groups, group, x, row_floats);
    float* out = RoomFor(outer_, rows * row_floats);
    backend_.RmsNorm(gathered, rows * vectors_per_row, size,
                     own != nullptr ? own->data() : norm.weight.data(), plus_one, eps, out);
    backend_.ScatterRows(out, group.rows, row_floats, row_floats, 0, y);
  }
}

}  // namespace dear
