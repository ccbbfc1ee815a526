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

// Runs that follow each other at once meet workers that spin; after a pause, ones that sleep; and a
// pool of more threads than processors never spins.
TEST(ThreadPoolTest, WorkersAreThereWhetherTheySpinOrSleep) {
  for (const int threads : {2, 2 * ThreadPool::AvailableThreads() + 1}) {
    ThreadPool pool(threads);
    int64_t total = 0;
    for (int run = 0; run < 3000; ++run) {
      std::atomic<int64_t> sum{0};
      pool.Run(8, [&](int64_t task, int) { sum += task + run; });
      total += sum;
      if (run % 1000 == 0) std::this_thread::sleep_for(10 * ThreadPool::kSpin);
    }
    EXPECT_EQ(total, 3000 * 28 + 8 * (2999 * 3000 / 2));
  }
}

// Several callers, as sessions that share a pool.
TEST(ThreadPoolTest, CallersTakeTurns) {
  ThreadPool pool(2);
  std::atomic<int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int run = 0; run < 500; ++run) pool.Run(5, [&](int64_t, int) { ++sum; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(sum, 4 * 500 * 5);
}

TEST(ThreadPoolTest, AtLeastOneThreadIsAvailable) {
  EXPECT_GE(ThreadPool::AvailableThreads(), 1);
}

}  // namespace
}  // namespace dear
