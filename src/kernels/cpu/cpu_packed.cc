// Products with packed weights: activations rounded to bf16 once, weights that are held as codes
// turned into pairs block by block, f32 sums.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/packed_blocks.h"

namespace dear::cpu {
namespace {

// Outputs of a task: the panels of one register tile.
constexpr int64_t kTaskOuts = 4 * kPanelOuts;
// Rows of a task: enough to pay for turning codes into what is multiplied.
constexpr int64_t kTaskRows = 192;
// Work below this is not worth waking threads for.
constexpr int64_t kNumbersPerRun = 32 * 1024;

}  // namespace

void CpuBackend::MultiplyPacked(const float* x, int64_t rows, const Matrix& w, const float* bias,
                                float* y) {
  if (rows == 0) return;
  const bool as_bytes = w.Packed()->activations == Activations::kInt8;
  if (as_bytes) {
    QuantizeRows(x, rows, w.cols(), *w.Packed());
  } else {
    RoundRows(kernels_.pairs, x, rows, w.cols(), w.Packed()->depth, &rounded_);
  }
  const int64_t out_tasks = CeilDiv(w.rows(), kTaskOuts);
  // As many rows as the kernels take, or fewer where threads would have nothing to do.
  const int64_t most_rows = as_bytes ? kTaskRows : std::max(kTaskRows, kernels_.pairs.task_rows);
  const int64_t row_tasks =
      std::max(CeilDiv(rows, most_rows),
               std::min(CeilDiv(rows, kTaskRows), CeilDiv(4 * pool_->num_threads(), out_tasks)));
  const int64_t rows_each = CeilDiv(rows, row_tasks);
  const auto run = [&](int64_t number, int worker) {
    const int64_t row = number % row_tasks * rows_each;
    const int64_t out = number / row_tasks * kTaskOuts;
    const PackedTask task{.first_row = row,
                          .rows = std::min(rows_each, rows - row),
                          .first_out = out,
                          .outs = std::min(kTaskOuts, w.rows() - out)};
    if (as_bytes) {
      RunBytes(task, w, bias, worker, y);
    } else {
      RunPacked(task, w, bias, worker, y);
    }
  };
  if (rows * w.rows() * w.cols() < kNumbersPerRun) {
    for (int64_t task = 0; task < out_tasks * row_tasks; ++task) run(task, 0);
    return;
  }
  pool_->Run(out_tasks * row_tasks, run);
}

void CpuBackend::RunPacked(const PackedTask& task, const Matrix& w, const float* bias, int worker,
                           float* y) {
  const PackedWeights& weights = *w.Packed();
  const int64_t first_panel = task.first_out / kPanelOuts;
  const int64_t panels = CeilDiv(task.outs, kPanelOuts);
  PairProduct product{.x = nullptr,
                      .rows = task.rows,
                      .x_stride = rounded_.stride,
                      .w = nullptr,
                      .panel_stride = 0,
                      .depth = 0,
                      .outs = task.outs,
                      .add = false,
                      .bias = nullptr,
                      .y = y + task.first_row * w.rows() + task.first_out,
                      .y_stride = w.rows()};
  const int64_t block = DepthBlock(weights.depth);
  for (int64_t first = 0; first < weights.depth; first += block) {
    const int64_t depth = std::min(block, weights.depth - first);
    if (weights.kind == PackedWeights::Kind::kPairs) {
      product.panel_stride = weights.depth * kPanelOuts;
      product.w = static_cast<const uint16_t*>(weights.data) + first_panel * product.panel_stride +
                  first * kPanelOuts;
    } else {
      product.panel_stride = depth * kPanelOuts;
      auto* pairs = reinterpret_cast<uint16_t*>(Scratch(worker, kTaskOuts * block / 2));
      product.w = pairs;
      for (int64_t panel = first_panel; panel < first_panel + panels; ++panel) {
        kernels_.pairs.unpack(CodesOf(weights, panel, first, depth),
                              pairs + (panel - first_panel) * product.panel_stride);
      }
    }
    product.x = rounded_.row(task.first_row) + first;
    product.depth = depth;
    product.add = first > 0;
    if (first + depth == weights.depth && bias != nullptr) product.bias = bias + task.first_out;
    kernels_.pairs.dot(product);
  }
}

}  // namespace dear::cpu
