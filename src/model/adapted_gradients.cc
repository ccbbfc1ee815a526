#include "model/adapted_gradients.h"

#include <algorithm>

namespace dear {
namespace {

float* Room(AlignedVector<float>& memory, int64_t floats) {
  if (static_cast<int64_t>(memory.size()) < floats) memory.resize(static_cast<size_t>(floats));
  return memory.data();
}

void Scale(float* values, int64_t n, float factor) {
  for (int64_t i = 0; i < n; ++i) values[i] *= factor;
}

}  // namespace

void AdaptedGradients::Apply(const Linear& linear, const float* x, const float* dy, int64_t rows,
                             float* dx) {
  const ModuleDelta* delta = adapter_.adapter()->delta(linear.id);
  const Matrix& weight =
      delta != nullptr && delta->replaced_weight ? *delta->replaced_weight : *linear.weight;
  if (dx != nullptr) backward_.MatMulInput(dy, rows, weight, dx);
  if (delta == nullptr) return;
  if (float* gradient = adapter_.gradients(linear.id).weight; gradient != nullptr) {
    backward_.MatMulWeight(dy, x, rows, weight.rows(), weight.cols(), gradient);
  }
  if (delta->rank > 0) {
    ApplyFactors(linear, *delta, weight.cols(), weight.rows(), x, dy, rows, dx);
  }
}

void AdaptedGradients::ApplyFactors(const Linear& linear, const ModuleDelta& delta, int64_t in,
                                    int64_t out, const float* x, const float* dy, int64_t rows,
                                    float* dx) {
  const ModuleGradients& gradients = adapter_.gradients(linear.id);
  const int64_t rank = delta.rank;
  const bool drops = dropout_.probability > 0;
  if (drops) {
    float* dropped = Room(dropped_, rows * in);
    dropout_.Apply(linear.id, x, rows, in, dropped);
    x = dropped;
  }
  float* inner = Room(inner_, rows * rank);
  backend_.MatMul(x, rows, in, delta.a.data(), rank, nullptr, inner);
  Scale(inner, rows * rank, delta.scaling);
  backward_.MatMulWeight(dy, inner, rows, out, rank, gradients.b);

  float* dinner = Room(dinner_, rows * rank);
  std::fill_n(dinner, rows * rank, 0.0F);
  backward_.MatMulInput(dy, rows, out, delta.b.data(), rank, dinner);
  Scale(dinner, rows * rank, delta.scaling);
  backward_.MatMulWeight(dinner, x, rows, rank, in, gradients.a);
  if (dx == nullptr) return;
  if (!drops) {
    backward_.MatMulInput(dinner, rows, rank, delta.a.data(), in, dx);
    return;
  }
  float* through = Room(dropped_, rows * in);
  std::fill_n(through, rows * in, 0.0F);
  backward_.MatMulInput(dinner, rows, rank, delta.a.data(), in, through);
  dropout_.Apply(linear.id, through, rows, in, through);
  backend_.AddScaled(through, 1.0F, rows * in, dx);
}

void AdaptedGradients::ApplyNorm(const Norm& norm, const float* x, const float* dy, int64_t vectors,
                                 int64_t size, float* dx) {
  backward_.RmsNorm(x, dy, vectors, size, norm.weight.data(), config_.norm_weight_plus_one,
                    static_cast<float>(config_.rms_norm_eps), dx);
}

}  // namespace dear
