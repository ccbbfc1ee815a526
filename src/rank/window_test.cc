#include "rank/window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dear {
namespace {

using ::testing::ElementsAre;

TEST(Window, FromTheBackToTheFront) {
  const WindowRule rule{.size = 20, .step = 10, .depth = 0};
  EXPECT_THAT(SlidingWindows(30, rule), ElementsAre(Window{10, 30}, Window{0, 20}));
  EXPECT_THAT(SlidingWindows(25, rule), ElementsAre(Window{5, 25}, Window{0, 15}));
  EXPECT_THAT(SlidingWindows(20, rule), ElementsAre(Window{0, 20}));
  EXPECT_THAT(SlidingWindows(7, rule), ElementsAre(Window{0, 7}));
  EXPECT_THAT(SlidingWindows(1, rule), ElementsAre(Window{0, 1}));
  EXPECT_THAT(SlidingWindows(0, rule), ElementsAre());
  EXPECT_EQ(SlidingWindows(100, rule).size(), 9U);
}

TEST(Window, DepthAndNoWindow) {
  EXPECT_THAT(SlidingWindows(100, {.size = 20, .step = 10, .depth = 30}),
              ElementsAre(Window{10, 30}, Window{0, 20}));
  EXPECT_THAT(SlidingWindows(10, {.size = 20, .step = 10, .depth = 30}),
              ElementsAre(Window{0, 10}));
  EXPECT_THAT(SlidingWindows(100, {}), ElementsAre(Window{0, 100}));
}

TEST(Window, EveryPlaceLiesInOne) {
  for (int64_t n = 1; n < 60; ++n) {
    for (int64_t size = 2; size < 25; ++size) {
      for (int64_t step = 1; step <= size; ++step) {
        std::vector<bool> seen(static_cast<size_t>(n), false);
        int64_t last_end = n + 1;
        for (const Window& window : SlidingWindows(n, {.size = size, .step = step, .depth = 0})) {
          EXPECT_LT(window.begin, window.end);
          EXPECT_LE(window.end - window.begin, size);
          EXPECT_LT(window.end, last_end);
          last_end = window.end;
          for (int64_t i = window.begin; i < window.end; ++i) seen[static_cast<size_t>(i)] = true;
        }
        EXPECT_THAT(seen, ::testing::Each(true)) << n << ' ' << size << ' ' << step;
      }
    }
  }
}

}  // namespace
}  // namespace dear
