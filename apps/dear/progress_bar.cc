#include "progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace dear::app {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string TimeLeft(double seconds) {
  if (seconds < 90) return std::to_string(static_cast<int64_t>(seconds) + 1) + " s";
  if (seconds < 90 * 60) return std::to_string(static_cast<int64_t>(seconds / 60) + 1) + " min";
  return std::to_string(static_cast<int64_t>(seconds / 3600) + 1) + " h";
}

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
  // The line never wraps, since only its last row could be drawn over: the text has what it needs,
  // the bar what is left, and a narrow window shows no bar.
  const int room = Terminal::Of(STDERR_FILENO).columns - 1 - static_cast<int>(count.size());
  const std::string text = OneLine(what, std::max(room, 8), terminal_.unicode);
  std::string bar;
  const int64_t cells = std::min<int64_t>(24, room - 1 - DisplayWidth(text));
  if (total > 0 && cells >= 6) {
    const int64_t full = std::clamp<int64_t>(cells * done / total, 0, cells);
    for (int64_t i = 0; i < cells; ++i)
      bar += i < full ? (terminal_.unicode ? "━" : "#") : (terminal_.unicode ? "╌" : "-");
    bar = " " + terminal_.Styled("36", bar);
  }
  std::fprintf(stderr, "\r\x1b[K%s%s%s", text.c_str(), bar.c_str(), count.c_str());
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
