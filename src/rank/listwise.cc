#include <algorithm>
#include <numeric>
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
};

// Tokens of the full ranking of n passages, as the model would write it in input order.
int64_t RankingTokens(const Recipe& recipe, const Tokenizer& tokenizer, int64_t n) {
  std::string ranking;
  for (int64_t i = 0; i < n; ++i) {
    if (i > 0) ranking += recipe.answer.separator;
    const std::string id = IdText(recipe.ids, i);
    ranking += Fill(recipe.answer.item, {{"id", id}});
  }
  EncodeOptions options;
  options.add_special_tokens = false;
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
  return answer + (call.options.reasoning ? call.recipe.reasoning.max_new_tokens : 0);
}

int64_t LongestChars(std::span<const PassageText> passages) {
  int64_t longest = 0;
  for (const PassageText& passage : passages) {
    longest = std::max({longest, CodePointCount(passage.passage),
                        CodePointCount(passage.text) + CodePointCount(passage.title)});
  }
  return longest;
}

// The prompt of one window, its passages shortened where it would leave no room for the answer.
Prompt FittingPrompt(const Call& call, std::span<const PassageText> passages,
                     int64_t max_new_tokens, std::vector<std::string>* notes) {
  const Tokenizer& tokenizer = call.model.tokenizer();
  const auto build = [&](std::span<const PassageText> texts) {
    return BuildListwisePrompt(call.recipe, call.chat.get(), tokenizer, call.query, texts);
  };
  const int64_t limit = call.model.max_positions() - max_new_tokens;
  const auto refuse = [&] {
    throw Error(ErrorCode::kInvalidArgument, "prompt",
                "the instruction, the query and an answer of " + std::to_string(max_new_tokens) +
                    " tokens do not fit the model's context of " +
                    std::to_string(call.model.max_positions()) +
                    " tokens even without passages; rank in smaller windows (--window), or allow a "
                    "shorter answer (--max-new-tokens)");
  };
  if (limit < 1) refuse();
  Prompt prompt = build(passages);
  if (static_cast<int64_t>(prompt.ids.size()) > limit) {
    const int64_t chars = CutThatFits(LongestChars(passages), limit, [&](int64_t cut) {
      return static_cast<int64_t>(build(Shortened(passages, cut)).ids.size());
    });
    if (chars < 0) refuse();
    prompt = build(Shortened(passages, chars));
    notes->push_back("passages were cut to " + std::to_string(chars) +
                     " characters: the prompt must leave " + std::to_string(max_new_tokens) +
                     " of the context's " + std::to_string(call.model.max_positions()) +
                     " tokens for the answer");
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

// Ranks the passages at `places` of the permutation and writes their new order there.
void RankWindow(const Call& call, const Window& window, uint64_t seed, RankResult* result) {
  std::vector<PassageText> passages;
  for (int64_t place = window.begin; place < window.end; ++place) {
    passages.push_back(
        call.passages[static_cast<size_t>(result->permutation[static_cast<size_t>(place)])]);
  }
  const auto n = static_cast<int64_t>(passages.size());
  ContinueRequest request;
  request.max_new_tokens = MaxNewTokens(call, n);
  Prompt prompt = FittingPrompt(call, passages, request.max_new_tokens, &result->notes);
  request.prompt = prompt.ids;
  request.temperature = call.options.temperature.value_or(call.recipe.decoding.temperature);
  request.top_k = call.options.top_k.value_or(call.recipe.decoding.top_k);
  request.top_p = call.options.top_p.value_or(call.recipe.decoding.top_p);
  request.seed = seed;
  request.on_text = call.options.on_text;
  const Usage before_call = result->usage;
  std::vector<Continuation> written =
      call.model.Continue(std::span(&request, 1), &result->usage, call.options.cancel);
  if (written.size() != 1)
    throw Error(ErrorCode::kInternal, "listwise", "the model gave no answer");

  const ParsedAnswer answer =
      ParseAnswer(call.recipe, written.front().text, n, call.options.reasoning);
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
    result->trace.output_ids.push_back(std::move(written.front().ids));
    result->trace.calls.push_back({1, result->usage - before_call});
  }
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
  Call call{model,
            recipe,
            options,
            ChatFormatOf(recipe, tokenizer),
            PrepareQuery(QueryRule(recipe, options), request.query, tokenizer),
            {}};
  const WindowRule windows = WindowsOf(recipe, options);
  if (n > 1) {
    const TextRule rule = PassageRule(recipe, options);
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
      RankWindow(call, plan[i], options.seed + i, &result);
    }
    if (options.progress) {
      options.progress("windows", static_cast<int64_t>(plan.size()),
                       static_cast<int64_t>(plan.size()));
    }
  }
  for (const Repair repair : {Repair::kRepetition, Repair::kMissing, Repair::kWrongFormat}) {
    if (result.repairs[static_cast<size_t>(repair)] > 0) result.repair = repair;
  }
  result.scores.resize(request.passages.size());
  for (int64_t place = 0; place < n; ++place) {
    result.scores[static_cast<size_t>(result.permutation[static_cast<size_t>(place)])] =
        static_cast<float>(n - place) / static_cast<float>(n);
  }
  return result;
}

}  // namespace dear
