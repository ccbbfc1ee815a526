#include "train/sft_objective.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <numeric>

#include "base/thread_pool.h"
#include "train/item_sizes.h"

namespace dear {
namespace {

// Of i + 1 tokens, all but the first half trained.
SftTokens Example(size_t i) {
  SftTokens tokens;
  tokens.ids.assign(i + 1, static_cast<TokenId>(i));
  tokens.trained.assign(i + 1, 1);
  std::fill_n(tokens.trained.begin(), (i + 1) / 2, uint8_t{0});
  return tokens;
}

TEST(SftObjectiveTest, PackedRowsHoldTheSameTokens) {
  ThreadPool pool(2);
  auto encoded = std::make_shared<std::atomic<int>>(0);
  const auto encode = [encoded](size_t i) {
    ++*encoded;
    return Example(i);
  };
  const SftObjective plain(100, encode);
  std::vector<int64_t> reports;
  const std::vector<ItemSize> sizes =
      ItemSizes(plain, pool, [&](std::string_view, int64_t done, int64_t total) {
        reports.push_back(done);
        EXPECT_EQ(total, 100);
      });
  for (const int64_t done : reports) EXPECT_THAT(done, ::testing::AnyOf(64, 36, 100));
  EXPECT_EQ(*encoded, 100);
  EXPECT_EQ(sizes[0].weight, 0);  // nothing predicts a first token
  EXPECT_EQ(sizes[9].tokens, 10);
  EXPECT_EQ(sizes[9].weight, 5);

  const SftObjective packed(SftObjective(100, encode), sizes, {.capacity = 120, .group = 1000});
  EXPECT_EQ(packed.size(), 43U);  // 5050 tokens would fill 42.1
  int64_t tokens = 0;
  int64_t weight = 0;
  for (const ItemSize& row : ItemSizes(packed, pool, {})) {
    EXPECT_LE(row.tokens, 120);
    tokens += row.tokens;
    weight += row.weight;
  }
  EXPECT_EQ(*encoded, 100);  // no row was encoded for its size
  std::vector<size_t> all(packed.size());
  std::iota(all.begin(), all.end(), size_t{0});
  const auto batch = packed.Prepare(all, 0);
  EXPECT_EQ(*encoded, 200);
  EXPECT_EQ(batch->tokens(), tokens);
  EXPECT_EQ(batch->weight(), weight);
  std::vector<size_t> each(plain.size());
  std::iota(each.begin(), each.end(), size_t{0});
  EXPECT_EQ(tokens, plain.Prepare(each, 0)->tokens());
  EXPECT_EQ(weight, plain.Prepare(each, 0)->weight());
  // One row alone is as it was said to be.
  const size_t first = 0;
  const auto row = packed.Prepare(std::span(&first, 1), 0);
  EXPECT_EQ(row->tokens(), packed.SizeOf(0).tokens);
  EXPECT_EQ(row->weight(), packed.SizeOf(0).weight);
}

}  // namespace
}  // namespace dear
