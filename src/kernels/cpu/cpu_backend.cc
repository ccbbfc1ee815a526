#include "kernels/cpu/cpu_backend.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/ceil_div.h"
#include "kernels/cpu/isa.h"
#include "kernels/cpu/widen_rows.h"

namespace dear::cpu {
namespace {

// Floats of one block of weights, widened once and multiplied by all rows: it stays in the second
// cache.
constexpr int64_t kWeightBlockFloats = 32 * 1024;
// The same for a few rows, which are done before the next weights are there: the first cache.
constexpr int64_t kFewRows = 4;
constexpr int64_t kWeightBlockFloatsOfFewRows = 6 * 1024;
// Floats of activations that meet a block of weights in one go.
constexpr int64_t kRowBlockFloats = 64 * 1024;

// Rows from which on a factor of few inputs is turned for vectors of outputs.
constexpr int64_t kRowsWorthTurning = 8;

// Rows that meet a block of weights in one go: whole tiles of every instruction set.
int64_t RowBlock(int64_t in) {
  constexpr int64_t kTile = 12;
  return std::max(kTile, kRowBlockFloats / std::max<int64_t>(in, 1) / kTile * kTile);
}

// Output columns of one task: whole tiles, and enough tasks for every thread.
int64_t OutBlock(int64_t weight_floats, int64_t in, int64_t out, int num_threads) {
  constexpr int64_t kTile = 4;
  const int64_t by_cache = weight_floats / std::max<int64_t>(in, 1);
  const int64_t by_threads = CeilDiv(out, 4 * num_threads);
  const int64_t block = std::clamp<int64_t>(std::min(by_cache, by_threads), kTile, 128);
  return CeilDiv(block, kTile) * kTile;
}

}  // namespace

CpuBackend::CpuBackend(std::shared_ptr<ThreadPool> pool, const KernelTable& kernels)
    : PooledWork(std::move(pool)), kernels_(kernels), name_("cpu/" + std::string(kernels.name)) {}

void CpuBackend::Embed(const Matrix& table, std::span<const int32_t> ids, float scale, float* y) {
  const int64_t width = table.cols();
  ForRows(static_cast<int64_t>(ids.size()), width, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = y + row * width;
      table.CopyRows(ids[static_cast<size_t>(row)], 1, out);
      if (scale != 1.0F) {
        for (int64_t i = 0; i < width; ++i) out[i] *= scale;
      }
    }
  });
}

void CpuBackend::MatMul(const float* x, int64_t rows, const Matrix& w, const float* bias,
                        float* y) {
  if (w.Packed() != nullptr) {
    MultiplyPacked(x, rows, w, bias, y);
    return;
  }
  if (w.DenseF32() != nullptr) {
    MatMul(x, rows, w.cols(), w.DenseF32(), w.rows(), bias, y);
    return;
  }
  if (rows == 0) return;
  const int64_t in = w.cols();
  const int64_t out = w.rows();
  const int64_t out_block =
      OutBlock(rows <= kFewRows ? kWeightBlockFloatsOfFewRows : kWeightBlockFloats, in, out,
               pool_->num_threads());
  const int64_t row_block = RowBlock(in);
  pool_->Run(CeilDiv(out, out_block), [&](int64_t task, int worker) {
    const int64_t first = task * out_block;
    const int64_t count = std::min(out_block, out - first);
    float* block = Scratch(worker, out_block * in);
    WidenRows(kernels_, w, first, count, block);
    for (int64_t row = 0; row < rows; row += row_block) {
      kernels_.dot_rows(x + row * in, std::min(row_block, rows - row), in, block, count, in,
                        bias == nullptr ? nullptr : bias + first, y + row * out + first, out);
    }
  });
}

void CpuBackend::MatMul(const float* x, int64_t rows, int64_t in, const float* w, int64_t out,
                        const float* bias, float* y) {
  if (rows == 0) return;
  const int64_t out_block = OutBlock(kWeightBlockFloats, in, out, pool_->num_threads());
  const int64_t row_block = RowBlock(in);
  const auto multiply = [&](int64_t first, int64_t count) {
    for (int64_t row = 0; row < rows; row += row_block) {
      kernels_.dot_rows(x + row * in, std::min(row_block, rows - row), in, w + first * in, count,
                        in, bias == nullptr ? nullptr : bias + first, y + row * out + first, out);
    }
  };
  if (rows * in * out < 4 * kFloatsPerTask) {
    multiply(0, out);
    return;
  }
  pool_->Run(CeilDiv(out, out_block), [&](int64_t task, int) {
    const int64_t first = task * out_block;
    multiply(first, std::min(out_block, out - first));
  });
}

void CpuBackend::RmsNorm(const float* x, int64_t rows, int64_t n, const float* w, bool plus_one,
                         float eps, float* y) {
  ForRows(rows, n, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.rms_norm(x + row * n, w, plus_one ? 1.0F : 0.0F, n, eps, y + row * n);
    }
  });
}

