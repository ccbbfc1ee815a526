#include "model/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "model/testing/golden_case.h"

namespace dear {
namespace {

class SessionTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> model_ = testing::LoadGolden(testing::FindGolden("llama"));
  std::shared_ptr<ThreadPool> pool_ = std::make_shared<ThreadPool>(1);
  Session session_{model_, pool_};

  void ExpectInvalid(const Step& step, const std::string& what) {
    try {
      session_.Forward({&step, 1});
      FAIL() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(what));
    }
  }
};

TEST_F(SessionTest, WhatIsWrongChangesNothing) {
  const SequenceId id = session_.Add();
  const std::vector<int32_t> good = {1, 2, 3};
  const std::vector<int32_t> large = {1, 131};
  const std::vector<int32_t> negative = {-1};
  ExpectInvalid({.sequence = id, .tokens = large, .logits_from = 0}, "token 131 is outside");
  ExpectInvalid({.sequence = id, .tokens = negative, .logits_from = 0}, "token -1 is outside");
  ExpectInvalid({.sequence = id, .tokens = good, .logits_from = 4}, "beyond the tokens");
  ExpectInvalid({.sequence = 77, .tokens = good, .logits_from = 0}, "sequence 77");
  const Step twice[] = {{.sequence = id, .tokens = good, .logits_from = 0},
                        {.sequence = id, .tokens = good, .logits_from = 0}};
  EXPECT_THROW(session_.Forward(twice), Error);
  EXPECT_EQ(session_.Length(id), 0);
  EXPECT_THROW(session_.Fork(id, 1), Error);
  EXPECT_THROW(session_.Truncate(id, -1), Error);
  session_.Remove(id);
  EXPECT_THROW(session_.Remove(id), Error);
  EXPECT_THROW(session_.Length(id), Error);
}

TEST_F(SessionTest, RowsComeInTheOrderOfStepsAndOnlyWhereAsked) {
  const SequenceId first = session_.Add();
  const SequenceId second = session_.Add();
  const SequenceId silent = session_.Add();
  const std::vector<int32_t> tokens = {5, 6, 7, 8};
  const Step steps[] = {{.sequence = first, .tokens = tokens, .logits_from = 3},
                        {.sequence = silent, .tokens = tokens, .logits_from = 4},
                        {.sequence = second, .tokens = {}, .logits_from = 0}};
  const HeadOutputs outputs = session_.Forward(steps);
  EXPECT_EQ(outputs.rows(), 1);
  EXPECT_EQ(outputs.width, 131);
  EXPECT_EQ(session_.Length(first), 4);
  EXPECT_EQ(session_.Length(silent), 4);
  EXPECT_EQ(session_.Length(second), 0);
  EXPECT_EQ(session_.Forward({}).rows(), 0);
}

TEST_F(SessionTest, APaddedSlotLeavesNoTraceAndIsTheSameEverywhere) {
  const std::vector<int32_t> tokens = {5, 6, 7, 8, 9};
  const int32_t pad = 2;
  const auto slot_of = [&](SequenceId id, int64_t position) {
    return Step{.sequence = id, .tokens = {&pad, 1}, .logits_from = 0, .padded_slot = position};
  };
  const SequenceId alone = session_.Add();
  ExpectInvalid(slot_of(alone, 3), "a padded slot is one token behind");
  const Step prompt{.sequence = alone, .tokens = tokens, .logits_from = tokens.size()};
  session_.Forward({&prompt, 1});
  ExpectInvalid(slot_of(alone, 4), "a padded slot is one token behind");
  const Step first = slot_of(alone, 20);
  const HeadOutputs once = session_.Forward({&first, 1});
  EXPECT_EQ(session_.Length(alone), 5);
  EXPECT_EQ(session_.Forward({&first, 1}).values, once.values);
  const Step nearer = slot_of(alone, 5);
  EXPECT_NE(session_.Forward({&nearer, 1}).values, once.values);  // it stands elsewhere

  // Beside other sequences, and with the prompt in two parts.
  const SequenceId other = session_.Add();
  const Step head{.sequence = other, .tokens = std::span(tokens).first(2), .logits_from = 2};
  const Step tail{.sequence = other, .tokens = std::span(tokens).subspan(2), .logits_from = 3};
  session_.Forward({&head, 1});
  session_.Forward({&tail, 1});
  const Step both[] = {slot_of(alone, 7), slot_of(other, 20)};
  const HeadOutputs beside = session_.Forward(both);
  EXPECT_TRUE(std::ranges::equal(beside.Row(1), once.Row(0)));

  // What is appended afterwards does not see it.
  const int32_t next = 11;
  const Step append{.sequence = alone, .tokens = {&next, 1}, .logits_from = 0};
  const HeadOutputs after = session_.Forward({&append, 1});
  const SequenceId fresh = session_.Add();
  const std::vector<int32_t> whole = {5, 6, 7, 8, 9, 11};
  const Step together{.sequence = fresh, .tokens = whole, .logits_from = 5};
  EXPECT_EQ(session_.Forward({&together, 1}).values, after.values);
}

TEST_F(SessionTest, ForksShareMemoryUntilTheyWrite) {
  const SequenceId id = session_.Add();
  const std::vector<int32_t> tokens(70, 9);
  const Step step{.sequence = id, .tokens = tokens, .logits_from = tokens.size()};
  session_.Forward({&step, 1});
  const uint64_t alone = session_.cache_bytes();
  EXPECT_GT(alone, 0U);
  session_.Fork(id, 64);
  EXPECT_LT(session_.cache_bytes(), alone);  // shared blocks belong to neither
}

TEST_F(SessionTest, LongCallsRunInParts) {
  const std::vector<int32_t> tokens(1300, 4);
  const Step step{.sequence = session_.Add(), .tokens = tokens, .logits_from = 600};
  const HeadOutputs outputs = session_.Forward({&step, 1});
  EXPECT_EQ(outputs.rows(), 700);
  for (const float value : outputs.values) ASSERT_TRUE(std::isfinite(value));
}

TEST_F(SessionTest, AdaptersOfAnotherModelAreRefused) {
  const auto test = testing::FindGolden("lora_qv");
  const auto other = testing::LoadGolden(test);
  EXPECT_THROW(session_.Add(testing::BindGolden(test, *other)), Error);
}

TEST_F(SessionTest, AClassifierWithoutHeadSaysSo) {
  auto test = testing::FindGolden("llama");
  test.classifier_labels = 1;
  Session session(testing::LoadGolden(test), pool_);
  const std::vector<int32_t> tokens = {3};
  const Step step{.sequence = session.Add(), .tokens = tokens, .logits_from = 0};
  EXPECT_THROW(session.Forward({&step, 1}), Error);
}

}  // namespace
}  // namespace dear
