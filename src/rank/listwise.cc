#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "base/error.h"
#include "rank/answer.h"
#include "rank/id_pattern.h"
#include "rank/listwise_prompt.h"
#include "rank/permutation_constraint.h"
#include "rank/permutation_drafter.h"
#include "rank/placeholders.h"
#include "rank/rank_kinds.h"
#include "rank/window_plan.h"

namespace dear {
namespace {

// Tokens, those to be written included, of the windows that the model works on at once: enough to
// fill it, a bound for its caches.
constexpr int64_t kTokensAtOnce = 16384;

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
  take(options.skip, 0, "skip", &rule.skip);
  take(options.passes, 1, "passes", &rule.passes);
  if (options.order) rule.order = *options.order;
  take(options.settle, 1, "settle", &rule.settle);
  return rule;
}

// One request on its way through its windows.
struct List {
  List(const LanguageModel& model, const Recipe& recipe, const RankRequest& request,
       const RankOptions& options)
      : prompts(model, recipe, request, options),
        plan(MakeWindowPlan(static_cast<int64_t>(request.passages.size()),
                            WindowsOf(recipe, options))) {}

  ListwisePrompts prompts;
  std::unique_ptr<WindowPlan> plan;
  std::vector<std::vector<int64_t>> orders;  // of this round's windows
  std::vector<float> logits;                 // of the last window's ids, where they are the ranking
};

// One window of a list, and what the model made of it.
struct WindowCall {
  size_t list = 0;
  size_t window = 0;  // in the list's round
  int64_t passages = 0;
  uint64_t seed = 0;
  ListwisePrompts::Built input;
  // The answer.
  std::vector<int64_t> order;
  std::string ranking, reasoning;
  MaskedProbability masked;
  Repair repair = Repair::kOk;
  std::vector<TokenId> ids;
  std::vector<float> logits;
  Usage usage;

  int64_t tokens() const {
    return static_cast<int64_t>(input.prompt.ids.size()) + input.max_new_tokens;
  }
};

class ListwiseRanker {
 public:
  ListwiseRanker(LanguageModel& model, const Recipe& recipe, std::span<const RankRequest> requests,
                 const RankOptions& options)
      : model_(model),
        recipe_(recipe),
        options_(options),
        reasoning_(options.reasoning || recipe.reasoning.always),
        outcomes_(requests.size()) {
    for (size_t i = 0; i < requests.size(); ++i) {
      lists_.push_back(Guarded(i, [&] {
        ChooseHow();
        return std::make_unique<List>(model, recipe_, requests[i], options);
      }));
    }
  }

  std::vector<RankOutcome> Rank() {
    while (true) {
      std::vector<WindowCall> round = NextRound();
      if (round.empty()) break;
      for (size_t begin = 0; begin < round.size();) {
        size_t end = begin;
        int64_t tokens = 0;
        while (end < round.size() &&
               (end == begin || tokens + round[end].tokens() <= kTokensAtOnce)) {
          tokens += round[end++].tokens();
        }
        Report();
        Ask(std::span(round).subspan(begin, end - begin));
        begin = end;
      }
      for (WindowCall& call : round) Take(std::move(call));
      for (size_t i = 0; i < lists_.size(); ++i) {
        if (lists_[i] && !lists_[i]->orders.empty()) {
          lists_[i]->plan->Take(std::exchange(lists_[i]->orders, {}));
        }
      }
    }
    Report();
    for (size_t i = 0; i < lists_.size(); ++i) {
      if (lists_[i]) Finish(*lists_[i], &outcomes_[i].result);
    }
    return std::move(outcomes_);
  }

 private:
  void ChooseHow() {
    how_ = ChooseDecoding(recipe_, options_);
    RequireSteadyAnswers(recipe_, options_);
    if (how_.decoding != Decoding::kFirst || recipe_.decoding.first_token) return;
    // The recipe's model is asked for the first id alone: what stands before it is given.
    recipe_.decoding.first_token = true;
    const std::string before = recipe_.answer.item.substr(0, recipe_.answer.item.find("{id}"));
    if (!recipe_.prompt.begin_answer.ends_with(before)) recipe_.prompt.begin_answer += before;
  }

