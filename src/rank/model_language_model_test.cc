#include "rank/model_language_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "base/error.h"
#include "rank/prefill.h"
#include "rank/testing/fakes.h"

namespace dear {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kVocab = 32;

// Logits that depend on the whole sequence so far, by a hash: a row given to the wrong job or
// position is seen at once.
std::vector<float> LogitsAfter(std::span<const TokenId> tokens, int64_t width) {
  uint32_t hash = 2166136261;
  for (const TokenId token : tokens) hash = (hash ^ static_cast<uint32_t>(token)) * 16777619;
  std::vector<float> out;
  for (int64_t i = 0; i < width; ++i) {
    hash = hash * 1664525 + 1013904223;
    out.push_back(static_cast<float>(hash >> 8) / static_cast<float>(1 << 22));
  }
  return out;
}

struct Log {
  size_t calls = 0;
  size_t most_tokens = 0;
  size_t most_rows = 0;
  size_t most_open = 0;
  size_t forks = 0;
  size_t all_tokens = 0;
  std::set<SequenceId> open;
};

class HashStepper final : public Stepper {
 public:
  HashStepper(const ModelConfig& config, int64_t width, Log* log)
      : config_(config), width_(width), log_(log) {}

  SequenceId Add(std::shared_ptr<const Adapter>) override {
    log_->open.insert(next_);
    log_->most_open = std::max(log_->most_open, log_->open.size());
    return next_++;
  }
  SequenceId Fork(SequenceId source, int64_t length) override {
    EXPECT_TRUE(log_->open.contains(source));
    EXPECT_LE(length, static_cast<int64_t>(held_[source].size()));
    const SequenceId id = Add(nullptr);
    held_[id].assign(held_[source].begin(), held_[source].begin() + length);
    ++log_->forks;
    return id;
  }
  std::optional<Begun> Begin(const std::shared_ptr<const Adapter>&, std::span<const TokenId> tokens,
                             size_t least) override {
    Begun best{.sequence = -1, .held = least};
    std::span<const TokenId> held;
    for (const std::vector<TokenId>& kept : kept_) {
      const auto same = static_cast<size_t>(std::ranges::mismatch(kept, tokens).in1 - kept.begin());
      if (same > best.held) best.held = same, held = std::span(kept).first(same);
    }
    if (held.empty()) return std::nullopt;
    best.sequence = Add(nullptr);
    held_[best.sequence].assign(held.begin(), held.end());
    return best;
  }
  void Keep(SequenceId sequence, std::span<const TokenId> tokens) override {
    ASSERT_LE(tokens.size(), held_.at(sequence).size());
    EXPECT_TRUE(std::ranges::equal(tokens, std::span(held_[sequence]).first(tokens.size())));
    kept_.emplace_back(tokens.begin(), tokens.end());
  }
  void Remove(SequenceId sequence) override {
    log_->open.erase(sequence);
    held_.erase(sequence);
  }
  void Truncate(SequenceId sequence, int64_t length) override {
    held_.at(sequence).resize(static_cast<size_t>(length));
  }
  HeadOutputs Forward(std::span<const Step> steps) override {
    HeadOutputs out;
    out.width = width_;
    size_t tokens = 0;
    for (const Step& step : steps) {
      EXPECT_TRUE(log_->open.contains(step.sequence));
      EXPECT_FALSE(step.tokens.empty());
      for (size_t i = 0; i < step.tokens.size(); ++i) {
        held_[step.sequence].push_back(step.tokens[i]);
        if (i < step.logits_from) continue;
        const std::vector<float> row = LogitsAfter(held_[step.sequence], width_);
        out.values.insert(out.values.end(), row.begin(), row.end());
      }
      tokens += step.tokens.size();
    }
    ++log_->calls;
    log_->all_tokens += tokens;
    log_->most_tokens = std::max(log_->most_tokens, tokens);
    log_->most_rows = std::max(log_->most_rows, static_cast<size_t>(out.rows()));
    return out;
  }
  const ModelConfig& config() const override { return config_; }

 private:
  const ModelConfig& config_;
  int64_t width_;
  Log* log_;
  SequenceId next_ = 0;
  std::map<SequenceId, std::vector<TokenId>> held_;
  std::vector<std::vector<TokenId>> kept_;
};

struct Fixture {
  ModelConfig config;
  Log log;
  std::unique_ptr<ModelLanguageModel> model;

