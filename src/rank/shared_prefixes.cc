#include "rank/shared_prefixes.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace dear {
namespace {

using Ids = std::span<const TokenId>;

// Prompts in sorted order that agree in some tokens.
struct Group {
  size_t begin = 0;
  size_t end = 0;
  size_t prefix = SharedPrefix::kNone;  // the longest one that all of them have so far
};

}  // namespace

size_t CommonLength(Ids a, Ids b) {
  const auto [end, other] = std::ranges::mismatch(a, b);
  return static_cast<size_t>(end - a.begin());
}

SharedPrefixes FindSharedPrefixes(std::span<const Ids> prompts) {
  std::vector<size_t> order(prompts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [prompts](size_t a, size_t b) {
    return std::ranges::lexicographical_compare(prompts[a], prompts[b]);
  });
  SharedPrefixes out;
  out.of_prompt.assign(prompts.size(), SharedPrefix::kNone);
  std::vector<Group> groups = {{.begin = 0, .end = order.size()}};
  while (!groups.empty()) {
    Group group = groups.back();
    groups.pop_back();
    const size_t members = group.end - group.begin;
    if (members < 2) continue;
    // Of sorted texts the first and the last have the least in common.
    const size_t common = CommonLength(prompts[order[group.begin]], prompts[order[group.end - 1]]);
    const size_t shared =
        group.prefix == SharedPrefix::kNone ? 0 : out.prefixes[group.prefix].length;
    const size_t added = common - shared;
    if (added >= kMinSharedTokens && added * (members - 1) >= kMinSavedTokens) {
      out.prefixes.push_back(
          {.length = common, .parent = group.prefix, .prompt = order[group.begin]});
      group.prefix = out.prefixes.size() - 1;
      for (size_t i = group.begin; i < group.end; ++i) out.of_prompt[order[i]] = group.prefix;
    }
    // Those that go on with the same token have more in common.
    const auto next = [&](size_t i) -> int64_t {
      const Ids prompt = prompts[order[i]];
      return common < prompt.size() ? int64_t{prompt[common]} : -1;
    };
    for (size_t begin = group.begin; begin < group.end;) {
      size_t end = begin + 1;
      while (end < group.end && next(end) == next(begin)) ++end;
      if (next(begin) >= 0) groups.push_back({.begin = begin, .end = end, .prefix = group.prefix});
      begin = end;
    }
  }
  return out;
}

}  // namespace dear