  // What `make` gives; where it fails, the list is given up and its error kept. A cancellation
  // ends everything.
  template <typename Make>
  auto Guarded(size_t list, Make make) -> decltype(make()) {
    try {
      return make();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      outcomes_[list].error = error;
      if (list < lists_.size()) lists_[list].reset();
      return {};
    }
  }

  // The windows of all lists that can be ranked now.
  std::vector<WindowCall> NextRound() {
    std::vector<WindowCall> round;
    for (size_t i = 0; i < lists_.size(); ++i) {
      if (!lists_[i]) continue;
      std::vector<WindowCall> own = Guarded(i, [&] {
        const List& list = *lists_[i];
        const auto& windows = list.plan->Windows();
        std::vector<WindowCall> calls(windows.size());
        for (size_t w = 0; w < windows.size(); ++w) {
          calls[w].list = i;
          calls[w].window = w;
          calls[w].passages = static_cast<int64_t>(windows[w].size());
          calls[w].seed = options_.seed + static_cast<uint64_t>(outcomes_[i].result.windows) + w;
          calls[w].input = list.prompts.Build(windows[w], &outcomes_[i].result.notes);
        }
        return calls;
      });
      if (lists_[i]) lists_[i]->orders.resize(own.size());
      std::ranges::move(own, std::back_inserter(round));
    }
    return round;
  }

  void Report() const {
    int64_t done = 0;
    int64_t remaining = 0;
    for (size_t i = 0; i < lists_.size(); ++i) {
      done += outcomes_[i].result.windows;
      if (lists_[i]) remaining += lists_[i]->plan->Remaining();
    }
    if (options_.cancel && options_.cancel()) {
      throw Error(ErrorCode::kCancelled, "listwise",
                  "stopped after " + std::to_string(done) + " of " +
                      std::to_string(done + remaining) + " windows");
    }
    if (options_.progress) options_.progress("windows", done, done + remaining);
  }

  // One call of the model. Where it fails over several lists, each is asked alone, so that one
  // bad list costs no other.
  void Ask(std::span<WindowCall> calls) {
    try {
      recipe_.decoding.first_token ? AskForFirstTokens(calls) : AskForText(calls);
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      if (calls.size() > 1) {
        for (WindowCall& call : calls) {
          if (lists_[call.list]) Ask(std::span(&call, 1));
        }
      } else {
        outcomes_[calls.front().list].error = error;
        lists_[calls.front().list].reset();
      }
    }
  }

  // The order of the logits of the ids as the next token. The windows share a call where they have
  // the same number of passages, which are most.
  void AskForFirstTokens(std::span<WindowCall> calls) {
    for (size_t begin = 0; begin < calls.size();) {
      size_t end = begin + 1;
      while (end < calls.size() && calls[end].passages == calls[begin].passages) ++end;
      const auto same = calls.subspan(begin, end - begin);
      std::vector<std::vector<TokenId>> prompts;
      for (const WindowCall& call : same) prompts.push_back(call.input.prompt.ids);
      Usage usage;
      auto logits =
          model_.TokenLogits(prompts, IdTokens(same.front().passages), &usage, options_.cancel);
      RequireAnswers(logits.size(), same.size());
      for (size_t i = 0; i < same.size(); ++i) {
        same[i].logits = std::move(logits[i]);
        same[i].order = OrderByScore(same[i].logits);
        for (const int64_t index : same[i].order) {
          if (!same[i].ranking.empty()) same[i].ranking += recipe_.answer.separator;
          same[i].ranking += Fill(recipe_.answer.item, {{"id", IdText(recipe_.ids, index)}});
        }
      }
      Count(same.size(), usage);
      Share(usage, same);
      ShareSaved(usage, same);
      begin = end;
    }
  }

  // Whether the tokenizer writes an id as this one token. Letters and digits alone always can be.
  bool StandsAsToken(const std::string& id, TokenId token) const {
    const auto written = model_.tokenizer().Encode(Fill(recipe_.answer.item, {{"id", id}}),
                                                   {.add_special_tokens = false});
    return std::ranges::find(written.ids, token) != written.ids.end();
  }

