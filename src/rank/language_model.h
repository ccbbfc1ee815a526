#ifndef DEAR_RANK_LANGUAGE_MODEL_H_
#define DEAR_RANK_LANGUAGE_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/progress.h"
#include "generate/constraint.h"
#include "generate/drafter.h"
#include "text/tokenizer.h"

namespace dear {

struct Usage {
  int64_t prompt_tokens = 0;
  int64_t shared_tokens = 0;  // of the prompt tokens: computed for another prompt of the call
  int64_t cached_tokens = 0;  // of the others: kept from an earlier prompt
  int64_t completion_tokens = 0;
  int64_t forward_passes = 0;
  int64_t drafted_tokens = 0;   // rows of drafts that these passes checked
  int64_t accepted_tokens = 0;  // and kept
  double prefill_seconds = 0;
  double decode_seconds = 0;

  Usage& operator+=(const Usage& other) {
    prompt_tokens += other.prompt_tokens;
    shared_tokens += other.shared_tokens;
    cached_tokens += other.cached_tokens;
    completion_tokens += other.completion_tokens;
    forward_passes += other.forward_passes;
    drafted_tokens += other.drafted_tokens;
    accepted_tokens += other.accepted_tokens;
    prefill_seconds += other.prefill_seconds;
    decode_seconds += other.decode_seconds;
    return *this;
  }
  Usage operator-(const Usage& before) const {
    return {.prompt_tokens = prompt_tokens - before.prompt_tokens,
            .shared_tokens = shared_tokens - before.shared_tokens,
            .cached_tokens = cached_tokens - before.cached_tokens,
            .completion_tokens = completion_tokens - before.completion_tokens,
            .forward_passes = forward_passes - before.forward_passes,
            .drafted_tokens = drafted_tokens - before.drafted_tokens,
            .accepted_tokens = accepted_tokens - before.accepted_tokens,
            .prefill_seconds = prefill_seconds - before.prefill_seconds,
            .decode_seconds = decode_seconds - before.decode_seconds};
  }
};

struct ContinueRequest {
  std::vector<TokenId> prompt;
  int64_t max_new_tokens = 0;
  double temperature = 0;  // 0: greedy
  int64_t top_k = 0;       // 0: all
  double top_p = 1;
  uint64_t seed = 0;
  std::vector<std::string> stop_strings;
  std::function<void(std::string_view piece)> on_text;
  std::shared_ptr<Drafter> drafter;        // of this answer; may be null
  std::shared_ptr<Constraint> constraint;  // of this answer; null: none
};

struct Continuation {
  std::vector<TokenId> ids;
  std::string text;      // special tokens skipped
  bool stopped = false;  // at an end token, rather than at max_new_tokens
  int64_t cached = 0;    // as Usage counts them
  int64_t drafted = 0;
  int64_t accepted = 0;
  MaskedProbability masked;  // by the constraint
};

struct ContinuationScoreRequest {
  std::vector<TokenId> prompt;        // not empty
  std::vector<TokenId> continuation;  // scored after it
};

// All that ranking asks of a model (with or without an adapter). Ranking logic is tested with
// fakes of this.
class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const Tokenizer& tokenizer() const = 0;
  virtual int64_t max_positions() const = 0;  // context length in tokens
  virtual bool has_score_head() const = 0;

  virtual std::vector<Continuation> Continue(std::span<const ContinueRequest> requests,
                                             Usage* usage, const CancelFn& cancel) = 0;
  // Log-probability of each token of each continuation.
  virtual std::vector<std::vector<float>> ScoreContinuations(
      std::span<const ContinuationScoreRequest> requests, Usage* usage, const CancelFn& cancel) = 0;
  // Classification logits [labels] at position `positions[i]` of each prompt.
  virtual std::vector<std::vector<float>> Classify(std::span<const std::vector<TokenId>> prompts,
                                                   std::span<const int64_t> positions, Usage* usage,
                                                   const CancelFn& cancel) = 0;
  // The same of slot `slots` - 1 of each prompt in a batch that is padded on the right with `pad`,
  // as transformers computes it: a padded slot attends to the prompt, but to no padding. A prompt
  // of `slots` tokens or more is read at its own token there. No prompt is empty.
  virtual std::vector<std::vector<float>> ClassifyPadded(
      std::span<const std::vector<TokenId>> prompts, TokenId pad, int64_t slots, Usage* usage,
      const CancelFn& cancel) = 0;
  // Logits of `tokens` as the next token after each prompt: [tokens] a prompt.
  virtual std::vector<std::vector<float>> TokenLogits(std::span<const std::vector<TokenId>> prompts,
                                                      std::span<const TokenId> tokens, Usage* usage,
                                                      const CancelFn& cancel) = 0;
  // Next-token logits [vocab] after each prompt.
  virtual std::vector<std::vector<float>> NextTokenLogits(
      std::span<const std::vector<TokenId>> prompts, Usage* usage, const CancelFn& cancel) = 0;
};

}  // namespace dear

#endif  // DEAR_RANK_LANGUAGE_MODEL_H_
