#include "rank/permutation_constraint.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "base/testing/sanitized.h"
#include "generate/generator.h"
#include "rank/answer.h"
#include "rank/permutation_drafter.h"
#include "rank/testing/ranking_minds.h"

namespace dear {
namespace {

using testing::GarbageMind;
using testing::LearntMind;
using testing::PieceTokenizer;
using testing::TextStepper;

Recipe RecipeOf(IdStyle ids) {
  Recipe recipe;
  recipe.ids = ids;
  recipe.answer.item = "[{id}]";
  recipe.answer.separator = " > ";
  recipe.answer.after_last = {"</think>"};
  recipe.answer.pattern = ids == IdStyle::kLetters ? R"(\[([A-Z]+)\])" : R"(\[(\d+)\])";
  return recipe;
}

Generated Write(const PieceTokenizer& tokenizer, const Recipe& recipe,
                const TextStepper::Mind& mind, int64_t n, bool reasoning, int seed,
                bool drafts = false, double temperature = 0) {
  TextStepper stepper(tokenizer, mind);
  GenerateRequest request;
  request.prompt = tokenizer.Encode("q" + std::to_string(seed) + "?\nRanking:", {}, false).ids;
  request.max_new_tokens = 400;
  request.sampling.temperature = temperature;
  request.sampling.seed = static_cast<uint64_t>(seed);
  request.constraint =
      std::make_shared<PermutationConstraint>(tokenizer, recipe, n, reasoning, request.prompt);
  if (drafts) {
    request.drafter =
        std::make_shared<PermutationDrafter>(tokenizer, recipe, n, reasoning, request.prompt);
  }
  return Generate(stepper, std::make_shared<PieceTokenizer>(tokenizer), {&request, 1})[0];
}

// Garbage, mistakes, an early end, drawn tokens: always a permutation, and one that ends.
TEST(PermutationConstraint, EveryAnswerIsWellFormed) {
  const auto tokenizers = testing::RankingTokenizers();
  size_t number = 0;
  for (const PieceTokenizer& tokenizer : tokenizers) {
    for (const IdStyle ids : {IdStyle::kZeroBased, IdStyle::kOneBased, IdStyle::kLetters}) {
      const Recipe recipe = RecipeOf(ids);
      for (const int64_t n : {2, 5, 12, 23}) {
        LearntMind errs{.ids = ids, .n = n, .mistakes = 0.5};
        LearntMind ends{.ids = ids, .n = n};
        ends.ends_early = 0.4;
        for (const TextStepper::Mind& mind :
             {TextStepper::Mind(GarbageMind{}), TextStepper::Mind(errs), TextStepper::Mind(ends)}) {
          if (testing::kSanitized && ++number % 5 != 0) continue;
          for (int seed = 0; seed < (testing::kSanitized ? 1 : 3); ++seed) {
            for (const double temperature : {0.0, 3.0}) {
              const Generated out =
                  Write(tokenizer, recipe, mind, n, false, seed, false, temperature);
              EXPECT_EQ(out.reason, StopReason::kEos) << out.text;
              EXPECT_EQ(ParseAnswer(recipe, out.text, n, false).repair, Repair::kOk) << out.text;
              EXPECT_EQ(out.masked.tokens, static_cast<int64_t>(out.ids.size()));
            }
            const Generated plain = Write(tokenizer, recipe, mind, n, false, seed);
            const Generated drafted = Write(tokenizer, recipe, mind, n, false, seed, true);
            EXPECT_EQ(plain.ids, drafted.ids);
            EXPECT_EQ(plain.masked.sum, drafted.masked.sum);
            EXPECT_LE(drafted.forward_passes, plain.forward_passes);
          }
        }
      }
    }
  }
}

TEST(PermutationConstraint, AModelThatKnowsTheFormatLosesNothing) {
  const auto tokenizers = testing::RankingTokenizers();
  for (const PieceTokenizer& tokenizer : tokenizers) {
    LearntMind mind{.n = 12};
    const Recipe recipe = RecipeOf(IdStyle::kOneBased);
    const Generated out = Write(tokenizer, recipe, mind, 12, false, 1);
    // Its wish to repeat itself: 20 passages' worth of e^-24.
    EXPECT_LT(out.masked.max, 1e-4);
    mind.mistakes = 1;
    EXPECT_GT(Write(tokenizer, recipe, mind, 12, false, 1).masked.max, 0.9);
  }
}

TEST(PermutationConstraint, ReasoningIsFreeUntilItsMarker) {
  const auto tokenizers = testing::RankingTokenizers();
  LearntMind mind{.n = 6, .mistakes = 0.5};
  mind.before = "The [2] > [2] of it</think>\n";
  const Recipe recipe = RecipeOf(IdStyle::kOneBased);
  const Generated out = Write(tokenizers[0], recipe, mind, 6, true, 3);
  EXPECT_TRUE(out.text.starts_with(mind.before)) << out.text;
  EXPECT_EQ(ParseAnswer(recipe, out.text, 6, true).repair, Repair::kOk) << out.text;
  EXPECT_LT(out.masked.tokens, static_cast<int64_t>(out.ids.size()));
}

TEST(PermutationConstraint, NamesTheTokensThatMayFollow) {
  const auto tokenizers = testing::RankingTokenizers();
  const PieceTokenizer& tokenizer = tokenizers[1];     // digits alone
  const Recipe recipe = RecipeOf(IdStyle::kOneBased);  // outlives the constraint
  PermutationConstraint constraint(tokenizer, recipe, 12, false, {});
  const auto allowed = [&](std::string_view text) {
    std::string out;
    const auto ids = tokenizer.Encode(text, {.add_special_tokens = false}, false).ids;
    const auto tokens = constraint.Allowed(ids).value();
    for (const TokenId id : tokens) out += *tokenizer.IdToToken(id) + "|";
    return out;
  };
  EXPECT_EQ(allowed(""), "[|\n| [|");
  EXPECT_EQ(allowed("["), "1|2|3|4|5|6|7|8|9|");
  EXPECT_EQ(allowed("[1"), "0|1|2|]|");
  EXPECT_EQ(allowed("[1] > [1"), "0|1|2|");
  EXPECT_EQ(allowed("[10] > [11] > [12] > [1"), "]|");
  EXPECT_EQ(allowed("[2]"), " >|");
  EXPECT_EQ(allowed("[12] > [1] > [2] > [3] > [4] > [5] > [6] > [7] > [8] > [9] > [10] > ["), "1|");
  EXPECT_EQ(allowed("[12] > [1] > [2] > [3] > [4] > [5] > [6] > [7] > [8] > [9] > [10] > [11]"),
            "");
  EXPECT_THROW(allowed("[13]"), Error);
}

}  // namespace
}  // namespace dear