  std::vector<TokenId> IdTokens(int64_t n) const {
    std::vector<TokenId> tokens;
    for (int64_t i = 0; i < n; ++i) {
      const std::string id = IdText(recipe_.ids, i);
      const auto token = model_.tokenizer().TokenToId(id);
      if (!token || (id.size() > 1 && !StandsAsToken(id, *token))) {
        throw Error(ErrorCode::kInvalidArgument, "recipe " + recipe_.name,
                    "the identifier '" + id +
                        "' is no single token of this model, so one row of logits cannot rank it; "
                        "rank in smaller windows (--window) or by --decoding permutation");
      }
      tokens.push_back(*token);
    }
    return tokens;
  }

  void AskForText(std::span<WindowCall> calls) {
    std::vector<ContinueRequest> requests;
    for (const WindowCall& call : calls) {
      ContinueRequest request;
      request.prompt = call.input.prompt.ids;
      request.max_new_tokens = call.input.max_new_tokens;
      request.temperature = how_.temperature;
      request.top_k = options_.top_k.value_or(recipe_.decoding.top_k);
      request.top_p = options_.top_p.value_or(recipe_.decoding.top_p);
      request.seed = call.seed;
      if (how_.decoding == Decoding::kPermutation || how_.decoding == Decoding::kConstrained) {
        request.drafter = std::make_shared<PermutationDrafter>(
            model_.tokenizer(), recipe_, call.passages, reasoning_, request.prompt);
      }
      if (how_.decoding == Decoding::kConstrained) {
        request.constraint = std::make_shared<PermutationConstraint>(
            model_.tokenizer(), recipe_, call.passages, reasoning_, request.prompt);
      }
      // Answers that are written side by side cannot be read as a stream.
      if (calls.size() == 1) request.on_text = options_.on_text;
      requests.push_back(std::move(request));
    }
    Usage usage;
    std::vector<Continuation> written = model_.Continue(requests, &usage, options_.cancel);
    RequireAnswers(written.size(), calls.size());
    for (size_t i = 0; i < calls.size(); ++i) {
      ParsedAnswer parsed = ParseAnswer(recipe_, recipe_.prompt.begin_answer + written[i].text,
                                        calls[i].passages, reasoning_);
      calls[i].order = std::move(parsed.order);
      calls[i].ranking = std::move(parsed.ranking);
      calls[i].reasoning = std::move(parsed.reasoning);
      calls[i].repair = parsed.repair;
      calls[i].ids = std::move(written[i].ids);
      calls[i].masked = written[i].masked;
      calls[i].usage.cached_tokens = written[i].cached;
      calls[i].usage.drafted_tokens = written[i].drafted;
      calls[i].usage.accepted_tokens = written[i].accepted;
    }
    Count(calls.size(), usage);
    Share(usage, calls);
  }

  void Count(size_t prompts, const Usage& usage) const {
    if (options_.on_call) options_.on_call({static_cast<int64_t>(prompts), usage});
  }

  static void RequireAnswers(size_t answers, size_t calls) {
    if (answers != calls)
      throw Error(ErrorCode::kInternal, "listwise", "the model did not answer every prompt");
  }

  // Each window's part of a call that it shared: tokens are its own, time goes by tokens. The
  // passes of the model count once for every list that took part: its first window bears them.
  static void Share(const Usage& usage, std::span<WindowCall> calls) {
    double prompt_tokens = 0;
    double written_tokens = 0;
    for (const WindowCall& call : calls) {
      prompt_tokens += static_cast<double>(call.input.prompt.ids.size());
      written_tokens += static_cast<double>(call.ids.size());
    }
    auto list = std::numeric_limits<size_t>::max();  // windows of a list stand together
    for (WindowCall& call : calls) {
      const auto prompt = static_cast<double>(call.input.prompt.ids.size());
      const auto written = static_cast<double>(call.ids.size());
      call.usage.prompt_tokens = static_cast<int64_t>(call.input.prompt.ids.size());
      call.usage.completion_tokens = static_cast<int64_t>(call.ids.size());
      if (call.list != list) call.usage.forward_passes = usage.forward_passes;
      list = call.list;
      call.usage.prefill_seconds =
          usage.prefill_seconds * (prompt_tokens > 0 ? prompt / prompt_tokens : 0);
      call.usage.decode_seconds =
          usage.decode_seconds * (written_tokens > 0 ? written / written_tokens : 0);
    }
  }

