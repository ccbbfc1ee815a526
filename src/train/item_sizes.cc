#include "train/item_sizes.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace dear {

std::vector<ItemSize> ItemSizes(const Objective& objective, ThreadPool& pool,
                                const ProgressFn& progress) {
  const size_t count = objective.size();
  std::vector<ItemSize> sizes(count);
  std::atomic<int64_t> done{0};
  constexpr size_t kPerTask = 64;
  const auto tasks = static_cast<int64_t>((count + kPerTask - 1) / kPerTask);
  pool.Run(tasks, [&](int64_t task, int worker) {
    const size_t first = static_cast<size_t>(task) * kPerTask;
    const size_t end = std::min(count, first + kPerTask);
    for (size_t i = first; i < end; ++i) sizes[i] = objective.SizeOf(i);
    const int64_t total = done += static_cast<int64_t>(end - first);
    if (progress && worker == 0) progress("reading rows", total, static_cast<int64_t>(count));
  });
  return sizes;
}

}  // namespace dear