  explicit Fixture(HeadKind head = HeadKind::kCausalLm, int64_t width = kVocab) {
    config.head = head;
    config.max_positions = 4096;
    config.vocab_size = kVocab;
    model = std::make_unique<ModelLanguageModel>(
        ModelLanguageModel::Parts{.tokenizer = std::make_shared<testing::FakeTokenizer>(),
                                  .pool = std::make_shared<ThreadPool>(2)},
        config, [this, width] { return std::make_unique<HashStepper>(config, width, &log); });
  }
};

std::vector<TokenId> Tokens(size_t count, int seed) {
  std::vector<TokenId> out;
  for (size_t i = 0; i < count; ++i) {
    out.push_back(static_cast<TokenId>((i * 7 + static_cast<size_t>(seed) * 13) % kVocab));
  }
  return out;
}

TEST(ModelLanguageModel, ScoresEveryTokenAfterItsOwnPrefix) {
  Fixture fixture;
  std::vector<ContinuationScoreRequest> requests;
  for (int i = 0; i < 30; ++i) {
    const auto size = static_cast<size_t>(i);
    requests.push_back({Tokens(1 + size * size * 3, i), Tokens(1 + size % 7, i + 100)});
  }
  Usage usage;
  const auto scores = fixture.model->ScoreContinuations(requests, &usage, {});
  int64_t tokens = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<TokenId> prefix = requests[i].prompt;
    ASSERT_EQ(scores[i].size(), requests[i].continuation.size());
    for (size_t j = 0; j < scores[i].size(); ++j) {
      const std::vector<float> logits = LogitsAfter(prefix, kVocab);
      EXPECT_EQ(scores[i][j],
                static_cast<float>(LogProbability(logits, requests[i].continuation[j])));
      prefix.push_back(requests[i].continuation[j]);
    }
    tokens += static_cast<int64_t>(prefix.size()) - 1;
  }
  EXPECT_EQ(usage.prompt_tokens, tokens);
  EXPECT_EQ(usage.forward_passes, static_cast<int64_t>(fixture.log.calls));
  EXPECT_EQ(fixture.log.calls,
            (static_cast<size_t>(tokens) + kMaxPackedTokens - 1) / kMaxPackedTokens);
  EXPECT_EQ(fixture.log.most_tokens, kMaxPackedTokens);
  EXPECT_TRUE(fixture.log.open.empty());
}

TEST(ModelLanguageModel, AJobAloneScoresAsInABatch) {
  Fixture fixture;
  std::vector<ContinuationScoreRequest> requests;
  for (int i = 0; i < 5; ++i) requests.push_back({Tokens(1500, i), Tokens(4, i)});
  Usage usage;
  const auto together = fixture.model->ScoreContinuations(requests, &usage, {});
  for (size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(fixture.model->ScoreContinuations(std::span(requests).subspan(i, 1), &usage, {})[0],
              together[i]);
  }
}

TEST(Prefill, WhatJobsBeginWithIsComputedOnce) {
  Fixture fixture;
  Log log;
  HashStepper stepper(fixture.config, kVocab, &log);
  // An instruction longer than a call, two queries behind it, passages behind these; one prompt of
  // something else, and one that asks for a row within the instruction.
  std::vector<PrefillJob> jobs;
  for (int i = 0; i < 20; ++i) {
    std::vector<TokenId> tokens = Tokens(2100, 1);
    for (const auto& part : {Tokens(30, 2 + i % 2), Tokens(10, 10 + i)})
      tokens.insert(tokens.end(), part.begin(), part.end());
    jobs.push_back({.tokens = tokens, .rows_from = tokens.size() - 2});
  }
  jobs.push_back({.tokens = Tokens(40, 5), .rows_from = 39});
  jobs.push_back({.tokens = Tokens(2100, 1), .rows_from = 100});
  Usage usage;
  size_t rows = 0;
  RunPrefill(stepper, nullptr, jobs, kVocab, &usage, {}, [&](const PrefillRows& got) {
    for (size_t i = 0; i < got.jobs.size(); ++i, ++rows) {
      const auto prefix = std::span(jobs[got.jobs[i]].tokens).subspan(0, got.positions[i] + 1);
      EXPECT_THAT(got.outputs.Row(static_cast<int64_t>(i)),
                  ::testing::ElementsAreArray(LogitsAfter(prefix, kVocab)));
    }
  });
  EXPECT_EQ(rows, 20U * 2 + 1 + 2000);
  // The instruction in two parts (a job needs its rows from token 100 on), the queries, the rest.
  EXPECT_EQ(log.all_tokens, 100U + 2000 + 2 * 30 + 20 * 10 + 40 + 2000);
  EXPECT_EQ(usage.prompt_tokens, 20 * 2140 + 40 + 2100);
  EXPECT_EQ(usage.shared_tokens, usage.prompt_tokens - static_cast<int64_t>(log.all_tokens));
  EXPECT_EQ(usage.forward_passes, static_cast<int64_t>(log.calls));
  EXPECT_LE(log.most_tokens, kMaxPackedTokens);
  EXPECT_TRUE(log.open.empty());

  // Nothing stays open where a run is stopped between the instruction and the rest.
  int asked = 0;
  EXPECT_THROW(RunPrefill(
                   stepper, nullptr, jobs, kVocab, &usage, [&] { return ++asked > 3; },
                   [](const PrefillRows&) {}),
               Error);
  EXPECT_TRUE(log.open.empty());
}

