#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace dear {
namespace {

TEST(ThreadPoolTest, EveryTaskRunsOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.num_threads(), threads);
    for (int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> counts(static_cast<size_t>(tasks));
      pool.Run(tasks, [&](int64_t task, int worker) {
        ASSERT_LT(worker, threads);
        counts[static_cast<size_t>(task)]++;
      });
      for (const auto& count : counts) EXPECT_EQ(count.load(), 1);
    }
  }
}

TEST(ThreadPoolTest, AnExceptionComesBackAndThePoolLivesOn) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.Run(100,
                        [](int64_t task, int) {
                          if (task == 5) throw std::runtime_error("five");
                        }),
               std::runtime_error);
  std::atomic<int> count{0};
  pool.Run(10, [&](int64_t, int) { count++; });
  EXPECT_EQ(count.load(), 10);
}

TEST(ThreadPoolTest, AtLeastOneThreadIsAvailable) {
  EXPECT_GE(ThreadPool::AvailableThreads(), 1);
}

}  // namespace
}  // namespace dear
