#include "train/sft_packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "base/json.h"
#include "formats/testing/expect_error.h"

namespace dear {
namespace {

std::vector<std::vector<uint32_t>> RowsOf(const SftPacking& packing) {
  std::vector<std::vector<uint32_t>> rows;
  for (size_t i = 0; i < packing.num_rows(); ++i) {
    const auto row = packing.Row(i);
    rows.emplace_back(row.begin(), row.end());
  }
  return rows;
}

// Made by tools/make_packing_goldens.py with LLaMA-Factory.
TEST(SftPackingTest, MakesTheRowsOfLlamaFactory) {
  const Json golden = ReadJsonFile(DEAR_SOURCE_DIR "/tests/golden/train/packing.json");
  size_t shared = 0;
  for (const Json& c : golden["cases"]) {
    const SftPacking packing(
        c["lengths"].get<std::vector<int64_t>>(),
        {.capacity = c["cutoff_len"].get<int64_t>() - 1, .group = c["batch_size"].get<int64_t>()});
    EXPECT_EQ(RowsOf(packing), c["rows"].get<std::vector<std::vector<uint32_t>>>()) << c;
    shared += packing.num_examples() - packing.num_rows();
  }
  EXPECT_GT(shared, 1000U);
}

TEST(SftPackingTest, EveryExampleThatFitsIsInOneRow) {
  constexpr int64_t kCapacity = 100;
  std::mt19937 random(1);
  std::vector<int64_t> lengths(5000);
  for (int64_t& length : lengths) length = static_cast<int64_t>(random() % 120);  // 0 too
  const SftPacking packing(lengths, {.capacity = kCapacity, .group = 700});
  std::vector<int> seen(lengths.size());
  for (const auto& row : RowsOf(packing)) {
    int64_t tokens = 0;
    for (const uint32_t example : row) {
      tokens += lengths[example];
      ++seen[example];
      EXPECT_EQ(example / 700, row[0] / 700);  // of the same group
    }
    EXPECT_LE(tokens, kCapacity);
  }
  for (size_t i = 0; i < lengths.size(); ++i) EXPECT_EQ(seen[i], lengths[i] <= kCapacity) << i;
}

TEST(SftPackingTest, RefusesWhatCannotBe) {
  const std::vector<int64_t> lengths = {1, 2};
  EXPECT_EQ(SftPacking({}, {}).num_rows(), 0U);
  testing::ExpectError(ErrorCode::kInvalidArgument, "rows of 0 tokens",
                       [&] { SftPacking(lengths, {.capacity = 0}); });
  testing::ExpectError(ErrorCode::kInvalidArgument, "groups of 0 examples",
                       [&] { SftPacking(lengths, {.group = 0}); });
}

}  // namespace
}  // namespace dear
