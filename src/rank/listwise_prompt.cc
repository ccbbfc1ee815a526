#include "rank/listwise_prompt.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "base/error.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "text/python_text.h"

namespace dear {
namespace {

// Tokens of the full ranking of n passages, as the model would write it in input order.
int64_t RankingTokens(const Recipe& recipe, const Tokenizer& tokenizer, int64_t n,
                      bool special_tokens = false) {
  std::string ranking;
  for (int64_t i = 0; i < n; ++i) {
    if (i > 0) ranking += recipe.answer.separator;
    const std::string id = IdText(recipe.ids, i);
    ranking += Fill(recipe.answer.item, {{"id", id}});
  }
  EncodeOptions options;
  options.add_special_tokens = special_tokens;
  return static_cast<int64_t>(tokenizer.Encode(ranking, options).ids.size());
}

int64_t LongestChars(std::span<const PassageText> passages) {
  int64_t longest = 0;
  for (const PassageText& passage : passages) {
    longest = std::max({longest, CodePointCount(passage.passage),
                        CodePointCount(passage.text) + CodePointCount(passage.title)});
  }
  return longest;
}

using BuildFn = std::function<Prompt(std::span<const PassageText>)>;

// All passages cut to one length in characters; nothing where none is short enough.
std::optional<Prompt> FitByCharacters(std::span<const PassageText> passages, int64_t limit,
                                      const BuildFn& build, std::string* cut) {
  const int64_t chars = CutThatFits(LongestChars(passages), limit, [&](int64_t length) {
    return static_cast<int64_t>(build(Shortened(passages, length)).ids.size());
  });
  if (chars < 0) return std::nullopt;
  *cut = std::to_string(chars) + " characters";
  return build(Shortened(passages, chars));
}

// RankLLM's way (create_prompt of rank_listwise_os_llm.py): words go in steps of a quarter of what
// is over, shared among the passages. Nothing where not one word of each fits: texts without
// blanks.
std::optional<Prompt> FitByWords(std::span<const PassageText> passages, double words, int64_t limit,
                                 const BuildFn& build, std::string* cut) {
  const auto n = static_cast<int64_t>(passages.size());
  for (auto whole = static_cast<int64_t>(words); whole > 0; whole = static_cast<int64_t>(words)) {
    Prompt prompt = build(CutToWords(passages, whole));
    const int64_t over = static_cast<int64_t>(prompt.ids.size()) - limit;
    if (over <= 0) {
      *cut = std::to_string(whole) + " words";
      return prompt;
    }
    words -= static_cast<double>(std::max<int64_t>(1, over / (n * 4)));
  }
  return std::nullopt;
}

int64_t LongestWords(std::span<const PassageText> passages) {
  int64_t longest = 0;
  for (const PassageText& passage : passages) {
    longest = std::max({longest, WordCount(passage.passage), WordCount(passage.text)});
  }
  return longest;
}

}  // namespace

ListwisePrompts::ListwisePrompts(const LanguageModel& model, const Recipe& recipe,
                                 const RankRequest& request, const RankOptions& options)
    : model_(model),
      recipe_(recipe),
      options_(options),
      chat_(ChatFormatOf(recipe, model.tokenizer())),
      query_(PrepareQuery(QueryRule(recipe, options), request.query, model.tokenizer())),
      reasoning_(options.reasoning || recipe.reasoning.always) {
  TextRule rule = PassageRule(recipe, options);
  // Words are cut where it is known how many passages share the prompt, and how long it becomes.
  if (rule.cut.unit == CutUnit::kWords) cut_ = std::exchange(rule.cut, {});
  for (const Passage& passage : request.passages) {
    passages_.push_back(PreparePassage(rule, passage, model.tokenizer()));
  }
}

ListwisePrompts::Built ListwisePrompts::Build(std::span<const int64_t> window,
                                              std::vector<std::string>* notes) const {
  std::vector<PassageText> passages;
  for (const int64_t index : window) passages.push_back(passages_[static_cast<size_t>(index)]);
  Built built;
  built.max_new_tokens =
      recipe_.decoding.first_token ? 1 : MaxNewTokens(static_cast<int64_t>(window.size()));
  built.prompt = FittingPrompt(std::move(passages), built.max_new_tokens, notes);
  return built;
}

int64_t ListwisePrompts::MaxNewTokens(int64_t n) const {
  if (options_.max_new_tokens) {
    if (*options_.max_new_tokens < 1) {
      throw Error(ErrorCode::kInvalidArgument, "max_new_tokens", "must be at least 1");
    }
    return *options_.max_new_tokens;
  }
  const DecodingDefaults& decoding = recipe_.decoding;
  const int64_t ranking = RankingTokens(recipe_, model_.tokenizer(), n);
  int64_t answer = decoding.max_new_tokens ? *decoding.max_new_tokens
                                           : std::max(decoding.at_least, ranking + decoding.spare);
  // The whole ranking, the end and what may stand before, however the recipe counts.
  constexpr int64_t kBesidesRanking = 8;
  if (ChooseDecoding(recipe_, options_).decoding == Decoding::kConstrained) {
    answer = std::max(answer, ranking + kBesidesRanking);
  }
  return answer + (reasoning_ ? recipe_.reasoning.max_new_tokens : 0);
}

// Tokens that a prompt for n passages may have. A context of the recipe's own leaves room for what
// RankLLM's num_output_tokens counts: the ranking with special tokens, less one.
int64_t ListwisePrompts::PromptLimit(int64_t n, int64_t max_new_tokens) const {
  const int64_t limit = model_.max_positions() - max_new_tokens;
  if (recipe_.prompt.context == 0) return limit;
  return std::min(
      limit, recipe_.prompt.context - (RankingTokens(recipe_, model_.tokenizer(), n, true) - 1));
}

// The prompt of one window, its passages shortened where it would leave no room for the answer.
Prompt ListwisePrompts::FittingPrompt(std::vector<PassageText> passages, int64_t max_new_tokens,
                                      std::vector<std::string>* notes) const {
  const Tokenizer& tokenizer = model_.tokenizer();
  const auto n = static_cast<int64_t>(passages.size());
  const BuildFn build = [&](std::span<const PassageText> texts) {
    return BuildListwisePrompt(recipe_, chat_.get(), tokenizer, query_, texts, reasoning_);
  };
  double words = 0;
  if (cut_.unit == CutUnit::kWords) {
    words = static_cast<double>(cut_.length);
    if (cut_.for_passages > 0) {
      words *= static_cast<double>(cut_.for_passages) / static_cast<double>(n);
    }
    passages = CutToWords(passages, static_cast<int64_t>(words));
  }
  const int64_t limit = PromptLimit(n, max_new_tokens);
  // The recipe's context holds the ranking, the model's all that may be written (reasoning too).
  const bool by_recipe = limit < model_.max_positions() - max_new_tokens;
  const int64_t context = by_recipe ? recipe_.prompt.context : model_.max_positions();
  const std::string answer = std::to_string(context - limit);
  const std::string whose = by_recipe ? "recipe's" : "model's";
  const auto refuse = [&] {
    throw Error(ErrorCode::kInvalidArgument, "prompt",
                "the instruction, the query and an answer of " + answer +
                    " tokens do not fit the " + whose + " context of " + std::to_string(context) +
                    " tokens even without passages; rank in smaller windows (--window)" +
                    (by_recipe ? "" : ", or allow a shorter answer (--max-new-tokens)"));
  };
  if (limit < 1) refuse();
  Prompt prompt = build(passages);
  if (static_cast<int64_t>(prompt.ids.size()) > limit) {
    std::string cut;
    std::optional<Prompt> fitting;
    if (recipe_.prompt.shrink == Shrink::kRankLlmWords) {
      if (words == 0) words = static_cast<double>(LongestWords(passages));
      fitting = FitByWords(passages, words, limit, build, &cut);
    }
    if (!fitting) fitting = FitByCharacters(passages, limit, build, &cut);
    if (!fitting) refuse();
    prompt = *std::move(fitting);
    notes->push_back("passages were cut to " + cut + ": the prompt must leave " + answer +
                     " of the " + std::to_string(context) + " tokens of the " + whose +
                     " context for the answer");
  }
  if (static_cast<int64_t>(prompt.ids.size()) < prompt.full_tokens) {
    notes->push_back("a prompt of " + std::to_string(prompt.full_tokens) + " tokens was cut to " +
                     std::to_string(prompt.ids.size()) +
                     " from the right, as the recipe says: the model does not see its end");
  }
  return prompt;
}

}  // namespace dear
