#include "interrupt.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <thread>

namespace dear::app {
namespace {

std::atomic<int> signals{0};
std::array<int, 2> wake_pipe{-1, -1};
std::mutex done_mutex;
// Of work that ends by itself soon after a signal: what it is doing until then.
std::string& Ending() {
  static std::string ending;
  return ending;
}
std::string& Done() {
  static std::string done;
  return done;
}

extern "C" void OnSignal(int) {
  if (signals.fetch_add(1) > 0) _exit(1);
  const char byte = 1;
  [[maybe_unused]] const ssize_t written = write(wake_pipe[1], &byte, 1);
}

void Watch() {
  char byte;
  while (read(wake_pipe[0], &byte, 1) != 1) {
  }
  {
    const std::scoped_lock lock(done_mutex);
    if (!Ending().empty()) {
      const std::string line = "\ndear: " + Ending() + " (once more ends at once)\n";
      [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
      return;
    }
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  const std::string line = "\ndear: error: " + InterruptMessage() + "\n";
  [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, line.data(), line.size());
  _exit(1);
}

}  // namespace

void InstallSignalHandlers() {
  std::signal(SIGPIPE, SIG_IGN);
  if (pipe2(wake_pipe.data(), O_CLOEXEC) != 0) return;
  std::thread(Watch).detach();
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool Interrupted() {
  return signals.load(std::memory_order_relaxed) > 0;
}
CancelFn InterruptFunction() {
  return [] { return Interrupted(); };
}

void EndByItselfWhenInterrupted(const std::string& ending) {
  const std::scoped_lock lock(done_mutex);
  Ending() = ending;
}

void SayWhenInterrupted(const std::string& done) {
  const std::scoped_lock lock(done_mutex);
  Done() = done;
}

std::string InterruptMessage() {
  const std::scoped_lock lock(done_mutex);
  return Done().empty() ? "interrupted; nothing was written" : "interrupted; " + Done();
}

}  // namespace dear::app