  // Prompt tokens that a call did not compute go by tokens, too.
  static void ShareSaved(const Usage& usage, std::span<WindowCall> calls) {
    if (usage.prompt_tokens == 0) return;
    for (WindowCall& call : calls) {
      const double part =
          static_cast<double>(call.usage.prompt_tokens) / static_cast<double>(usage.prompt_tokens);
      call.usage.shared_tokens =
          static_cast<int64_t>(static_cast<double>(usage.shared_tokens) * part);
      call.usage.cached_tokens =
          static_cast<int64_t>(static_cast<double>(usage.cached_tokens) * part);
    }
  }

  // The answer of one window goes to its list.
  void Take(WindowCall call) {
    if (!lists_[call.list]) return;  // given up
    List& list = *lists_[call.list];
    RankResult& result = outcomes_[call.list].result;
    list.orders[call.window] = std::move(call.order);
    list.logits = std::move(call.logits);
    const auto append = [](const std::string& text, std::string* out) {
      if (text.empty()) return;
      if (!out->empty()) *out += '\n';
      *out += text;
    };
    if (options_.trace) {
      result.trace.responses.push_back(call.ranking);
      result.trace.reasonings.push_back(call.reasoning);
    }
    append(call.ranking, &result.text);
    append(call.reasoning, &result.reasoning);
    ++result.repairs[static_cast<size_t>(call.repair)];
    ++result.windows;
    result.usage += call.usage;
    result.masked += call.masked;
    if (!options_.trace) return;
    result.trace.prompts.push_back(std::move(call.input.prompt.text));
    result.trace.prompt_ids.push_back(std::move(call.input.prompt.ids));
    result.trace.output_ids.push_back(std::move(call.ids));
    result.trace.calls.push_back({1, call.usage});
  }

  void Finish(List& list, RankResult* result) const {
    result->permutation = list.plan->Permutation();
    const int64_t windows = result->windows + list.plan->LeftOut();
    if (options_.settle) {
      result->settled = Settled{.top = *options_.settle, .windows = result->windows, .of = windows};
    }
    for (const Repair repair : {Repair::kRepetition, Repair::kMissing, Repair::kWrongFormat}) {
      if (result->repairs[static_cast<size_t>(repair)] > 0) result->repair = repair;
    }
    const auto n = static_cast<int64_t>(result->permutation.size());
    // The logits of one call alone can be compared; a call that was left out counts, so that the
    // kind of score depends on no answer.
    if (windows == 1 && static_cast<int64_t>(list.logits.size()) == n) {
      result->score_kind = ScoreKind::kLogit;
      result->scores = std::move(list.logits);
      return;
    }
    result->score_kind = ScoreKind::kPosition;
    result->scores.resize(static_cast<size_t>(n));
    for (int64_t place = 0; place < n; ++place) {
      result->scores[static_cast<size_t>(result->permutation[static_cast<size_t>(place)])] =
          static_cast<float>(n - place) / static_cast<float>(n);
    }
  }

  LanguageModel& model_;
  Recipe recipe_;  // with what the options change of it
  const RankOptions& options_;
  DecodingChoice how_;
  bool reasoning_;  // the model is let reason
  std::vector<RankOutcome> outcomes_;
  std::vector<std::unique_ptr<List>> lists_;  // null: given up
};

}  // namespace

std::vector<RankOutcome> RankListwise(LanguageModel& model, const Recipe& recipe,
                                      std::span<const RankRequest> requests,
                                      const RankOptions& options) {
  return ListwiseRanker(model, recipe, requests, options).Rank();
}

}  // namespace dear
