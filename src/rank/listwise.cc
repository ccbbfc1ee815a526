#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"
#include "rank/answer.h"
#include "rank/id_pattern.h"
#include "rank/placeholders.h"
#include "rank/prompt.h"
#include "rank/rank_kinds.h"
#include "rank/text_rule.h"
#include "rank/window.h"
#include "text/python_text.h"

namespace dear {
namespace {

// What all windows of one request share.
struct Call {
  LanguageModel& model;
  const Recipe& recipe;
  const RankOptions& options;
  std::shared_ptr<const ChatFormat> chat;
  std::string query;
  std::vector<PassageText> passages;  // in input order
  TextCut cut;                        // what is left to be cut where the window is known
  bool reasoning = false;             // the model is let reason
};

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

int64_t MaxNewTokens(const Call& call, int64_t n) {
  if (call.options.max_new_tokens) {
    if (*call.options.max_new_tokens < 1) {
      throw Error(ErrorCode::kInvalidArgument, "max_new_tokens", "must be at least 1");
    }
    return *call.options.max_new_tokens;
  }
  const DecodingDefaults& decoding = call.recipe.decoding;
  const int64_t answer =
      decoding.max_new_tokens
          ? *decoding.max_new_tokens
          : std::max(decoding.at_least,
                     RankingTokens(call.recipe, call.model.tokenizer(), n) + decoding.spare);
  return answer + (call.reasoning ? call.recipe.reasoning.max_new_tokens : 0);
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
// is over, shared among the passages.
std::optional<Prompt> FitByWords(std::span<const PassageText> passages, double words, int64_t limit,
                                 const BuildFn& build, std::string* cut) {
  const auto n = static_cast<int64_t>(passages.size());
  while (true) {
    const auto whole = static_cast<int64_t>(words);
    Prompt prompt = build(CutToWords(passages, whole));
    const int64_t over = static_cast<int64_t>(prompt.ids.size()) - limit;
    if (over <= 0) {
      *cut = std::to_string(whole) + " words";
      return prompt;
    }
    if (whole == 0) return std::nullopt;
    words = std::max(0.0, words - static_cast<double>(std::max<int64_t>(1, over / (n * 4))));
  }
}

int64_t LongestWords(std::span<const PassageText> passages) {
  int64_t longest = 0;
  for (const PassageText& passage : passages) {
    longest = std::max({longest, WordCount(passage.passage), WordCount(passage.text)});
  }
  return longest;
}

// Tokens that a prompt for n passages may have. A context of the recipe's own leaves room for what
// RankLLM's num_output_tokens counts: the ranking with special tokens, less one.
int64_t PromptLimit(const Call& call, int64_t n, int64_t max_new_tokens) {
  const int64_t limit = call.model.max_positions() - max_new_tokens;
  if (call.recipe.prompt.context == 0) return limit;
  return std::min(limit, call.recipe.prompt.context -
                             (RankingTokens(call.recipe, call.model.tokenizer(), n, true) - 1));
}

// The prompt of one window, its passages shortened where it would leave no room for the answer.
Prompt FittingPrompt(const Call& call, std::vector<PassageText> passages, int64_t max_new_tokens,
                     std::vector<std::string>* notes) {
  const Tokenizer& tokenizer = call.model.tokenizer();
  const auto n = static_cast<int64_t>(passages.size());
  const BuildFn build = [&](std::span<const PassageText> texts) {
    return BuildListwisePrompt(call.recipe, call.chat.get(), tokenizer, call.query, texts,
                               call.reasoning);
  };
  double words = 0;
  if (call.cut.unit == CutUnit::kWords) {
    words = static_cast<double>(call.cut.length);
    if (call.cut.for_passages > 0) {
      words *= static_cast<double>(call.cut.for_passages) / static_cast<double>(n);
    }
    passages = CutToWords(passages, static_cast<int64_t>(words));
  }
  const int64_t limit = PromptLimit(call, n, max_new_tokens);
  const int64_t context = std::min(call.model.max_positions(), call.recipe.prompt.context > 0
                                                                   ? call.recipe.prompt.context
                                                                   : call.model.max_positions());
  const auto refuse = [&] {
    throw Error(ErrorCode::kInvalidArgument, "prompt",
                "the instruction, the query and an answer of " + std::to_string(max_new_tokens) +
                    " tokens do not fit the model's context of " + std::to_string(context) +
                    " tokens even without passages; rank in smaller windows (--window), or allow a "
                    "shorter answer (--max-new-tokens)");
  };
  if (limit < 1) refuse();
  Prompt prompt = build(passages);
  if (static_cast<int64_t>(prompt.ids.size()) > limit) {
    std::string cut;
    std::optional<Prompt> fitting;
    if (call.recipe.prompt.shrink == Shrink::kRankLlmWords) {
      if (words == 0) words = static_cast<double>(LongestWords(passages));
      fitting = FitByWords(passages, words, limit, build, &cut);
    } else {
      fitting = FitByCharacters(passages, limit, build, &cut);
    }
    if (!fitting) refuse();
    prompt = *std::move(fitting);
    notes->push_back("passages were cut to " + cut + ": the prompt must leave " +
                     std::to_string(max_new_tokens) + " of the context's " +
                     std::to_string(context) + " tokens for the answer");
  }
  if (static_cast<int64_t>(prompt.ids.size()) < prompt.full_tokens) {
    notes->push_back("a prompt of " + std::to_string(prompt.full_tokens) + " tokens was cut to " +
                     std::to_string(prompt.ids.size()) +
                     " from the right, as the recipe says: the model does not see its end");
  }
  return prompt;
}

WindowRule WindowsOf(const Recipe& recipe, const RankOptions& options) {
  WindowRule rule = recipe.window;
  const auto take = [](const std::optional<int64_t>& value, int64_t low, const char* name,
                       int64_t* out) {
    if (!value) return;
    if (*value < low) {
      throw Error(ErrorCode::kInvalidArgument, name, "must be at least " + std::to_string(low));
    }
    *out = *value;
  };
  take(options.window, 2, "window", &rule.size);
  if (options.window) rule.step = std::max<int64_t>(1, rule.size / 2);
  take(options.step, 1, "step", &rule.step);
  take(options.depth, 1, "depth", &rule.depth);
  if (rule.size > 0 && rule.step > rule.size) {
    throw Error(ErrorCode::kInvalidArgument, "step",
                "must not be larger than the window: passages between windows would be lost");
  }
  return rule;
}

// What one call of the model gave.
struct Answered {
  std::vector<int64_t> order;  // every index of the window once
  std::string ranking, reasoning;
  Repair repair = Repair::kOk;
  std::vector<TokenId> ids;
  std::vector<float> logits;  // of the ids, where they are the ranking
};

// The order of the logits of the ids as the next token.
Answered RankByFirstToken(const Call& call, const std::vector<TokenId>& prompt, int64_t n,
                          Usage* usage) {
  std::vector<TokenId> tokens;
  for (int64_t i = 0; i < n; ++i) {
    const std::string id = IdText(call.recipe.ids, i);
    const auto token = call.model.tokenizer().TokenToId(id);
    if (!token) {
      throw Error(ErrorCode::kInvalidArgument, "recipe " + call.recipe.name,
                  "the identifier '" + id +
                      "' is no single token of this model; rank in smaller "
                      "windows (--window)");
    }
    tokens.push_back(*token);
  }
  auto logits = call.model.TokenLogits(std::span(&prompt, 1), tokens, usage, call.options.cancel);
  if (logits.size() != 1) throw Error(ErrorCode::kInternal, "listwise", "the model gave no answer");
  Answered out;
  out.logits = std::move(logits.front());
  out.order = OrderByScore(out.logits);
  for (const int64_t index : out.order) {
    const std::string id = IdText(call.recipe.ids, index);
    if (!out.ranking.empty()) out.ranking += call.recipe.answer.separator;
    out.ranking += Fill(call.recipe.answer.item, {{"id", id}});
  }
  return out;
}

Answered RankByWriting(const Call& call, const std::vector<TokenId>& prompt, int64_t n,
                       int64_t max_new_tokens, uint64_t seed, Usage* usage) {
  ContinueRequest request;
  request.prompt = prompt;
  request.max_new_tokens = max_new_tokens;
  request.temperature = call.options.temperature.value_or(call.recipe.decoding.temperature);
  request.top_k = call.options.top_k.value_or(call.recipe.decoding.top_k);
  request.top_p = call.options.top_p.value_or(call.recipe.decoding.top_p);
  request.seed = seed;
  request.on_text = call.options.on_text;
  std::vector<Continuation> written =
      call.model.Continue(std::span(&request, 1), usage, call.options.cancel);
  if (written.size() != 1)
    throw Error(ErrorCode::kInternal, "listwise", "the model gave no answer");
  ParsedAnswer parsed = ParseAnswer(call.recipe, call.recipe.prompt.begin_answer + written[0].text,
                                    n, call.reasoning);
  return {.order = std::move(parsed.order),
          .ranking = std::move(parsed.ranking),
          .reasoning = std::move(parsed.reasoning),
          .repair = parsed.repair,
          .ids = std::move(written[0].ids),
          .logits = {}};
}

// Ranks the passages at the places of the permutation and writes their new order there. Returns
// the logits of the passages that were at these places, where they are the ranking.
std::vector<float> RankWindow(const Call& call, const Window& window, uint64_t seed,
                              RankResult* result) {
  std::vector<PassageText> passages;
  for (int64_t place = window.begin; place < window.end; ++place) {
    passages.push_back(
        call.passages[static_cast<size_t>(result->permutation[static_cast<size_t>(place)])]);
  }
  const auto n = static_cast<int64_t>(passages.size());
  const bool first_token = call.recipe.decoding.first_token;
  const int64_t max_new_tokens = first_token ? 1 : MaxNewTokens(call, n);
  Prompt prompt = FittingPrompt(call, std::move(passages), max_new_tokens, &result->notes);
  const Usage before_call = result->usage;
  Answered answer = first_token
                        ? RankByFirstToken(call, prompt.ids, n, &result->usage)
                        : RankByWriting(call, prompt.ids, n, max_new_tokens, seed, &result->usage);
  const std::vector<int64_t> before(result->permutation.begin() + window.begin,
                                    result->permutation.begin() + window.end);
  for (int64_t i = 0; i < n; ++i) {
    result->permutation[static_cast<size_t>(window.begin + i)] =
        before[static_cast<size_t>(answer.order[static_cast<size_t>(i)])];
  }
  const auto append = [&](const std::string& text, std::string* out) {
    if (text.empty()) return;
    if (!out->empty()) *out += '\n';
    *out += text;
  };
  append(answer.ranking, &result->text);
  append(answer.reasoning, &result->reasoning);
  ++result->repairs[static_cast<size_t>(answer.repair)];
  ++result->windows;
  if (call.options.trace) {
    result->trace.prompts.push_back(std::move(prompt.text));
    result->trace.prompt_ids.push_back(std::move(prompt.ids));
    result->trace.output_ids.push_back(std::move(answer.ids));
    result->trace.calls.push_back({1, result->usage - before_call});
  }
  return std::move(answer.logits);
}

}  // namespace

RankResult RankListwise(LanguageModel& model, const Recipe& recipe, const RankRequest& request,
                        const RankOptions& options) {
  const auto n = static_cast<int64_t>(request.passages.size());
  RankResult result;
  result.score_kind = ScoreKind::kPosition;
  result.permutation.resize(request.passages.size());
  std::iota(result.permutation.begin(), result.permutation.end(), 0);

  const Tokenizer& tokenizer = model.tokenizer();
  Call call{.model = model,
            .recipe = recipe,
            .options = options,
            .chat = ChatFormatOf(recipe, tokenizer),
            .query = PrepareQuery(QueryRule(recipe, options), request.query, tokenizer),
            .passages = {},
            .cut = {},
            .reasoning = options.reasoning || recipe.reasoning.always};
  std::vector<float> logits;
  const WindowRule windows = WindowsOf(recipe, options);
  if (n > 1) {
    TextRule rule = PassageRule(recipe, options);
    // Words are cut where it is known how many passages share the prompt, and how long it becomes.
    if (rule.cut.unit == CutUnit::kWords) call.cut = std::exchange(rule.cut, {});
    for (const Passage& passage : request.passages) {
      call.passages.push_back(PreparePassage(rule, passage, tokenizer));
    }
    const std::vector<Window> plan = SlidingWindows(n, windows);
    for (size_t i = 0; i < plan.size(); ++i) {
      if (options.cancel && options.cancel()) {
        throw Error(ErrorCode::kCancelled, "listwise",
                    "stopped after " + std::to_string(i) + " of " + std::to_string(plan.size()) +
                        " windows");
      }
      if (options.progress) {
        options.progress("windows", static_cast<int64_t>(i), static_cast<int64_t>(plan.size()));
      }
      logits = RankWindow(call, plan[i], options.seed + i, &result);
    }
    if (options.progress) {
      options.progress("windows", static_cast<int64_t>(plan.size()),
                       static_cast<int64_t>(plan.size()));
    }
  }
  for (const Repair repair : {Repair::kRepetition, Repair::kMissing, Repair::kWrongFormat}) {
    if (result.repairs[static_cast<size_t>(repair)] > 0) result.repair = repair;
  }
  // The logits of one call alone can be compared.
  if (result.windows == 1 && logits.size() == request.passages.size()) {
    result.score_kind = ScoreKind::kLogit;
    result.scores = std::move(logits);
    return result;
  }
  result.scores.resize(request.passages.size());
  for (int64_t place = 0; place < n; ++place) {
    result.scores[static_cast<size_t>(result.permutation[static_cast<size_t>(place)])] =
        static_cast<float>(n - place) / static_cast<float>(n);
  }
  return result;
}

}  // namespace dear