TEST(Prefill, WhatAnEarlierRunKeptIsNotComputed) {
  Fixture fixture;
  Log log;
  HashStepper stepper(fixture.config, kVocab, &log);
  // An instruction that all have, of which the second run knows the first 96 tokens, and of one job
  // more.
  std::vector<PrefillJob> jobs;
  for (int i = 0; i < 5; ++i) {
    std::vector<TokenId> tokens = Tokens(100, 1);
    const std::vector<TokenId> own = Tokens(40, 10 + i);
    tokens.insert(tokens.end(), own.begin(), own.end());
    jobs.push_back({.tokens = tokens, .rows_from = 139, .keep = i == 2 ? size_t{130} : 96});
  }
  const auto run = [&](Usage* usage) {
    size_t rows = 0;
    log.all_tokens = 0;
    RunPrefill(stepper, nullptr, jobs, kVocab, usage, {}, [&](const PrefillRows& got) {
      for (size_t i = 0; i < got.jobs.size(); ++i, ++rows) {
        const auto prefix = std::span(jobs[got.jobs[i]].tokens).subspan(0, got.positions[i] + 1);
        EXPECT_THAT(got.outputs.Row(static_cast<int64_t>(i)),
                    ::testing::ElementsAreArray(LogitsAfter(prefix, kVocab)));
      }
    });
    EXPECT_EQ(rows, 5U);
    EXPECT_TRUE(log.open.empty());
    EXPECT_EQ(usage->prompt_tokens - usage->shared_tokens - usage->cached_tokens,
              static_cast<int64_t>(log.all_tokens));
  };
  Usage first;
  run(&first);
  EXPECT_EQ(first.cached_tokens, 0);
  EXPECT_EQ(first.shared_tokens, 400);
  Usage second;
  run(&second);
  // The instruction is all there: 130 tokens of one job hold it.
  EXPECT_EQ(second.cached_tokens, 100 + 30);
  EXPECT_EQ(second.shared_tokens, 400);
  EXPECT_EQ(second.forward_passes, 1);
}

TEST(Prefill, RowsOfALargeVocabularyAreBounded) {
  Fixture fixture;
  Log log;
  HashStepper stepper(fixture.config, kVocab, &log);
  const std::vector<PrefillJob> jobs = {
      {Tokens(100, 1), 0}, {Tokens(50, 2), 40}, {Tokens(9, 3), 9}};
  Usage usage;
  std::vector<std::pair<size_t, size_t>> rows;
  // So wide that seven rows fit one call.
  RunPrefill(stepper, nullptr, jobs, static_cast<int64_t>(kMaxPackedValues / 7), &usage, {},
             [&](const PrefillRows& got) {
               for (size_t i = 0; i < got.jobs.size(); ++i) {
                 rows.emplace_back(got.jobs[i], got.positions[i]);
                 const auto prefix =
                     std::span(jobs[got.jobs[i]].tokens).subspan(0, got.positions[i] + 1);
                 EXPECT_THAT(got.outputs.Row(static_cast<int64_t>(i)),
                             ::testing::ElementsAreArray(LogitsAfter(prefix, kVocab)));
               }
             });
  EXPECT_EQ(log.most_rows, 7U);
  EXPECT_TRUE(log.open.empty());
  std::vector<std::pair<size_t, size_t>> expected;
  for (size_t i = 0; i < 100; ++i) expected.emplace_back(0, i);
  for (size_t i = 40; i < 50; ++i) expected.emplace_back(1, i);
  EXPECT_EQ(rows, expected);
}

