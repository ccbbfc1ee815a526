#include "base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>

namespace dear {
namespace {

// CPUs that the cgroup's quota allows, or a large number when there is none.
int CgroupCpus() {
  constexpr int kNoLimit = 1 << 20;
  // Version 2: "max 100000" or "150000 100000".
  if (std::ifstream file("/sys/fs/cgroup/cpu.max"); file) {
    std::string quota;
    double period = 0;
    if (file >> quota >> period && quota != "max" && period > 0) {
      return std::max(1, static_cast<int>(std::ceil(std::atof(quota.c_str()) / period)));
    }
    return kNoLimit;
  }
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = -1;
  double period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) {
    return std::max(1, static_cast<int>(std::ceil(quota / period)));
  }
  return kNoLimit;
}

// Lets the processor's other thread go on while this one waits.
void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

int ThreadPool::AvailableThreads() {
  int cpus = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = CPU_COUNT(&set);
  return std::max(1, std::min(cpus, CgroupCpus()));
}

ThreadPool::ThreadPool(int num_threads) {
  if (num_threads <= 0) num_threads = AvailableThreads();
  spin_ = num_threads <= AvailableThreads();
  workers_.reserve(static_cast<size_t>(num_threads - 1));
  for (int worker = 1; worker < num_threads; ++worker) {
    workers_.emplace_back([this, worker] { Work(worker); });
  }
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  ++generation_;
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

template <typename T>
void ThreadPool::Await(const std::atomic<T>& value, T old) const {
  if (spin_) {
    const auto end = std::chrono::steady_clock::now() + kSpin;
    do {
      for (int i = 0; i < 32; ++i) {
        if (value.load(std::memory_order_acquire) != old) return;
        Pause();
      }
    } while (std::chrono::steady_clock::now() < end);
  }
  value.wait(old, std::memory_order_acquire);
}

void ThreadPool::Run(int64_t num_tasks, const std::function<void(int64_t, int)>& fn) {
  if (num_tasks <= 0) return;
  if (workers_.empty() || num_tasks == 1) {
    for (int64_t task = 0; task < num_tasks; ++task) fn(task, 0);
    return;
  }
  const std::lock_guard run_lock(run_mutex_);
  fn_ = &fn;
  num_tasks_ = num_tasks;
  next_task_ = 0;
  error_ = nullptr;
  active_ = static_cast<int>(workers_.size());
  ++generation_;
  generation_.notify_all();
  Drain(0);
  for (int active = active_; active != 0; active = active_) Await(active_, active);
  fn_ = nullptr;
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::Drain(int worker) {
  while (true) {
    const int64_t task = next_task_.fetch_add(1, std::memory_order_relaxed);
    if (task >= num_tasks_) return;
    try {
      (*fn_)(task, worker);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
      next_task_.store(num_tasks_, std::memory_order_relaxed);
    }
  }
}

void ThreadPool::Work(int worker) {
  for (uint64_t seen = 0;; ++seen) {
    Await(generation_, seen);
    if (stop_) return;
    Drain(worker);
    if (--active_ == 0) active_.notify_one();
  }
}

}  // namespace dear
