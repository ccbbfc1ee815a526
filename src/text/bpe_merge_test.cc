#include "text/bpe_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace dear {
namespace {

using Merger = void (*)(const MergeTable&, std::vector<Symbol>&, size_t);

std::string Show(const std::vector<Symbol>& symbols) {
  std::string out;
  for (const Symbol& symbol : symbols) {
    out += std::to_string(symbol.id) + "x" + std::to_string(symbol.length) + " ";
  }
  return out;
}

std::vector<Symbol> Merged(Merger merger, const MergeTable& merges, std::vector<Symbol> symbols) {
  merger(merges, symbols, 0);
  return symbols;
}

// Ranks in any order, so that merges of a rank already done keep arising.
MergeTable RandomMerges(std::mt19937& random, TokenId num_letters, int num_merges) {
  MergeTable merges;
  std::vector<uint32_t> ranks(static_cast<size_t>(num_merges));
  for (size_t i = 0; i < ranks.size(); ++i) ranks[i] = static_cast<uint32_t>(i);
  if (random() % 2 == 0) std::shuffle(ranks.begin(), ranks.end(), random);
  for (int i = 0; i < num_merges; ++i) {
    const auto num_tokens = static_cast<uint32_t>(num_letters + i);
    merges.Add(static_cast<TokenId>(random() % num_tokens),
               static_cast<TokenId>(random() % num_tokens),
               {ranks[static_cast<size_t>(i)], num_letters + i});
  }
  return merges;
}

TEST(BpeMerge, AllWaysMergeAlike) {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const auto num_letters = static_cast<TokenId>(1 + random() % 4);
    const MergeTable merges = RandomMerges(random, num_letters, static_cast<int>(random() % 40));
    std::vector<Symbol> symbols(random() % kFewSymbols);
    for (Symbol& symbol : symbols) {
      symbol = {static_cast<TokenId>(random() % static_cast<uint32_t>(num_letters)),
                1 + static_cast<uint32_t>(random() % 4)};
    }
    SCOPED_TRACE(round);
    const std::string expected = Show(Merged(MergeByScan, merges, symbols));
    ASSERT_EQ(Show(Merged(MergeByHeap, merges, symbols)), expected);
    ASSERT_EQ(Show(Merged(MergeByBuckets, merges, symbols)), expected);
  }
}

TEST(BpeMerge, LongWordsMergeAlike) {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    const MergeTable merges = RandomMerges(random, 3, 200);
    std::vector<Symbol> symbols(20000);
    for (Symbol& symbol : symbols) symbol = {static_cast<TokenId>(random() % 3), 1};
    SCOPED_TRACE(round);
    ASSERT_EQ(Show(Merged(MergeByBuckets, merges, symbols)),
              Show(Merged(MergeByHeap, merges, symbols)));
  }
}

TEST(BpeMerge, LeavesWhatStandsBefore) {
  MergeTable merges;
  merges.Add(0, 0, {0, 1});
  for (const Merger merger : {MergeByScan, MergeByHeap, MergeByBuckets}) {
    std::vector<Symbol> symbols = {{0, 1}, {0, 1}, {0, 1}, {0, 2}};
    merger(merges, symbols, 1);
    EXPECT_EQ(Show(symbols), "0x1 1x2 0x2 ");
  }
}

}  // namespace
}  // namespace dear
