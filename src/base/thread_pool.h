#ifndef DEAR_BASE_THREAD_POOL_H_
#define DEAR_BASE_THREAD_POOL_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace dear {

// A fixed set of worker threads that share out numbered tasks. Which thread runs which task is not
// defined, so a task's result must depend on its number alone.
// A forward pass is hundreds of short runs: threads that wait spin for kSpin before they sleep,
// unless there are more of them than processors.
class ThreadPool {
 public:
  // `num_threads` counts the caller's own thread; 0 means AvailableThreads().
  explicit ThreadPool(int num_threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int num_threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls fn(task, worker) for every task in [0, num_tasks), worker in [0, num_threads()), and
  // returns when all are done. The first exception of a task is thrown again here; tasks not yet
  // begun are then skipped. One caller at a time; a task must not call Run of the same pool.
  void Run(int64_t num_tasks, const std::function<void(int64_t task, int worker)>& fn);

  static constexpr std::chrono::microseconds kSpin{50};

  // Threads that this process may use: its CPU affinity, cut by a cgroup quota.
  static int AvailableThreads();

 private:
  void Work(int worker);
  void Drain(int worker);
  // Returns when `value` is no longer `old`.
  template <typename T>
  void Await(const std::atomic<T>& value, T old) const;

  std::vector<std::thread> workers_;
  bool spin_ = false;
  std::mutex run_mutex_;  // one Run at a time
  // Of the present run; written before `generation_` says that it has begun.
  const std::function<void(int64_t, int)>* fn_ = nullptr;
  int64_t num_tasks_ = 0;
  std::atomic<int64_t> next_task_{0};
  std::atomic<uint64_t> generation_{0};  // counts the runs
  std::atomic<int> active_{0};           // workers that are not done with the present run
  std::atomic<bool> stop_{false};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace dear

#endif  // DEAR_BASE_THREAD_POOL_H_