TEST(ModelLanguageModel, ClassifiesAtThePositionAskedFor) {
  Fixture fixture(HeadKind::kSequenceClassification, 3);
  EXPECT_TRUE(fixture.model->has_score_head());
  const std::vector<std::vector<TokenId>> prompts = {Tokens(9, 1), Tokens(5, 2), Tokens(3000, 3)};
  const std::vector<int64_t> positions = {8, 2, 2999};
  Usage usage;
  const auto logits = fixture.model->Classify(prompts, positions, &usage, {});
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto prefix = std::span(prompts[i]).subspan(0, static_cast<size_t>(positions[i]) + 1);
    EXPECT_EQ(logits[i], LogitsAfter(prefix, 3));
  }
  const std::vector<int64_t> outside = {9, 2, 0};
  EXPECT_THROW(fixture.model->Classify(prompts, outside, &usage, {}), Error);
}

TEST(ModelLanguageModel, PaddedPromptsAreReadAtTheLastSlot) {
  Fixture fixture(HeadKind::kSequenceClassification, 2);
  const std::vector<std::vector<TokenId>> prompts = {Tokens(5, 1), Tokens(30, 2), Tokens(3000, 3)};
  Usage usage;
  const auto logits = fixture.model->ClassifyPadded(prompts, 4, 30, &usage, {});
  ASSERT_EQ(logits.size(), 3U);
  std::vector<TokenId> padded = prompts[0];
  padded.push_back(4);
  EXPECT_EQ(logits[0], LogitsAfter(padded, 2));
  EXPECT_EQ(logits[1], LogitsAfter(prompts[1], 2));
  EXPECT_EQ(logits[2], LogitsAfter(std::vector(prompts[2].begin(), prompts[2].begin() + 30), 2));
  EXPECT_EQ(usage.prompt_tokens, 5 + 1 + 30 + 30);
  EXPECT_TRUE(fixture.log.open.empty());
}

TEST(ModelLanguageModel, TokenLogitsAreThoseOfTheChosenTokens) {
  Fixture fixture;
  const std::vector<std::vector<TokenId>> prompts = {Tokens(9, 1), Tokens(2100, 2)};
  const std::vector<TokenId> tokens = {7, 0, 7};
  Usage usage;
  const auto logits = fixture.model->TokenLogits(prompts, tokens, &usage, {});
  ASSERT_EQ(logits.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    const std::vector<float> all = LogitsAfter(prompts[i], kVocab);
    EXPECT_EQ(logits[i], (std::vector<float>{all[7], all[0], all[7]}));
  }
  const std::vector<TokenId> outside = {static_cast<TokenId>(kVocab)};
  EXPECT_THROW(fixture.model->TokenLogits(prompts, outside, &usage, {}), Error);
}

TEST(ModelLanguageModel, NextTokenLogitsAreThoseAfterThePrompt) {
  Fixture fixture;
  const std::vector<std::vector<TokenId>> prompts = {Tokens(2500, 1), Tokens(1, 2)};
  Usage usage;
  const auto logits = fixture.model->NextTokenLogits(prompts, &usage, {});
  EXPECT_EQ(logits[0], LogitsAfter(prompts[0], kVocab));
  EXPECT_EQ(logits[1], LogitsAfter(prompts[1], kVocab));
}

TEST(ModelLanguageModel, BadRequestsAndCancelling) {
  Fixture fixture;
  Usage usage;
  const std::vector<std::vector<TokenId>> empty = {{}};
  EXPECT_THROW(fixture.model->NextTokenLogits(empty, &usage, {}), Error);
  const std::vector<ContinuationScoreRequest> nothing = {{{1}, {}}};
  EXPECT_THROW(fixture.model->ScoreContinuations(nothing, &usage, {}), Error);
  const std::vector<ContinuationScoreRequest> outside = {{{1}, {kVocab}}};
  EXPECT_THROW(fixture.model->ScoreContinuations(outside, &usage, {}), Error);
  const std::vector<std::vector<TokenId>> prompts = {Tokens(5000, 1)};
  int asked = 0;
  EXPECT_THROW(fixture.model->NextTokenLogits(prompts, &usage, [&] { return ++asked > 1; }), Error);
  EXPECT_TRUE(fixture.log.open.empty());
  EXPECT_THROW(ModelLanguageModel({}), Error);
}

TEST(LogProbability, IsLogSoftmax) {
  const std::vector<float> logits = {1, 2, 3, -1000, 1000};
  EXPECT_DOUBLE_EQ(LogProbability(std::span(logits).first(3), 1),
                   2 - std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0)));
  EXPECT_EQ(LogProbability(logits, 4), 0);
  EXPECT_EQ(LogProbability(logits, 3), -2000);
}

}  // namespace
}  // namespace dear
