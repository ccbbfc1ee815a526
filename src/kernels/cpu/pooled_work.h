#ifndef DEAR_KERNELS_CPU_POOLED_WORK_H_
#define DEAR_KERNELS_CPU_POOLED_WORK_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/aligned_vector.h"
#include "base/ceil_div.h"
#include "base/thread_pool.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/packed_blocks.h"

namespace dear::cpu {

// Work below this is not worth waking threads for.
inline constexpr int64_t kFloatsPerTask = 16 * 1024;

// Activations or gradients as bf16 numbers.
struct RoundedRows {
  AlignedVector<uint16_t> numbers;
  int64_t stride = 0;  // numbers of a row

  const uint16_t* row(int64_t row) const { return numbers.data() + row * stride; }
};

// What ops that share their rows out over a pool have in common.
class PooledWork {
 protected:
  explicit PooledWork(std::shared_ptr<ThreadPool> pool)
      : pool_(std::move(pool)), scratch_(static_cast<size_t>(pool_->num_threads())) {}
  ~PooledWork() = default;

  // Calls fn(begin, end) over parts of [0, rows); `row_floats` says how much work a row is.
  void ForRows(int64_t rows, int64_t row_floats,
               const std::function<void(int64_t begin, int64_t end)>& fn) {
    const int64_t per_task =
        std::max<int64_t>(1, kFloatsPerTask / std::max<int64_t>(row_floats, 1));
    pool_->Run(CeilDiv(rows, per_task), [&](int64_t task, int) {
      fn(task * per_task, std::min(rows, (task + 1) * per_task));
    });
  }

  // At least `floats` numbers of worker's own memory, not initialised.
  float* Scratch(int worker, int64_t floats) {
    return RoomFor(scratch_[static_cast<size_t>(worker)], floats);
  }

  // The rows of x [rows, cols] rounded to bf16, zeros up to `depth`.
  void RoundRows(const PairKernels& kernels, const float* x, int64_t rows, int64_t cols,
                 int64_t depth, RoundedRows* rounded) {
    rounded->stride = RoundedStride(depth, kHalvesOfALine);
    const auto size = static_cast<size_t>(rows * rounded->stride);
    if (rounded->numbers.size() < size) rounded->numbers.resize(size);
    ForRows(rows, cols, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        kernels.round_row(x + row * cols, cols, depth,
                          rounded->numbers.data() + row * rounded->stride);
      }
    });
  }

  std::shared_ptr<ThreadPool> pool_;

 private:
  std::vector<AlignedVector<float>> scratch_;
};

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_POOLED_WORK_H_
