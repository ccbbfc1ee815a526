#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/adapter.h"
#include "model/merge.h"

namespace dear {
namespace {

// Rows handled at once, so that a large matrix is never held twice.
constexpr int64_t kRowsPerTask = 64;

// `row` += scaling * (row `index` of B A), rank by rank.
void AddDeltaRow(const ModuleDelta& delta, int64_t index, int64_t cols, float* row) {
  if (delta.is_embedding) {
    const float* a = delta.a.data() + index * delta.rank;
    for (int64_t i = 0; i < cols; ++i) {
      const float* b = delta.b.data() + i * delta.rank;
      float sum = 0;
      for (int64_t r = 0; r < delta.rank; ++r) sum += a[r] * b[r];
      row[i] += delta.scaling * sum;
    }
    return;
  }
  std::vector<float> sum(static_cast<size_t>(cols), 0.0F);
  for (int64_t r = 0; r < delta.rank; ++r) {
    const float b = delta.b[static_cast<size_t>(index * delta.rank + r)];
    const float* a = delta.a.data() + r * cols;
    for (int64_t i = 0; i < cols; ++i) sum[static_cast<size_t>(i)] += b * a[i];
  }
  for (int64_t i = 0; i < cols; ++i) row[i] += delta.scaling * sum[static_cast<size_t>(i)];
}

}  // namespace

void ForEachAdaptedRow(const Matrix& weight, const ModuleDelta& delta, ThreadPool& pool,
                       const std::function<void(int64_t row, float* values)>& visit) {
  const int64_t cols = weight.cols();
  pool.Run((weight.rows() + kRowsPerTask - 1) / kRowsPerTask, [&](int64_t task, int) {
    const int64_t first = task * kRowsPerTask;
    const int64_t count = std::min(kRowsPerTask, weight.rows() - first);
    std::vector<float> block(static_cast<size_t>(count * cols));
    weight.CopyRows(first, count, block.data());
    for (int64_t i = 0; i < count; ++i) {
      if (delta.rank > 0) AddDeltaRow(delta, first + i, cols, block.data() + i * cols);
      visit(first + i, block.data() + i * cols);
    }
  });
}

std::vector<float> MergedWeight(const Linear& base, const ModuleDelta& delta) {
  const Matrix& weight = delta.replaced_weight ? *delta.replaced_weight : *base.weight;
  const int64_t cols = weight.cols();
  std::vector<float> merged(static_cast<size_t>(weight.rows() * cols));
  ThreadPool pool;
  ForEachAdaptedRow(weight, delta, pool, [&](int64_t row, float* values) {
    float* out = merged.data() + row * cols;
    for (int64_t i = 0; i < cols; ++i) {
      out[i] = values[i];
      if (delta.dora_scale.empty()) continue;
      out[i] *= delta.dora_scale[static_cast<size_t>(delta.is_embedding ? i : row)];
    }
  });
  return merged;
}

std::vector<float> AdaptedNorms(const Matrix& weight, const ModuleDelta& delta, ThreadPool& pool) {
  const int64_t cols = weight.cols();
  if (!delta.is_embedding) {
    std::vector<float> norms(static_cast<size_t>(weight.rows()));
    ForEachAdaptedRow(weight, delta, pool, [&](int64_t row, float* values) {
      double squares = 0;
      for (int64_t i = 0; i < cols; ++i) squares += double{values[i]} * values[i];
      norms[static_cast<size_t>(row)] = static_cast<float>(std::sqrt(squares));
    });
    return norms;
  }
  // By column: a sum over rows, in row order whatever the threads.
  std::vector<double> squares(static_cast<size_t>(cols), 0.0);
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t i = 0; i < weight.rows(); ++i) {
    weight.CopyRows(i, 1, row.data());
    AddDeltaRow(delta, i, cols, row.data());
    for (size_t c = 0; c < row.size(); ++c) squares[c] += double{row[c]} * row[c];
  }
  std::vector<float> norms;
  norms.reserve(squares.size());
  for (const double sum : squares) norms.push_back(static_cast<float>(std::sqrt(sum)));
  return norms;
}

void UpdateDora(const Matrix& weight, ModuleDelta& delta, ThreadPool& pool) {
  delta.dora_norm = AdaptedNorms(weight, delta, pool);
  delta.dora_scale = delta.dora_magnitude;
  for (size_t i = 0; i < delta.dora_scale.size(); ++i) delta.dora_scale[i] /= delta.dora_norm[i];
}

}  // namespace dear
