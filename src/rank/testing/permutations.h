#ifndef DEAR_RANK_TESTING_PERMUTATIONS_H_
#define DEAR_RANK_TESTING_PERMUTATIONS_H_

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace dear::testing {

// Whether `order` has each of 0 to n - 1 once.
inline bool IsPermutation(std::vector<int64_t> order, int64_t n) {
  std::ranges::sort(order);
  std::vector<int64_t> all(static_cast<size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return order == all;
}

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_PERMUTATIONS_H_
