#include "kernels/cpu/cpu_backward_ops.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/ceil_div.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/widen_rows.h"
#include "tensor/packed_matrix.h"

namespace dear::cpu {
namespace {

// Floats of a block of weights that is widened and met by all rows: within the second cache of
// two cores.
constexpr int64_t kWeightBlockFloats = 192 * 1024;
constexpr int64_t kFewestOuts = 16;
// Outputs of one task of a sum: rows as whole tiles of every instruction set, and columns.
constexpr int64_t kTaskRows = 96;
constexpr int64_t kTaskColumns = 256;

}  // namespace

CpuBackwardOps::CpuBackwardOps(std::shared_ptr<ThreadPool> pool, const KernelTable& kernels)
    : PooledWork(std::move(pool)), kernels_(kernels) {}

void CpuBackwardOps::AddOuter(const OuterSum& sum) {
  if (sum.m * sum.n * sum.k < 4 * kFloatsPerTask) {
    kernels_.add_outer(sum);
    return;
  }
  const int64_t across = CeilDiv(sum.n, kTaskColumns);
  pool_->Run(CeilDiv(sum.m, kTaskRows) * across, [&](int64_t task, int) {
    const int64_t row = task / across * kTaskRows;
    const int64_t column = task % across * kTaskColumns;
    OuterSum part = sum;
    part.a += row * sum.a_row;
    part.b += column;
    part.y += row * sum.y_stride + column;
    part.m = std::min(kTaskRows, sum.m - row);
    part.n = std::min(kTaskColumns, sum.n - column);
    kernels_.add_outer(part);
  });
}

void CpuBackwardOps::MatMulInput(const float* dy, int64_t rows, const Matrix& w, float* dx) {
  if (w.Packed() != nullptr && w.Packed()->activations == Activations::kBF16) {
    MatMulInputPairs(dy, rows, w, dx);
    return;
  }
  if (w.DenseF32() != nullptr) {
    MatMulInput(dy, rows, w.rows(), w.DenseF32(), w.cols(), dx);
    return;
  }
  const int64_t in = w.cols();
  const int64_t block = std::clamp<int64_t>(kWeightBlockFloats / std::max<int64_t>(in, 1),
                                            kFewestOuts, std::max(kFewestOuts, w.rows()));
  weights_.resize(static_cast<size_t>(block * in));
  for (int64_t first = 0; first < w.rows(); first += block) {
    const int64_t count = std::min(block, w.rows() - first);
    ForRows(count, in, [&](int64_t begin, int64_t end) {
      WidenRows(kernels_, w, first + begin, end - begin, weights_.data() + begin * in);
    });
    AddOuter({.a = dy + first,
              .a_row = w.rows(),
              .a_step = 1,
              .b = weights_.data(),
              .b_stride = in,
              .m = rows,
              .n = in,
              .k = count,
              .y = dx,
              .y_stride = in});
  }
}

void CpuBackwardOps::MatMulInput(const float* dy, int64_t rows, int64_t out, const float* w,
                                 int64_t in, float* dx) {
  const int64_t block = std::max(kFewestOuts, kWeightBlockFloats / std::max<int64_t>(in, 1));
  for (int64_t first = 0; first < out; first += block) {
    AddOuter({.a = dy + first,
              .a_row = out,
              .a_step = 1,
              .b = w + first * in,
              .b_stride = in,
              .m = rows,
              .n = in,
              .k = std::min(block, out - first),
              .y = dx,
              .y_stride = in});
  }
}

void CpuBackwardOps::MatMulWeight(const float* dy, const float* x, int64_t rows, int64_t out,
                                  int64_t in, float* dw) {
  // A block of rows at a time: its x stays in the cache while all outputs pass by.
  const int64_t block = std::max(kFewestOuts, kWeightBlockFloats / std::max<int64_t>(in, 1));
  for (int64_t first = 0; first < rows; first += block) {
    AddOuter({.a = dy + first * out,
              .a_row = 1,
              .a_step = out,
              .b = x + first * in,
              .b_stride = in,
              .m = out,
              .n = in,
              .k = std::min(block, rows - first),
              .y = dw,
              .y_stride = in});
  }
}

void CpuBackwardOps::RmsNorm(const float* x, const float* dy, int64_t rows, int64_t n,
                             const float* w, bool plus_one, float eps, float* dx) {
  ForRows(rows, n, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.rms_norm_gradient(x + row * n, w, plus_one ? 1.0F : 0.0F, dy + row * n, n, eps,
                                 dx + row * n);
    }
  });
}

void CpuBackwardOps::Bias(const float* dy, int64_t rows, int64_t out, float* db) {
  // The columns are shared out: each is summed by one thread, in the order of the rows.
  ForRows(out, rows, [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(end - begin), 0.0);
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = dy + row * out + begin;
      for (size_t i = 0; i < sums.size(); ++i) sums[i] += from[i];
    }
    for (size_t i = 0; i < sums.size(); ++i)
      db[begin + static_cast<int64_t>(i)] += static_cast<float>(sums[i]);
  });
}

