#include "tensor/cascade_sum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace dear {
namespace {

constexpr int kLevels = 4;
constexpr size_t kInterleaved = 4;

// Sums a [rows, kInterleaved * lanes] array over its rows; returns the columns' sums.
template <size_t kLanes>
std::array<float, kInterleaved * kLanes> SumRows(const float* values, size_t rows) {
  constexpr size_t kColumns = kInterleaved * kLanes;
  using Row = std::array<float, kColumns>;
  const int ceil_log2 = rows <= 2 ? 1 : std::bit_width(rows - 1);
  const int level_power = std::max(4, ceil_log2 / kLevels);
  const size_t level_step = size_t{1} << level_power;
  const size_t level_mask = level_step - 1;

  std::array<Row, kLevels> level{};
  const auto add = [](Row& to, const float* from) {
    for (size_t k = 0; k < kColumns; ++k) to[k] += from[k];
  };
  size_t i = 0;
  while (i + level_step <= rows) {
    for (size_t j = 0; j < level_step; ++j, ++i) add(level[0], values + i * kColumns);
    for (int j = 1; j < kLevels; ++j) {
      add(level[j], level[j - 1].data());
      level[j - 1].fill(0);
      if ((i & (level_mask << (j * level_power))) != 0) break;
    }
  }
  for (; i < rows; ++i) add(level[0], values + i * kColumns);
  for (int j = 1; j < kLevels; ++j) add(level[0], level[j].data());
  return level[0];
}

template <size_t kLanes>
float Sum(std::span<const float> values) {
  const size_t vectors = values.size() / kLanes;
  const size_t rows = vectors / kInterleaved;
  auto partial = SumRows<kLanes>(values.data(), rows);
  for (size_t v = rows * kInterleaved; v < vectors; ++v) {
    for (size_t k = 0; k < kLanes; ++k) partial[k] += values[v * kLanes + k];
  }
  for (size_t j = 1; j < kInterleaved; ++j) {
    for (size_t k = 0; k < kLanes; ++k) partial[k] += partial[j * kLanes + k];
  }
  float sum = 0;
  for (size_t i = vectors * kLanes; i < values.size(); ++i) sum += values[i];
  for (size_t k = 0; k < kLanes; ++k) sum += partial[k];
  return sum;
}

}  // namespace

float CascadeSum(std::span<const float> values) {
  return values.size() < 8 ? Sum<1>(values) : Sum<8>(values);
}

}  // namespace dear
