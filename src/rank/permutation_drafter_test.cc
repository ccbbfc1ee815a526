#include "rank/permutation_drafter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/testing/sanitized.h"
#include "generate/draft_budget.h"
#include "generate/generator.h"
#include "rank/testing/ranking_minds.h"

namespace dear {
namespace {

using testing::GarbageMind;
using testing::LearntMind;
using testing::PieceTokenizer;
using testing::TextStepper;

Recipe DraftedRecipe(IdStyle ids) {
  Recipe recipe;
  recipe.ids = ids;
  recipe.answer.item = "[{id}]";
  recipe.answer.separator = " > ";
  recipe.answer.after_last = {"</think>"};
  return recipe;
}

struct Case {
  const PieceTokenizer* tokenizer;
  Recipe recipe;
  TextStepper::Mind mind;
  int64_t n = 0;
  bool reasoning = false;
  int64_t max_new_tokens = 200;
};

struct DraftedAnswers {
  std::vector<Generated> generated;
  int64_t calls = 0;
  double cost = 0;
};

// The same prompts with plain greedy decoding or with drafts.
DraftedAnswers Write(const Case& test, const std::vector<std::string>& prompts, bool drafts,
                     double pass_rows = 8) {
  TextStepper stepper(*test.tokenizer, test.mind);
  stepper.pass_rows_ = pass_rows;
  const auto tokenizer = std::make_shared<PieceTokenizer>(*test.tokenizer);
  std::vector<GenerateRequest> requests;
  for (const std::string& prompt : prompts) {
    GenerateRequest request;
    request.prompt = tokenizer->Encode(prompt, {}, false).ids;
    request.max_new_tokens = test.max_new_tokens;
    if (drafts) {
      request.drafter = std::make_shared<PermutationDrafter>(*tokenizer, test.recipe, test.n,
                                                             test.reasoning, request.prompt);
    }
    requests.push_back(std::move(request));
  }
  DraftedAnswers out;
  out.generated = Generate(stepper, tokenizer, requests);
  out.calls = stepper.calls_;
  out.cost = stepper.cost();
  return out;
}

void ExpectSame(const Case& test, const std::vector<std::string>& prompts) {
  const DraftedAnswers plain = Write(test, prompts, false);
  const DraftedAnswers drafted = Write(test, prompts, true);
  for (size_t i = 0; i < prompts.size(); ++i) {
    ASSERT_EQ(plain.generated[i].ids, drafted.generated[i].ids) << prompts[i];
    ASSERT_EQ(plain.generated[i].text, drafted.generated[i].text);
    ASSERT_EQ(plain.generated[i].reason, drafted.generated[i].reason);
    ASSERT_EQ(plain.generated[i].drafted, 0);
  }
  // Whatever the model writes, by the cost of a call that the budget knows.
  ASSERT_LE(drafted.cost, plain.cost * (1 + DraftBudget::kAllowance)) << plain.generated[0].text;
}

std::string PromptOf(int seed, size_t length = 300) {
  std::string prompt = "q" + std::to_string(seed) + ": ";
  while (prompt.size() < length) prompt += "[" + std::to_string(seed % 7 + 1) + "] a passage ";
  return prompt + "\nRanking:\n";
}

// Every tokenizer, every style of ids, models that know the format, err, end early, write before
// and behind it, or write garbage: the same tokens.
TEST(PermutationDrafter, TokensAreThoseOfGreedyWhateverTheModelWrites) {
  const auto tokenizers = testing::RankingTokenizers();
  int seed = 0;
  size_t number = 0;
  for (const PieceTokenizer& tokenizer : tokenizers) {
    for (const IdStyle ids : {IdStyle::kZeroBased, IdStyle::kOneBased, IdStyle::kLetters}) {
      for (const int64_t n : {2, 3, 7, 13}) {
        LearntMind learnt{.ids = ids, .n = n};
        std::vector<Case> cases;
        const auto add = [&](const TextStepper::Mind& mind) {
          cases.push_back({&tokenizer, DraftedRecipe(ids), mind, n});
        };
        add(learnt);
        LearntMind mind = learnt;
        mind.noise = 3;
        add(mind);
        mind = learnt;
        mind.mistakes = 0.2;
        add(mind);
        mind.ends_early = 0.1;
        add(mind);
        mind = learnt;
        mind.before = "Sure, [they] are:\n[";
        mind.item_begin = "";
        mind.separator = " > [";
        mind.behind = "\nThat is [1] > [2].";
        add(mind);
        add(GarbageMind{});
        mind = learnt;
        mind.before = "I think [2] > [1] here.</think>\n\n";
        add(mind);
        cases.back().reasoning = true;
        for (const int64_t cut : {1, 9, 30}) {
          cases.push_back(cases[static_cast<size_t>(cut) % 7]);
          cases.back().max_new_tokens = cut;
        }
        for (const Case& test : cases) {
          if (testing::kSanitized && ++number % 11 != 0) continue;
          std::vector<std::string> prompts;
          prompts.reserve(3);
          for (int i = 0; i < 3; ++i) prompts.push_back(PromptOf(++seed));
          ExpectSame(test, prompts);
          if (HasFatalFailure()) return;
          ExpectSame(test, {PromptOf(++seed, 20)});
          if (HasFatalFailure()) return;
        }
      }
    }
  }
  EXPECT_GT(seed, testing::kSanitized ? 150 : 1900);
}

TEST(PermutationDrafter, OtherFormatsAreDraftedToo) {
  const auto tokenizers = testing::RankingTokenizers();
  for (const PieceTokenizer& tokenizer : tokenizers) {
    Case test{&tokenizer, DraftedRecipe(IdStyle::kOneBased), {}, 10};
    test.recipe.answer.item = "{id}";
    test.recipe.answer.separator = ", ";
    LearntMind mind{.n = 10};
    mind.item_begin = "";
    mind.item_end = "";
    mind.separator = ", ";
    test.mind = mind;
    for (int seed = 0; seed < testing::Trials(20); ++seed) {
      ExpectSame(test, {PromptOf(seed)});
      EXPECT_LT(Write(test, {PromptOf(seed)}, true).calls,
                Write(test, {PromptOf(seed)}, false).calls * 2 / 3);
    }
  }
}

// begin_answer stands in the prompt: the answer goes on from there.
TEST(PermutationDrafter, GoesOnFromTextThatThePromptBegins) {
  const auto tokenizers = testing::RankingTokenizers();
  for (const PieceTokenizer& tokenizer : tokenizers) {
    Case test{&tokenizer, DraftedRecipe(IdStyle::kOneBased), {}, 12};
    test.recipe.prompt.begin_answer = "[";
    LearntMind mind{.n = 12};
    mind.item_begin = "";
    mind.separator = " > [";
    test.mind = mind;
    ExpectSame(test, {PromptOf(1) + "["});
    EXPECT_LT(Write(test, {PromptOf(1) + "["}, true).calls, 12);
  }
}

struct Spread {
  double mean = 0;
  int64_t most = 0;
  int64_t fewest_tokens = 1 << 20;
};

// Calls for 20 passages after a prompt of ~3700 tokens; of those of the prompt the last counts.
Spread Passes(const PieceTokenizer& tokenizer, const LearntMind& mind, int prompts) {
  const Case test{&tokenizer, DraftedRecipe(IdStyle::kOneBased), mind, 20};
  Spread out;
  for (int seed = 0; seed < prompts; ++seed) {
    const std::string prompt = PromptOf(seed, 4000);
    const DraftedAnswers answers = Write(test, {prompt}, true);
    const auto tokens = tokenizer.Encode(prompt, {}, false).ids.size();
    const auto calls = answers.calls -
                       static_cast<int64_t>((tokens + kMaxPrefillTokens - 1) / kMaxPrefillTokens) +
                       1;
    EXPECT_EQ(calls, answers.generated[0].forward_passes - answers.calls + calls);
    out.mean += static_cast<double>(calls) / prompts;
    out.most = std::max(out.most, calls);
    out.fewest_tokens =
        std::min(out.fewest_tokens, static_cast<int64_t>(answers.generated[0].ids.size()));
  }
  return out;
}

// Where the first row of logits says all, one call shows it and one writes it.
TEST(PermutationDrafter, ASettledRankingTakesTwoCalls) {
  LearntMind mind;
  mind.noise = 0;
  const Spread spread = Passes(testing::RankingTokenizers()[0], mind, testing::Trials(20));
  EXPECT_EQ(spread.most, 2);
  EXPECT_EQ(spread.fewest_tokens, 80);  // of which greedy needs as many calls
}

// Digits that are tokens of their own have to be told apart first.
TEST(PermutationDrafter, DigitsAndCharactersTakeAFewMore) {
  LearntMind mind;
  mind.noise = 0;
  for (const size_t which : {1U, 3U}) {
    const Spread spread = Passes(testing::RankingTokenizers()[which], mind, testing::Trials(20));
    EXPECT_LE(spread.most, 6);
    EXPECT_GE(spread.fewest_tokens, which == 1 ? 91 : 128);
  }
}

TEST(PermutationDrafter, WhimsOfTheModelCostCalls) {
  double before = 0;
  for (const double noise : {0.05, 0.2}) {
    LearntMind mind;
    mind.noise = noise;
    const Spread spread = Passes(testing::RankingTokenizers()[0], mind, testing::Trials(20));
    EXPECT_LE(spread.mean, noise < 0.1 ? 5 : 8);
    EXPECT_GT(spread.mean, before);
    before = spread.mean;
  }
}

// Reasoning that quotes the passages takes fewer calls, and what it is written with does not make
// the drafts of the ranking behind it shorter.
TEST(PermutationDrafter, ReasoningThatQuotesIsDrafted) {
  const auto tokenizers = testing::RankingTokenizers();
  const PieceTokenizer& tokenizer = tokenizers.front();
  const std::string prompt = PromptOf(3, 600) + "[8] the bulb of Edison glows [9] rain in spring\n";
  LearntMind mind{.n = 13};
  mind.noise = 0;
  mind.before =
      "It asks for light: [8] the bulb of Edison glows, and not [9] rain in spring. So the bulb of "
      "Edison glows best.</think>\n\n";
  Case test{&tokenizer, DraftedRecipe(IdStyle::kOneBased), mind, 13, true, 400};
  ExpectSame(test, {prompt});
  const DraftedAnswers plain = Write(test, {prompt}, false);
  const DraftedAnswers drafted = Write(test, {prompt}, true);
  // Without reasoning, the calls of the ranking alone.
  test.mind = LearntMind{.n = 13, .noise = 0};
  test.reasoning = false;
  const DraftedAnswers ranking = Write(test, {prompt}, true);
  const DraftedAnswers plain_ranking = Write(test, {prompt}, false);
  const int64_t reasoning_plain = plain.calls - plain_ranking.calls;
  const int64_t reasoning_drafted = drafted.calls - ranking.calls;
  EXPECT_LT(reasoning_drafted, 0.7 * static_cast<double>(reasoning_plain));
}

}  // namespace
}  // namespace dear
