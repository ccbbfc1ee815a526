#include "model/prefix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <vector>

#include "base/testing/sanitized.h"

namespace dear {
namespace {

using Ids = std::vector<int32_t>;

constexpr KvLayout kLayout{.num_layers = 1, .num_kv_heads = 1, .head_dim = 1};
const uint64_t kBlock = static_cast<uint64_t>(kLayout.block_floats()) * sizeof(float);

// What stands in the key of each position: a number that depends on all tokens up to it.
Ids Marks(const Ids& tokens) {
  Ids marks;
  uint32_t hash = 17;
  for (const int32_t token : tokens) {
    hash = hash * 31 + static_cast<uint32_t>(token);
    marks.push_back(static_cast<int32_t>(hash & 0xFFFF));
  }
  return marks;
}

float& KeyAt(const KvCache& cache, size_t position) {
  return cache.blocks()[position / KvLayout::kPositions][position % KvLayout::kPositions];
}

// Keys of `tokens`, computed behind those that `from` has already.
KvCache Computed(const Ids& tokens, KvCache from = KvCache(kLayout)) {
  const auto size = static_cast<int64_t>(tokens.size());
  const Ids marks = Marks(tokens);
  const auto begin = static_cast<size_t>(from.length());
  from.Reserve(size);
  for (size_t i = begin; i < tokens.size(); ++i) KeyAt(from, i) = static_cast<float>(marks[i]);
  from.Commit(size);
  return from;
}

Ids Joined(Ids a, const Ids& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// A tree of keys; what it gives is checked.
class CheckedTree {
 public:
  explicit CheckedTree(uint64_t blocks) : tree(blocks * kBlock) {}

  // Length of the beginning that is held.
  size_t Found(const Ids& tokens, uint64_t root = 0) {
    const KvCache found = tree.Find(root, kLayout, tokens);
    const auto length = static_cast<size_t>(found.length());
    EXPECT_LE(length, tokens.size());
    EXPECT_EQ(found.shared_blocks().size(),
              static_cast<size_t>(KvLayout::BlocksFor(found.length())));
    const Ids marks = Marks(tokens);
    for (size_t i = 0; i < length; ++i)
      EXPECT_EQ(KeyAt(found, i), static_cast<float>(marks[i])) << "position " << i;
    return length;
  }
  // As a session does: behind what is held.
  void Insert(const Ids& tokens, uint64_t root = 0) {
    tree.Insert(root, tokens, Computed(tokens, tree.Find(root, kLayout, tokens)));
    EXPECT_LE(tree.bytes(), tree.limit());
  }
  uint64_t blocks() const { return tree.bytes() / kBlock; }

  PrefixTree tree;
};

TEST(PrefixTree, FindsTheLongestBeginning) {
  CheckedTree tree(100);
  EXPECT_EQ(tree.Found({1, 2, 3}), 0U);
  EXPECT_EQ(tree.Found({}), 0U);
  tree.Insert(Joined(Ids(40, 1), {2, 3}));
  tree.Insert(Joined(Ids(40, 1), {2, 4, 5}));
  tree.Insert({7});
  EXPECT_EQ(tree.Found(Joined(Ids(40, 1), {2, 3, 9})), 42U);
  EXPECT_EQ(tree.Found(Joined(Ids(40, 1), {2, 4, 5, 6})), 43U);
  EXPECT_EQ(tree.Found(Joined(Ids(40, 1), {2, 9})), 41U);
  EXPECT_EQ(tree.Found(Ids(20, 1)), 20U);
  EXPECT_EQ(tree.Found({7, 1}), 1U);
  EXPECT_EQ(tree.Found({8}), 0U);
}

TEST(PrefixTree, RootsKnowNothingOfEachOther) {
  CheckedTree tree(100);
  tree.Insert(Ids(70, 1), 1);
  tree.Insert(Ids(10, 1), 2);
  EXPECT_EQ(tree.Found(Ids(80, 1), 1), 70U);
  EXPECT_EQ(tree.Found(Ids(80, 1), 2), 10U);
  EXPECT_EQ(tree.Found(Ids(80, 1), 3), 0U);
  EXPECT_EQ(tree.blocks(), 4U);
  tree.tree.Drop(1);
  tree.tree.Drop(9);
  EXPECT_EQ(tree.blocks(), 1U);
  EXPECT_EQ(tree.Found(Ids(80, 1), 1), 0U);
  EXPECT_EQ(tree.Found(Ids(80, 1), 2), 10U);
}

TEST(PrefixTree, CountsEachBlockOnce) {
  CheckedTree tree(100);
  tree.Insert(Ids(96, 1));
  EXPECT_EQ(tree.blocks(), 3U);
  tree.Insert(Ids(96, 1));
  tree.Insert(Ids(64, 1));
  EXPECT_EQ(tree.blocks(), 3U);
  // Split at the border of a block, and within one: the newcomer has a block of its own for what
  // it shares one with.
  tree.Insert(Joined(Ids(64, 1), Ids(10, 2)));
  EXPECT_EQ(tree.blocks(), 4U);
  tree.Insert(Joined(Ids(40, 1), Ids(30, 2)));
  EXPECT_EQ(tree.blocks(), 6U);
  EXPECT_EQ(tree.Found(Ids(50, 1)), 50U);
  EXPECT_EQ(tree.Found(Ids(41, 1)), 41U);
  EXPECT_EQ(tree.blocks(), 6U);
  // The same memory in two nodes: a sequence that was kept twice on its way.
  const Ids tokens(50, 5);
  const KvCache computed = Computed(tokens);
  tree.tree.Insert(0, std::span(tokens).first(40), computed);
  EXPECT_EQ(tree.blocks(), 8U);
  tree.tree.Insert(0, tokens, computed);
  EXPECT_EQ(tree.blocks(), 8U);
  EXPECT_EQ(tree.Found(tokens), 50U);
  tree.tree.Drop(0);
  EXPECT_EQ(tree.blocks(), 0U);
}

TEST(PrefixTree, TheLeafUsedLongestAgoGoesFirst) {
  CheckedTree tree(6);
  tree.Insert(Ids(32, 1));
  tree.Insert(Joined(Ids(32, 1), Ids(32, 2)));
  tree.Insert(Joined(Ids(32, 1), Ids(32, 3)));
  tree.Insert(Ids(32, 4), 1);
  tree.Insert(Ids(64, 5));
  EXPECT_EQ(tree.blocks(), 6U);
  EXPECT_EQ(tree.Found(Joined(Ids(32, 1), Ids(32, 2))), 64U);
  // 1-3 is the oldest now, then 4 of the other root.
  tree.Insert(Ids(32, 6));
  EXPECT_EQ(tree.tree.Find(0, kLayout, Joined(Ids(32, 1), {3})).length(), 32);
  EXPECT_EQ(tree.Found(Ids(32, 4), 1), 32U);
  tree.Insert(Ids(64, 7));  // 5 goes: 4 was just found
  EXPECT_EQ(tree.Found(Ids(64, 5)), 0U);
  EXPECT_EQ(tree.Found(Ids(32, 4), 1), 32U);
  // What others go on from stays until they are gone.
  EXPECT_EQ(tree.Found(Joined(Ids(32, 1), Ids(32, 2))), 64U);
  EXPECT_EQ(tree.blocks(), 6U);
}

TEST(PrefixTree, WhatIsNotUsedOfALeafAgesByItself) {
  CheckedTree tree(5);
  tree.Insert(Ids(96, 1));
  tree.Insert(Ids(32, 2));
  EXPECT_EQ(tree.Found(Joined(Ids(32, 1), {9})), 32U);
  tree.Insert(Ids(64, 3));
  EXPECT_EQ(tree.Found(Ids(96, 1)), 32U);
  EXPECT_EQ(tree.Found(Ids(32, 2)), 32U);
  EXPECT_EQ(tree.Found(Ids(64, 3)), 64U);
}

TEST(PrefixTree, WhatHasNoRoomIsCutAtABlock) {
  CheckedTree tree(2);
  tree.Insert(Ids(100, 1));
  EXPECT_EQ(tree.Found(Ids(100, 1)), 64U);
  // Its own beginning is not removed to make room for the rest.
  tree.Insert(Ids(100, 1));
  EXPECT_EQ(tree.Found(Ids(100, 1)), 64U);
  CheckedTree none(0);
  none.Insert(Ids(10, 1));
  EXPECT_EQ(none.Found(Ids(10, 1)), 0U);
  PrefixTree less(kBlock - 1);
  less.Insert(0, Ids(10, 1), Computed(Ids(10, 1)));
  EXPECT_EQ(less.bytes(), 0U);
}

TEST(PrefixTree, WhatWasFoundOutlivesItsPlace) {
  CheckedTree tree(1);
  const Ids tokens(20, 1);
  tree.Insert(tokens);
  const KvCache found = tree.tree.Find(0, kLayout, tokens);
  tree.Insert(Ids(32, 2));
  EXPECT_EQ(tree.Found(tokens), 0U);
  EXPECT_EQ(KeyAt(found, 19), static_cast<float>(Marks(tokens).back()));
  // And nobody writes into what the tree holds.
  Computed(Joined(Ids(20, 2), Ids(12, 3)), tree.tree.Find(0, kLayout, Ids(20, 2)));
  EXPECT_EQ(tree.Found(Ids(32, 2)), 32U);
}

// More nodes in a row than destructors may call each other.
TEST(PrefixTree, ALongChainOfNodesEnds) {
  CheckedTree tree(uint64_t{1} << 20);
  const Ids tokens(20000, 1);
  tree.Insert(tokens);
  const uint64_t blocks = tree.blocks();
  EXPECT_EQ(blocks, 625U);
  const size_t step = testing::kSanitized ? 7 : 1;
  for (size_t length = tokens.size(); length >= step; length -= step)
    tree.tree.Find(0, kLayout, std::span(tokens).first(length));
  EXPECT_EQ(tree.blocks(), blocks);
  EXPECT_EQ(tree.Found(tokens), tokens.size());
}

// Beside the plainest thing that does the same: a list of all that was inserted.
TEST(PrefixTree, RandomOperationsBesideAList) {
  std::mt19937 random(3);
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  for (const uint64_t limit : {uint64_t{100000}, uint64_t{12}, uint64_t{1}}) {
    CheckedTree tree(limit);
    std::map<uint64_t, std::vector<Ids>> all;
    size_t hits = 0;
    for (int step = 0; step < 1500; ++step) {
      const uint64_t root = below(3);
      std::vector<Ids>& known = all[root];
      Ids tokens;
      if (!known.empty() && below(4) > 0) {
        tokens = known[below(known.size())];
        tokens.resize(below(tokens.size() + 1));
      }
      for (size_t more = below(70); more > 0; --more)
        tokens.push_back(static_cast<int32_t>(below(2)));
      size_t longest = 0;
      for (const Ids& other : known) {
        const auto differs = std::ranges::mismatch(other, tokens).in1;
        longest = std::max(longest, static_cast<size_t>(differs - other.begin()));
      }
      const size_t found = tree.Found(tokens, root);
      if (limit == 100000) {
        ASSERT_EQ(found, longest) << step;
      } else {
        ASSERT_LE(found, longest) << step;
      }
      hits += found > 0 ? 1 : 0;
      if (below(3) > 0) {
        tree.Insert(tokens, root);
        known.push_back(tokens);
        const size_t now = tree.Found(tokens, root);
        ASSERT_GE(now, std::min<size_t>(tokens.size(), found));
        // All of it where it fits at all.
        if (KvLayout::BlocksFor(static_cast<int64_t>(tokens.size())) * 2 <=
            static_cast<int64_t>(limit)) {
          ASSERT_EQ(now, tokens.size()) << step;
        }
      }
      if (below(200) == 0) {
        tree.tree.Drop(root);
        known.clear();
      }
    }
    EXPECT_GT(hits, 100U);
    for (const auto& [root, unused] : all) tree.tree.Drop(root);
    EXPECT_EQ(tree.blocks(), 0U);
  }
}

}  // namespace
}  // namespace dear
