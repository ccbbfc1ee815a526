#include "progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace dear::app {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

ProgressBar::ProgressBar(bool quiet)
    : terminal_(Terminal::Of(STDERR_FILENO)), active_(terminal_.is_terminal && !quiet) {}

void ProgressBar::Show(std::string_view what, int64_t done, int64_t total) {
  if (!active_) return;
  const std::scoped_lock lock(mutex_);
  const auto now = steady_clock::now();
  if (now - start_ < milliseconds(333) || now - last_ < milliseconds(100)) return;
  last_ = now;
  drawn_ = true;
  const std::string count =
      total > 0 ? " " + std::to_string(done) + "/" + std::to_string(total) : "";
  std::string bar;
  if (total > 0) {
    constexpr int64_t kCells = 24;
    const int64_t full = std::clamp<int64_t>(kCells * done / total, 0, kCells);
    for (int64_t i = 0; i < kCells; ++i)
      bar += i < full ? (terminal_.unicode ? "━" : "#") : (terminal_.unicode ? "╌" : "-");
    bar = " " + terminal_.Styled("36", bar);
  }
  const int room = terminal_.columns - 28 - static_cast<int>(count.size());
  std::fprintf(stderr, "\r\x1b[K%s%s%s",
               OneLine(what, std::max(room, 8), terminal_.unicode).c_str(), bar.c_str(),
               count.c_str());
  std::fflush(stderr);
}

void ProgressBar::Clear() {
  const std::scoped_lock lock(mutex_);
  if (!drawn_) return;
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
  drawn_ = false;
}

ProgressFn ProgressBar::Function() {
  if (!active_) return {};
  return [this](std::string_view what, int64_t done, int64_t total) { Show(what, done, total); };
}

}  // namespace dear::app
