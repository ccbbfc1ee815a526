#ifndef DEAR_APPS_DEAR_PROGRESS_BAR_H_
#define DEAR_APPS_DEAR_PROGRESS_BAR_H_

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/progress.h"
#include "terminal.h"

namespace dear::app {

// "7 s", "12 min", "3 h": of what is still to do, never less.
std::string TimeLeft(double seconds);

// One line on standard error that is drawn over itself: only on a terminal, never with --quiet, at
// most ten times a second, and not before the work has taken a third of a second.
class ProgressBar {
 public:
  explicit ProgressBar(bool quiet);
  ~ProgressBar() { Clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Show(std::string_view what, int64_t done, int64_t total);
  // Wipes the line, before something else is written there.
  void Clear();
  // For library calls; empty where nothing would be drawn. The bar must outlive it.
  ProgressFn Function();

 private:
  Terminal terminal_;
  bool active_;
  bool drawn_ = false;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
};

}  // namespace dear::app

#endif  // DEAR_APPS_DEAR_PROGRESS_BAR_H_
