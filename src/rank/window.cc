#include "rank/window.h"

#include <algorithm>

namespace dear {

std::vector<Window> SlidingWindows(int64_t n, const WindowRule& rule) {
  const int64_t depth = rule.depth > 0 ? std::min(n, rule.depth) : n;
  if (depth == 0) return {};
  const int64_t size = rule.size > 0 ? rule.size : depth;
  const int64_t step = rule.step > 0 ? std::min(rule.step, size) : size;
  std::vector<Window> out;
  for (int64_t end = depth;; end -= step) {
    out.push_back({std::max<int64_t>(0, end - size), end});
    if (out.back().begin == 0) return out;
  }
}

}  // namespace dear
