#ifndef DEAR_TEXT_BPE_MERGE_H_
#define DEAR_TEXT_BPE_MERGE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/merge_table.h"

namespace dear {

// A token and how many bytes of the word it covers; never 0.
struct Symbol {
  TokenId id;
  uint32_t length;
};

// Merges the symbols from `from` on: again and again the adjacent pair of lowest rank, the leftmost
// of equals, until no pair has a merge. The three differ in speed alone: by looking at all pairs
// (fastest below kFewSymbols), by a heap, by buckets (fastest from kManySymbols on).
// O(n log n) but for the first, which is O(n^2).
void MergeByScan(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from);
void MergeByHeap(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from);
void MergeByBuckets(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from);

constexpr size_t kFewSymbols = 48;  // MergeByScan takes fewer
constexpr size_t kManySymbols = size_t{1} << 16;

// The fastest of them.
inline void MergeSymbols(const MergeTable& merges, std::vector<Symbol>& symbols, size_t from) {
  const size_t count = symbols.size() - from;
  if (count < kFewSymbols) return MergeByScan(merges, symbols, from);
  if (count < kManySymbols) return MergeByHeap(merges, symbols, from);
  MergeByBuckets(merges, symbols, from);
}

}  // namespace dear

#endif  // DEAR_TEXT_BPE_MERGE_H_
