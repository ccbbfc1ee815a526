#include "rank/scoring.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"
#include "rank/rank_kinds.h"

namespace dear {
namespace {

class ScoreRanker {
 public:
  ScoreRanker(const ScoringKind& kind, int64_t context, std::span<const RankRequest> requests,
              const RankOptions& options)
      : kind_(kind),
        context_(context),
        requests_(requests),
        options_(options),
        outcomes_(requests.size()),
        scores_(requests.size()),
        shortened_(requests.size()) {
    for (const RankRequest& request : requests)
      passages_ += static_cast<int64_t>(request.passages.size());
    // Calls of one size, rather than full ones and a small rest.
    const int64_t calls = (passages_ + kPassagesPerCall - 1) / kPassagesPerCall;
    per_call_ = calls > 0 ? (passages_ + calls - 1) / calls : 1;
  }

  std::vector<RankOutcome> Rank() {
    for (size_t i = 0; i < requests_.size(); ++i) {
      Guarded(i, [&] { Build(i); });
    }
    Flush();
    for (size_t i = 0; i < requests_.size(); ++i) {
      Guarded(i, [&] { Finish(i); });
    }
    return std::move(outcomes_);
  }

 private:
  // What fails costs its own request alone; a cancellation ends everything.
  template <typename Work>
  void Guarded(size_t request, Work work) {
    if (outcomes_[request].error) return;
    try {
      work();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      outcomes_[request].error = error;
    }
  }

  void Build(size_t request) {
    const RankRequest& from = requests_[request];
    if (from.passages.empty()) return;
    const std::unique_ptr<ScoringQuery> query = kind_.Open(from);
    for (const Passage& passage : from.passages) {
      ScoringPrompt prompt = query->Build(passage);
      shortened_[request] += prompt.shortened ? 1 : 0;
      prompts_.push_back(std::move(prompt));
      owners_.push_back(request);
      if (static_cast<int64_t>(prompts_.size()) == per_call_) Flush();
      if (outcomes_[request].error) return;
    }
  }

  // Scores the prompts that were gathered; those of a request that failed since are dropped.
  void Flush() {
    std::vector<ScoringPrompt> prompts = std::exchange(prompts_, {});
    const std::vector<size_t> owners = std::exchange(owners_, {});
    std::vector<ScoringPrompt> live;
    std::vector<size_t> owners_of_live;
    for (size_t i = 0; i < prompts.size(); ++i) {
      if (outcomes_[owners[i]].error) continue;
      live.push_back(std::move(prompts[i]));
      owners_of_live.push_back(owners[i]);
    }
    if (!live.empty()) Ask(live, owners_of_live);
    done_ += static_cast<int64_t>(prompts.size());
    if (options_.progress && !prompts.empty()) options_.progress("passages", done_, passages_);
  }

  // One call of the model. Where it fails over several requests, each is asked alone.
  void Ask(std::span<ScoringPrompt> prompts, std::span<const size_t> owners) {
    Usage usage;
    std::vector<float> scores;
    try {
      scores = kind_.Score(prompts, &usage);
      if (scores.size() != prompts.size())
        throw Error(ErrorCode::kInternal, "scoring", "the model did not score every prompt");
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) throw;
      if (owners.front() == owners.back()) {
        outcomes_[owners.front()].error = error;
        return;
      }
      ForEachRequest(owners, [&](size_t begin, size_t count) {
        Ask(prompts.subspan(begin, count), owners.subspan(begin, count));
      });
      return;
    }
    if (options_.on_call) options_.on_call({static_cast<int64_t>(prompts.size()), usage});
    int64_t all_tokens = 0;
    for (const ScoringPrompt& prompt : prompts) all_tokens += kind_.Tokens(prompt);
    ForEachRequest(owners, [&](size_t begin, size_t count) {
      const size_t request = owners[begin];
      const auto own = prompts.subspan(begin, count);
      std::copy_n(scores.begin() + static_cast<int64_t>(begin), count,
                  std::back_inserter(scores_[request]));
      Take(own, Share(own, all_tokens, usage), &outcomes_[request].result);
    });
  }

  // Prompts of a request stand together.
  template <typename Work>
  static void ForEachRequest(std::span<const size_t> owners, Work work) {
    for (size_t begin = 0; begin < owners.size();) {
      size_t end = begin;
      while (end < owners.size() && owners[end] == owners[begin]) ++end;
      work(begin, end - begin);
      begin = end;
    }
  }

  // A request's part of a call: tokens are its own, those that were not computed and the time go
  // by tokens, and the passes of the model count for all that took part.
  Usage Share(std::span<const ScoringPrompt> own, int64_t all_tokens, const Usage& usage) const {
    int64_t tokens = 0;
    for (const ScoringPrompt& prompt : own) tokens += kind_.Tokens(prompt);
    const double part = static_cast<double>(tokens) / static_cast<double>(all_tokens);
    Usage share = usage;
    share.prompt_tokens = tokens;
    share.shared_tokens = static_cast<int64_t>(static_cast<double>(usage.shared_tokens) * part);
    share.cached_tokens = static_cast<int64_t>(static_cast<double>(usage.cached_tokens) * part);
    share.prefill_seconds *= part;
    return share;
  }

  void Take(std::span<ScoringPrompt> prompts, const Usage& usage, RankResult* result) const {
    result->usage += usage;
    if (!options_.trace) return;
    RankTrace& trace = result->trace;
    for (ScoringPrompt& prompt : prompts) {
      trace.prompts.push_back(std::move(prompt.text));
      trace.prompt_ids.push_back(std::move(prompt.ids));
      trace.output_ids.emplace_back();
      trace.responses.emplace_back();
      trace.reasonings.emplace_back();
    }
    trace.calls.push_back({static_cast<int64_t>(prompts.size()), usage});
  }

  void Finish(size_t request) {
    if (requests_[request].passages.empty()) return;
    RankResult& result = outcomes_[request].result;
    result.score_kind = kind_.score_kind();
    if (shortened_[request] > 0) {
      result.notes.push_back(std::to_string(shortened_[request]) +
                             " passages were shortened to fit the model's context of " +
                             std::to_string(context_) + " tokens");
    }
    result.permutation = OrderByScore(scores_[request]);
    for (const float score : scores_[request]) result.scores.push_back(kind_.Shown(score));
  }

  const ScoringKind& kind_;
  int64_t context_;
  std::span<const RankRequest> requests_;
  const RankOptions& options_;
  std::vector<RankOutcome> outcomes_;
  std::vector<std::vector<float>> scores_;  // of each request
  std::vector<int64_t> shortened_;          // passages of each request
  std::vector<ScoringPrompt> prompts_;      // of the next call
  std::vector<size_t> owners_;              // the request of each
  int64_t passages_ = 0;
  int64_t per_call_ = 1;
  int64_t done_ = 0;
};

}  // namespace

std::vector<RankOutcome> RankByScore(const ScoringKind& kind, int64_t context,
                                     std::span<const RankRequest> requests,
                                     const RankOptions& options) {
  return ScoreRanker(kind, context, requests, options).Rank();
}

}  // namespace dear
