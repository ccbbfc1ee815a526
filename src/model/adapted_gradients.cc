#include "model/adapted_gradients.h"

#include <algorithm>
#include <vector>

#include "model/adapted_ops.h"

namespace dear {
namespace {

void Scale(float* values, int64_t n, float factor) {
  for (int64_t i = 0; i < n; ++i) values[i] *= factor;
}

// Of each column, the sum of a * b over the rows, in their order.
std::vector<double> ColumnProducts(const float* a, const float* b, int64_t rows, int64_t n) {
  std::vector<double> sums(static_cast<size_t>(n), 0.0);
  for (int64_t row = 0; row < rows; ++row, a += n, b += n) {
    for (int64_t i = 0; i < n; ++i) sums[static_cast<size_t>(i)] += double{a[i]} * b[i];
  }
  return sums;
}

// y = (scale - less) x by column.
void ScaleColumns(const float* x, const float* scale, float less, int64_t rows, int64_t n,
                  float* y) {
  for (int64_t row = 0; row < rows; ++row, x += n, y += n) {
    for (int64_t i = 0; i < n; ++i) y[i] = (scale[i] - less) * x[i];
  }
}

}  // namespace

void AdaptedGradients::Apply(const Linear& linear, const float* x, const float* dy, int64_t rows,
                             float* dx) {
  const ModuleDelta* delta = adapter_.adapter()->delta(linear.id);
  const Matrix& weight =
      delta != nullptr && delta->replaced_weight ? *delta->replaced_weight : *linear.weight;
  if (delta != nullptr && !delta->dora_scale.empty()) {
    ApplyDora(linear, *delta, weight, x, dy, rows, dx);
    return;
  }
  if (dx != nullptr) backward_.MatMulInput(dy, rows, weight, dx);
  if (delta == nullptr) return;
  const ModuleGradients& gradients = adapter_.gradients(linear.id);
  if (gradients.weight != nullptr) {
    backward_.MatMulWeight(dy, x, rows, weight.rows(), weight.cols(), gradients.weight);
  }
  if (gradients.bias != nullptr) backward_.Bias(dy, rows, weight.rows(), gradients.bias);
  if (delta->rank > 0) {
    ApplyFactors(linear, *delta, weight.cols(), weight.rows(), x, dy, rows, dx);
  }
}

const float* AdaptedGradients::Dropped(const Linear& linear, const float* x, int64_t rows,
                                       int64_t in) {
  if (dropout_.probability <= 0) return x;
  float* dropped = RoomFor(dropped_, rows * in);
  dropout_.Apply(linear.id, x, rows, in, dropped);
  return dropped;
}

const float* AdaptedGradients::Inner(const ModuleDelta& delta, const float* dropped, int64_t rows,
                                     int64_t in) {
  float* inner = RoomFor(inner_, rows * delta.rank);
  backend_.MatMul(dropped, rows, in, delta.a.data(), delta.rank, nullptr, inner);
  Scale(inner, rows * delta.rank, delta.scaling);
  return inner;
}

const float* AdaptedGradients::InnerGradient(const ModuleDelta& delta, const float* b, float* da,
                                             const float* dropped, const float* dy, int64_t rows,
                                             int64_t in, int64_t out) {
  float* dinner = RoomFor(dinner_, rows * delta.rank);
  std::fill_n(dinner, rows * delta.rank, 0.0F);
  backward_.MatMulInput(dy, rows, out, b, delta.rank, dinner);
  Scale(dinner, rows * delta.rank, delta.scaling);
  backward_.MatMulWeight(dinner, dropped, rows, delta.rank, in, da);
  return dinner;
}

void AdaptedGradients::ApplyFactors(const Linear& linear, const ModuleDelta& delta, int64_t in,
                                    int64_t out, const float* x, const float* dy, int64_t rows,
                                    float* dx) {
  const ModuleGradients& gradients = adapter_.gradients(linear.id);
  const float* dropped = Dropped(linear, x, rows, in);
  const float* inner = Inner(delta, dropped, rows, in);
  backward_.MatMulWeight(dy, inner, rows, out, delta.rank, gradients.b);
  const float* dinner =
      InnerGradient(delta, delta.b.data(), gradients.a, dropped, dy, rows, in, out);
  if (dx == nullptr) return;
  if (dropout_.probability <= 0) {
    backward_.MatMulInput(dinner, rows, delta.rank, delta.a.data(), in, dx);
    return;
  }
  float* through = RoomFor(dropped_, rows * in);
  std::fill_n(through, rows * in, 0.0F);
  backward_.MatMulInput(dinner, rows, delta.rank, delta.a.data(), in, through);
  dropout_.Apply(linear.id, through, rows, in, through);
  backend_.AddScaled(through, 1.0F, rows * in, dx);
}

void AdaptedGradients::ApplyDora(const Linear& linear, const ModuleDelta& delta,
                                 const Matrix& weight, const float* x, const float* dy,
                                 int64_t rows, float* dx) {
  const ModuleGradients& gradients = adapter_.gradients(linear.id);
  const int64_t in = weight.cols();
  const int64_t out = weight.rows();
  const int64_t rank = delta.rank;
  const bool drops = dropout_.probability > 0;
  const float* scale = delta.dora_scale.data();
  const float* dropped = Dropped(linear, x, rows, in);
  const float* inner = Inner(delta, dropped, rows, in);

  // What the weight made of d(x) is computed once more: nothing keeps it, and its bytes are many.
  float* outer = RoomFor(outer_, rows * out);
  backend_.MatMul(dropped, rows, weight, nullptr, outer);
  const std::vector<double> through_weight = ColumnProducts(dy, outer, rows, out);
  // sum of dy B(inner) over the rows is B times the factors' own sum.
  float* db = RoomFor(db_, out * rank);
  std::fill_n(db, out * rank, 0.0F);
  backward_.MatMulWeight(dy, inner, rows, out, rank, db);
  float* scaled_b = RoomFor(scaled_b_, out * rank);
  for (int64_t i = 0; i < out; ++i) {
    double sum = through_weight[static_cast<size_t>(i)];
    for (int64_t j = i * rank; j < (i + 1) * rank; ++j) {
      const float b = delta.b[static_cast<size_t>(j)];
      sum += double{b} * db[j];
      scaled_b[j] = scale[i] * b;
      gradients.b[j] += scale[i] * db[j];
    }
    gradients.magnitude[i] += static_cast<float>(sum / delta.dora_norm[static_cast<size_t>(i)]);
  }
  const float* dinner = InnerGradient(delta, scaled_b, gradients.a, dropped, dy, rows, in, out);

  if (dx == nullptr) return;
  ScaleColumns(dy, scale, drops ? 1.0F : 0.0F, rows, out, outer);
  if (!drops) {
    backward_.MatMulInput(outer, rows, weight, dx);
    backward_.MatMulInput(dinner, rows, rank, delta.a.data(), in, dx);
    return;
  }
  backward_.MatMulInput(dy, rows, weight, dx);
  float* through = RoomFor(dropped_, rows * in);
  std::fill_n(through, rows * in, 0.0F);
  backward_.MatMulInput(outer, rows, weight, through);
  backward_.MatMulInput(dinner, rows, rank, delta.a.data(), in, through);
  dropout_.Apply(linear.id, through, rows, in, through);
  backend_.AddScaled(through, 1.0F, rows * in, dx);
}

void AdaptedGradients::ApplyEmbedding(const Linear& embedding, std::span<const int32_t> ids,
                                      const float* dy) {
  float* const gradient = adapter_.gradients(embedding.id).weight;
  if (gradient == nullptr) return;
  backward_.Embed(dy, ids, config_.hidden_size, EmbeddingScale(config_), gradient);
}

void AdaptedGradients::ApplyNorm(const Norm& norm, const float* x, const float* dy, int64_t vectors,
                                 int64_t size, float* dx) {
  const auto eps = static_cast<float>(config_.rms_norm_eps);
  if (float* gradient = adapter_.gradients(norm.id).norm; gradient != nullptr) {
    backward_.RmsNormWeight(x, dy, vectors, size, eps, gradient);
  }
  const ModuleDelta* delta = adapter_.adapter()->delta(norm.id);
  const bool replaced = delta != nullptr && !delta->replaced_norm.empty();
  backward_.RmsNorm(x, dy, vectors, size, (replaced ? delta->replaced_norm : norm.weight).data(),
                    config_.norm_weight_plus_one, eps, dx);
}

}  // namespace dear
