// Products of int8 activations with packed weights that are codes: activations rounded once a
// product, codes turned into bytes block by block, exact sums of a segment, f32 sums of segments.
#include <algorithm>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/packed_blocks.h"

namespace dear::cpu {
namespace {

// Inputs that share a scale of the activations and one of the weights.
int64_t SegmentOf(const PackedWeights& weights) {
  return weights.block % 32 == 0 ? 32 : 16;
}

}  // namespace

void CpuBackend::QuantizeRows(const float* x, int64_t rows, int64_t cols,
                              const PackedWeights& weights) {
  constexpr int64_t kLine = 64;  // int8 numbers
  bytes_stride_ = RoundedStride(weights.depth, kLine);
  segments_stride_ = weights.depth / SegmentOf(weights);
  const auto size = static_cast<size_t>(rows * bytes_stride_);
  if (bytes_.size() < size) bytes_.resize(size);
  const auto segments = static_cast<size_t>(rows * segments_stride_);
  if (segments_.size() < segments) segments_.resize(segments);
  ForRows(rows, cols, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.bytes.quantize_row({.x = x + row * cols,
                                   .n = cols,
                                   .depth = weights.depth,
                                   .segment = SegmentOf(weights),
                                   .nibbles = weights.kind == PackedWeights::Kind::kCodes4,
                                   .offset = weights.byte_offset,
                                   .unit = weights.byte_unit,
                                   .largest = weights.largest_byte},
                                  bytes_.data() + row * bytes_stride_,
                                  segments_.data() + row * segments_stride_);
    }
  });
}

void CpuBackend::RunBytes(const PackedTask& task, const Matrix& w, const float* bias, int worker,
                          float* y) {
  const PackedWeights& weights = *w.Packed();
  const int64_t segment = SegmentOf(weights);
  const int64_t first_panel = task.first_out / kPanelOuts;
  const int64_t panels = CeilDiv(task.outs, kPanelOuts);
  const int64_t outs = panels * kPanelOuts;
  const int64_t block = DepthBlock(weights.depth);
  const int64_t most = std::min(block, weights.depth);
  float* scales = Scratch(worker, outs * (2 * (most / segment) + most / 4));
  float* minima = scales + outs * (most / segment);
  auto* bytes = reinterpret_cast<uint8_t*>(minima + outs * (most / segment));
  for (int64_t first = 0; first < weights.depth; first += block) {
    const int64_t depth = std::min(block, weights.depth - first);
    for (int64_t panel = 0; panel < panels; ++panel) {
      const int64_t at = panel * kPanelOuts * (depth / segment);
      kernels_.bytes.unpack(CodesOf(weights, first_panel + panel, first, depth),
                            weights.byte_levels.data(), segment, bytes + panel * kPanelOuts * depth,
                            scales + at, minima + at);
    }
    const bool is_last = first + depth == weights.depth;
    kernels_.bytes.dot(
        {.x = bytes_.data() + task.first_row * bytes_stride_ + first,
         .rows = task.rows,
         .x_stride = bytes_stride_,
         .segments = segments_.data() + task.first_row * segments_stride_ + first / segment,
         .segments_stride = segments_stride_,
         .w = bytes,
         .panel_stride = depth * kPanelOuts,
         .scales = scales,
         .minima = weights.minima == nullptr ? nullptr : minima,
         .segment = segment,
         .largest = weights.largest_byte,
         .depth = depth,
         .outs = task.outs,
         .add = first > 0,
         .bias = is_last && bias != nullptr ? bias + task.first_out : nullptr,
         .y = y + task.first_row * w.rows() + task.first_out,
         .y_stride = w.rows()});
  }
}

}  // namespace dear::cpu
