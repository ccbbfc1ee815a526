// Whatever a model writes, the answer is a permutation.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "rank/answer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::array<dear::Recipe, 6> recipes = [] {
    std::array<dear::Recipe, 6> out = {
        dear::LoadRecipe("dear-card"),  dear::LoadRecipe("dear-repo"),
        dear::LoadRecipe("dear-card"),  dear::LoadRecipe("rank-zephyr"),
        dear::LoadRecipe("rank-alpha"), dear::LoadRecipe("reason-rank")};
    out[2].ids = dear::IdStyle::kLetters;
    out[2].answer.pattern = R"(\[([A-Z]+)\])";
    return out;
  }();
  if (size < 2) return 0;
  const int64_t n = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::vector<int64_t> order =
      dear::ParseAnswer(recipes[data[1] % recipes.size()], text, n, data[1] >= 128).order;
  std::ranges::sort(order);
  if (static_cast<int64_t>(order.size()) != n) std::abort();
  for (int64_t i = 0; i < n; ++i) {
    if (order[static_cast<size_t>(i)] != i) std::abort();
  }
  return 0;
}