void CpuBackwardOps::Embed(const float* dy, std::span<const int32_t> ids, int64_t width,
                           float scale, float* dtable) {
  const auto rows = static_cast<int64_t>(ids.size());
  ForRows(width, rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < rows; ++row) {
      const float* from = dy + row * width;
      float* to = dtable + ids[static_cast<size_t>(row)] * width;
      for (int64_t i = begin; i < end; ++i) to[i] += scale * from[i];
    }
  });
}

void CpuBackwardOps::RmsNormWeight(const float* x, const float* dy, int64_t rows, int64_t n,
                                   float eps, float* dw) {
  std::vector<float> factors(static_cast<size_t>(rows));
  ForRows(rows, n, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      double squares = 0;
      for (int64_t i = row * n; i < (row + 1) * n; ++i) squares += double{x[i]} * x[i];
      factors[static_cast<size_t>(row)] =
          static_cast<float>(1 / std::sqrt(squares / static_cast<double>(n) + double{eps}));
    }
  });
  ForRows(n, rows, [&](int64_t begin, int64_t end) {
    std::vector<double> sums(static_cast<size_t>(end - begin), 0.0);
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t first = row * n + begin;
      const double factor = factors[static_cast<size_t>(row)];
      for (size_t i = 0; i < sums.size(); ++i) {
        const int64_t at = first + static_cast<int64_t>(i);
        sums[i] += factor * (double{dy[at]} * x[at]);
      }
    }
    for (size_t i = 0; i < sums.size(); ++i)
      dw[begin + static_cast<int64_t>(i)] += static_cast<float>(sums[i]);
  });
}

void CpuBackwardOps::Gate(GateActivation activation, const float* gate, const float* up,
                          const float* dy, int64_t rows, int64_t n, float* dgate, float* dup) {
  ForRows(rows, 4 * n, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * n;
    const int64_t count = (end - begin) * n;
    if (activation == GateActivation::kGelu) {
      for (int64_t i = first; i < first + count; ++i) {
        // g Phi(g): its slope is Phi(g) + g phi(g), phi the normal density.
        const float g = gate[i];
        const float below = 0.5F * (1.0F + std::erf(g * 0.70710678F));
        const float density = 0.39894228F * std::exp(-0.5F * g * g);
        const float gradient = dy[i];
        const float from_up = gradient * up[i];
        dup[i] = gradient * g * below;
        dgate[i] = from_up * (below + g * density);
      }
      return;
    }
    const GateKind kind =
        activation == GateActivation::kSilu ? GateKind::kSilu : GateKind::kGeluTanh;
    kernels_.gate_gradient(kind, gate + first, up + first, dy + first, count, dgate + first,
                           dup + first);
  });
}

CpuBackwardOps::RowLoss CpuBackwardOps::LossOf(const float* logits, int64_t width, int32_t target,
                                               int worker) {
  const int64_t padded = CeilDiv(width, kKeysPerBlock) * kKeysPerBlock;
  RowLoss row;
  row.exponentials = Scratch(worker, padded);
  std::copy_n(logits, width, row.exponentials);
  row.total = kernels_.softmax(row.exponentials, 0, width, padded);
  // Where the target's exponential is too small to say more, the difference itself does.
  const float max = *std::max_element(logits, logits + width);
  row.loss = std::log(row.total) - (static_cast<double>(logits[target]) - max);
  return row;
}

void CpuBackwardOps::CrossEntropy(const float* logits, int64_t rows, int64_t width,
                                  const int32_t* targets, double* losses) {
  pool_->Run(rows, [&](int64_t row, int worker) {
    losses[row] = LossOf(logits + row * width, width, targets[row], worker).loss;
  });
}

void CpuBackwardOps::CrossEntropyGradient(float* logits, int64_t rows, int64_t width,
                                          const int32_t* targets, const float* scales,
                                          double* losses) {
  pool_->Run(rows, [&](int64_t row, int worker) {
    float* const y = logits + row * width;
    const RowLoss of = LossOf(y, width, targets[row], worker);
    losses[row] = of.loss;
    const auto factor = static_cast<float>(scales[row] / of.total);
    for (int64_t i = 0; i < width; ++i) y[i] = of.exponentials[i] * factor;
    y[targets[row]] -= scales[row];
  });
}

}  // namespace dear::cpu

namespace dear {

std::unique_ptr<BackwardOps> MakeCpuBackwardOps(std::shared_ptr<ThreadPool> pool) {
  const char* wanted = std::getenv("DEAR_ISA");
  return std::make_unique<cpu::CpuBackwardOps>(std::move(pool),
                                               cpu::ChooseKernels(wanted == nullptr ? "" : wanted));
}

}  // namespace dear
