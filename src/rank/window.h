#ifndef DEAR_RANK_WINDOW_H_
#define DEAR_RANK_WINDOW_H_

#include <cstdint>
#include <vector>

#include "rank/recipe.h"

namespace dear {

// Places [begin, end) of the list that one call ranks.
struct Window {
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const Window&) const = default;
};

// Windows over a list of `n`, from the back to the front, as RankLLM's sliding window: the last
// one begins at 0 and may be smaller than the others. Every place below min(n, depth) lies in one.
std::vector<Window> SlidingWindows(int64_t n, const WindowRule& rule);

}  // namespace dear

#endif  // DEAR_RANK_WINDOW_H_
