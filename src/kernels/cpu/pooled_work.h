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

namespace dear::cpu {

// Work below this is not worth waking threads for.
inline constexpr int64_t kFloatsPerTask = 16 * 1024;

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
    AlignedVector<float>& memory = scratch_[static_cast<size_t>(worker)];
    if (static_cast<int64_t>(memory.size()) < floats) memory.resize(static_cast<size_t>(floats));
    return memory.data();
  }

  std::shared_ptr<ThreadPool> pool_;

 private:
  std::vector<AlignedVector<float>> scratch_;
};

}  // namespace dear::cpu

#endif  // DEAR_KERNELS_CPU_POOLED_WORK_H_
