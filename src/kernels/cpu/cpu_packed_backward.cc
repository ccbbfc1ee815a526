// Backward products with packed weights: gradients rounded to bf16 once, panels of outputs turned
// into panels of inputs a block at a time, f32 sums.
#include <algorithm>

#include "base/ceil_div.h"
#include "kernels/cpu/cpu_backward_ops.h"
#include "kernels/cpu/packed_blocks.h"
#include "tensor/packed_matrix.h"

namespace dear::cpu {
namespace {

// Numbers of a block of turned weights that is met by all rows: within the second cache of two
// cores.
constexpr int64_t kBlockNumbers = 256 * 1024;
// Outputs of a task: rows, and columns as the panels of one register tile.
constexpr int64_t kTaskRows = 192;
constexpr int64_t kTaskColumns = 4 * kPanelOuts;

// From pairs of inputs by output, [inputs / 2][16 outputs], to pairs of outputs by input:
// [inputs / 16] at `stride`, [8 pairs of outputs][16 inputs].
void TurnPanel(const uint32_t* pairs, int64_t inputs, int64_t stride, uint32_t* turned) {
  for (int64_t first = 0; first < inputs; first += kPanelOuts, turned += stride) {
    const uint32_t* from = pairs + first / 2 * kPanelOuts;
    for (int64_t out = 0; out < kPanelOuts; out += 2) {
      uint32_t* to = turned + out / 2 * kPanelOuts;
      for (int64_t i = 0; i < kPanelOuts; i += 2) {
        const uint32_t upper = from[i / 2 * kPanelOuts + out];
        const uint32_t lower = from[i / 2 * kPanelOuts + out + 1];
        to[i] = (upper & 0xffffU) | (lower << 16);
        to[i + 1] = (upper >> 16) | (lower & 0xffff0000U);
      }
    }
  }
}

}  // namespace

void CpuBackwardOps::TurnPanels(const PackedWeights& w, int64_t first, int64_t count) {
  constexpr int64_t kPanelWords = kPanelOuts * kPanelOuts / 2;  // of 16 inputs
  const int64_t stride = count * kPanelWords;
  const auto size = static_cast<size_t>(w.depth / kPanelOuts * stride);
  if (turned_.size() < size) turned_.resize(size);
  pool_->Run(count, [&](int64_t task, int worker) {
    const int64_t panel = first + task;
    uint32_t* turned = turned_.data() + task * kPanelWords;
    if (panel >= w.panels) {
      for (int64_t input = 0; input < w.depth; input += kPanelOuts, turned += stride) {
        std::fill_n(turned, kPanelWords, 0U);
      }
      return;
    }
    if (w.kind == PackedWeights::Kind::kPairs) {
      const auto* pairs = static_cast<const uint32_t*>(w.data) + panel * w.depth / 2 * kPanelOuts;
      TurnPanel(pairs, w.depth, stride, turned);
      return;
    }
    auto* const pairs = reinterpret_cast<uint32_t*>(Scratch(worker, kDepthBlock / 2 * kPanelOuts));
    for (int64_t input = 0; input < w.depth; input += kDepthBlock) {
      const int64_t inputs = std::min(kDepthBlock, w.depth - input);
      kernels_.pairs.unpack(CodesOf(w, panel, input, inputs), reinterpret_cast<uint16_t*>(pairs));
      TurnPanel(pairs, inputs, stride, turned + input / kPanelOuts * stride);
    }
  });
}

void CpuBackwardOps::MatMulInputPairs(const float* dy, int64_t rows, const Matrix& w, float* dx) {
  constexpr int64_t kStep = PackedWeights::kDepth;
  const PackedWeights& weights = *w.Packed();
  const int64_t in = w.cols();
  const int64_t depth = PaddedDepth(w.rows());
  RoundRows(kernels_.pairs, dy, rows, w.rows(), depth, &rounded_);
  const int64_t block = std::max<int64_t>(1, kBlockNumbers / weights.depth / kStep) * kStep;
  const int64_t across = CeilDiv(in, kTaskColumns);
  for (int64_t first = 0; first < depth; first += block) {
    const int64_t count = std::min(block, depth - first);
    TurnPanels(weights, first / kPanelOuts, count / kPanelOuts);
    const auto* turned = reinterpret_cast<const uint16_t*>(turned_.data());
    pool_->Run(CeilDiv(rows, kTaskRows) * across, [&](int64_t task, int) {
      const int64_t row = task / across * kTaskRows;
      const int64_t column = task % across * kTaskColumns;
      kernels_.pairs.dot({.x = rounded_.row(row) + first,
                          .rows = std::min(kTaskRows, rows - row),
                          .x_stride = rounded_.stride,
                          .w = turned + column * count,
                          .panel_stride = count * kPanelOuts,
                          .depth = count,
                          .outs = std::min(kTaskColumns, in - column),
                          .add = true,
                          .bias = nullptr,
                          .y = dx + row * in + column,
                          .y_stride = in});
    });
  }
}

}  // namespace dear::cpu