void CpuBackend::Rope(float* x, int64_t rows, int64_t num_heads, int64_t head_dim, const float* cos,
                      const float* sin) {
  const int64_t half = head_dim / 2;
  ForRows(rows, num_heads * head_dim, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* c = cos + row * half;
      const float* s = sin + row * half;
      for (int64_t head = 0; head < num_heads; ++head) {
        float* first = x + (row * num_heads + head) * head_dim;
        float* second = first + half;
        for (int64_t i = 0; i < half; ++i) {
          const float a = first[i];
          const float b = second[i];
          first[i] = a * c[i] - b * s[i];
          second[i] = b * c[i] + a * s[i];
        }
      }
    }
  });
}

void CpuBackend::Gate(GateActivation activation, const float* gate, const float* up, int64_t rows,
                      int64_t n, float* y) {
  ForRows(rows, 4 * n, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * n;
    const int64_t count = (end - begin) * n;
    if (activation == GateActivation::kGelu) {
      for (int64_t i = first; i < first + count; ++i) {
        const float g = gate[i];
        y[i] = 0.5F * g * (1.0F + std::erf(g * 0.70710678F)) * up[i];
      }
      return;
    }
    const GateKind kind =
        activation == GateActivation::kSilu ? GateKind::kSilu : GateKind::kGeluTanh;
    kernels_.gate(kind, gate + first, up + first, count, y + first);
  });
}

void CpuBackend::AddScaled(const float* x, float factor, int64_t n, float* y) {
  ForRows(CeilDiv(n, kFloatsPerTask), kFloatsPerTask, [&](int64_t begin, int64_t end) {
    const int64_t last = std::min(n, end * kFloatsPerTask);
    for (int64_t i = begin * kFloatsPerTask; i < last; ++i) y[i] += x[i] * factor;
  });
}

void CpuBackend::GatherRows(const float* x, std::span<const int32_t> rows, int64_t n, float* y) {
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(x + rows[i] * n, n, y + static_cast<int64_t>(i) * n);
  }
}

void CpuBackend::ScatterRows(const float* x, std::span<const int32_t> rows, int64_t n,
                             int64_t y_width, float rest, float* y) {
  for (size_t i = 0; i < rows.size(); ++i) {
    float* out = std::copy_n(x + static_cast<int64_t>(i) * n, n, y + rows[i] * y_width);
    std::fill_n(out, y_width - n, rest);
  }
}

void CpuBackend::AddAdapter(const float* x, std::span<const int32_t> rows, int64_t n, float factor,
                            const float* dora_scale, const float* bias, int64_t y_width, float* y) {
  ForRows(static_cast<int64_t>(rows.size()), n, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * n;
      float* to = y + rows[static_cast<size_t>(row)] * y_width;
      if (dora_scale == nullptr) {
        for (int64_t i = 0; i < n; ++i) to[i] += from[i] * factor;
        continue;
      }
      for (int64_t i = 0; i < n; ++i) {
        const float base = bias == nullptr ? to[i] : to[i] - bias[i];
        to[i] += (dora_scale[i] - 1.0F) * base + dora_scale[i] * from[i] * factor;
      }
    }
  });
}

void CpuBackend::AddLowRank(const float* x, std::span<const int32_t> rows, int64_t k,
                            const float* b, int64_t n, float factor, int64_t y_width, float* y) {
  const auto count = static_cast<int64_t>(rows.size());
  if (!FewInputs(k) || count < kRowsWorthTurning) {
    float* product = RoomFor(low_rank_, count * n);
    MatMul(x, count, k, b, n, nullptr, product);
    AddAdapter(product, rows, n, factor, nullptr, nullptr, y_width, y);
    return;
  }
  const int64_t panels = CeilDiv(n, kLanes);
  float* turned = RoomFor(low_rank_, panels * k * kLanes);
  for (int64_t out = 0; out < panels * kLanes; ++out) {
    float* to = turned + out / kLanes * k * kLanes + out % kLanes;
    for (int64_t i = 0; i < k; ++i) to[i * kLanes] = out < n ? b[out * k + i] : 0.0F;
  }
  ForRows(count, n, [&](int64_t begin, int64_t end) {
    kernels_.add_few_inputs({.x = x + begin * k,
                             .rows = rows.data() + begin,
                             .num_rows = end - begin,
                             .k = k,
                             .w = turned,
                             .outs = n,
                             .factor = factor,
                             .y = y,
                             .y_stride = y_width});
  });
}

}  // namespace dear::cpu

namespace dear {

std::unique_ptr<Backend> MakeCpuBackend(std::shared_ptr<ThreadPool> pool) {
  const char* wanted = std::getenv("DEAR_ISA");
  return std::make_unique<cpu::CpuBackend>(std::move(pool),
                                           cpu::ChooseKernels(wanted == nullptr ? "" : wanted));
}

}  // namespace dear
