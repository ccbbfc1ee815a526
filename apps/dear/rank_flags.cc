#include "rank_flags.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "base/error.h"

namespace dear::app {

void RankFlags::Declare(CLI::App& command) {
  const auto positive = CLI::Range(int64_t{1}, std::numeric_limits<int64_t>::max());
  command.add_option(
      "--recipe", recipe,
      "How to rank: a name (dear list --recipes) or a .yaml file (default: found from "
      "the model's files)");
  command.add_option("--chat-format", chat_format,
                     "Of a recipe that is a conversation: llama3, chatml, … (default: recognised "
                     "from the model's own template)");
  command.add_option("--depth", depth, "Rerank the first N passages only; the others follow")
      ->check(positive);
  command
      .add_option(
          "--decoding", decoding,
          "How a listwise answer is made: greedy (one token a call of the model), "
          "permutation (the same tokens in far fewer calls), first (nothing is written: the "
          "order of the identifiers' logits), constrained (nothing but a permutation can be "
          "written), sample (default: permutation, or as the recipe says)")
      ->check(CLI::IsMember({"greedy", "permutation", "first", "constrained", "sample"}));
  command.add_option("--temperature", temperature, "Of sampling; 0 is greedy");
  command.add_option("--top-k", top_k, "Of sampling: this many of the likeliest tokens; 0 is all")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--top-p", top_p, "Of sampling: the likeliest tokens of this share");
  command.add_option("--seed", seed, "Of sampling; the same seed gives the same text");
  command
      .add_option("--max-new-tokens", max_new_tokens,
                  "Longest answer (default: as the recipe says)")
      ->check(positive);
  command.add_option("--max-query-words", max_query_words, "Keep this much of a query")
      ->check(positive);
  command.add_option("--max-passage-words", max_passage_words, "Keep this much of a passage")
      ->check(positive);
  command.add_option("--max-passage-chars", max_passage_chars, "The same in characters")
      ->check(positive);
  command.add_option("--max-passage-tokens", max_passage_tokens, "The same in tokens")
      ->check(positive);
  command.add_option("--window", window, "Listwise: passages in one call of the model")
      ->check(CLI::Range(int64_t{2}, std::numeric_limits<int64_t>::max()));
  command.add_option("--step", step, "Listwise: passages by which the window moves to the front")
      ->check(positive);
  command.add_option("--skip", skip, "Listwise: the first N passages keep their places")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  command.add_option("--passes", passes, "Sliding windows: times that the list is gone through")
      ->check(positive);
  command
      .add_option("--order", order,
                  "Listwise: how a list longer than a window is ranked: sliding (from the back to "
                  "the front), partition (all against the middle of the first window), tournament "
                  "(winners meet); the last two rank many windows at once")
      ->check(CLI::IsMember({"sliding", "partition", "tournament"}));
  command
      .add_option("--settle", settle,
                  "Listwise: leave out windows that cannot change the first N places, which come "
                  "out the same; those behind may stay unfinished. Saves passes that repeat, and "
                  "windows that do not overlap (docs/recipes.md). Of several stages it is of the "
                  "last; changes nothing of other recipes")
      ->check(positive);
  command.add_option("--instruction", instruction,
                     "What is sought, for recipes that take an instruction (qwen3-reranker, "
                     "mxbai-v2)");
  command
      .add_option(
          "--then", then,
          "A second stage, MODEL[:DEPTH]: rerank the first DEPTH of the result with another "
          "model or adapter; a base that both share is held once. May be given again")
      ->allow_extra_args(false);
  command
      .add_option("--then-recipe", then_recipe,
                  "The recipe of the stage of --then (default: found from its files)")
      ->allow_extra_args(false);
  command.add_option("--fuse", fuse,
                     "Fuse the ranking with the order in which the passages came: minmax:W (W is "
                     "the weight of the first stage's scores) or rrf[:K] (reciprocal ranks)");
  command.add_flag("--reasoning", reasoning,
                   "Let the model reason before it ranks; streamed to standard error");
  command.add_flag("--trace", trace,
                   "Add prompts, token ids and the time of every model call to JSON");
}

Recipe RankFlags::WithChatFormat(Recipe loaded) const {
  if (chat_format.empty()) return loaded;
  if (!loaded.prompt.chat) {
    throw Error(ErrorCode::kInvalidArgument, "--chat-format",
                "the recipe " + loaded.name + " holds no conversation");
  }
  loaded.prompt.chat_format = chat_format;
  return loaded;
}

RankOptions RankFlags::Options(std::span<const Stage> stages) const {
  RankOptions options;
  options.max_new_tokens = max_new_tokens;
  options.temperature = temperature;
  options.top_k = top_k;
  options.top_p = top_p;
  options.seed = seed;
  if (!decoding.empty()) options.decoding = ParseDecoding(decoding);
  options.instruction = instruction;
  const bool is_taken = std::ranges::any_of(
      stages, [](const Stage& stage) { return stage.reranker->recipe().TakesInstruction(); });
  if (!instruction.empty() && !is_taken) {
    throw Error(ErrorCode::kInvalidArgument, "--instruction",
                "the recipe " + stages.front().reranker->recipe().name + " takes none");
  }
  options.reasoning = reasoning;
  options.trace = trace;
  options.max_query_words = max_query_words;
  options.max_passage_words = max_passage_words;
  options.max_passage_chars = max_passage_chars;
  options.max_passage_tokens = max_passage_tokens;
  options.window = window;
  options.step = step;
  const bool any_listwise = std::ranges::any_of(stages, [](const Stage& stage) {
    return stage.reranker->recipe().kind == RecipeKind::kListwise;
  });
  if (skip.value_or(0) > 0 && !any_listwise) {
    throw Error(
        ErrorCode::kInvalidArgument, "--skip",
        "belongs to listwise recipes, and " + stages.front().reranker->recipe().name + " is none");
  }
  options.skip = skip;
  options.passes = passes;
  if (!order.empty()) options.order = ParseWindowOrder(order);
  options.settle = settle;
  RequireSteadyAnswers(stages.back().reranker->recipe(), options);
  return options;
}

void RankFlags::CheckUsage() const {
  try {
    Later();
    FusionOf();
  } catch (const Error& error) {
    throw CLI::ValidationError(error.what());
  }
}

std::vector<StageSpec> RankFlags::Later() const {
  if (then_recipe.size() > then.size()) {
    throw Error(ErrorCode::kInvalidArgument, "--then-recipe",
                "there are more recipes than later stages (--then)");
  }
  std::vector<StageSpec> later;
  for (size_t i = 0; i < then.size(); ++i) {
    later.push_back(ParseStageSpec(then[i]));
    if (i < then_recipe.size()) later.back().recipe = then_recipe[i];
  }
  return later;
}

std::optional<Fusion> RankFlags::FusionOf() const {
  if (fuse.empty()) return std::nullopt;
  if (settle) {
    throw Error(ErrorCode::kInvalidArgument, "--settle",
                "leaves places unfinished, and --fuse reads them all");
  }
  return ParseFusion(fuse);
}

}  // namespace dear::app
