#ifndef DEAR_GENERATE_GENERATOR_H_
#define DEAR_GENERATE_GENERATOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/progress.h"
#include "generate/constraint.h"
#include "generate/drafter.h"
#include "generate/sampler.h"
#include "generate/stepper.h"
#include "text/tokenizer.h"

namespace dear {

enum class StopReason { kEos, kStopString, kLength, kContext };
std::string_view StopReasonName(StopReason reason);  // "eos", "stop_string", "length", "context"

struct GenerateRequest {
  std::vector<TokenId> prompt;  // not empty, at most max_positions long
  std::shared_ptr<const Adapter> adapter;
  int64_t max_new_tokens = 0;
  SamplingOptions sampling;
  std::vector<TokenId> stop_ids;  // besides the model's eos ids
  bool use_model_eos = true;
  // Generation ends when one appears in the text; it is cut off the text.
  std::vector<std::string> stop_strings;
  // Final pieces of text as they come: whole code points, never part of a stop string.
  std::function<void(std::string_view piece)> on_text;
  // Tokens are the same with and without one; where the temperature is above 0 it is not asked.
  std::shared_ptr<Drafter> drafter;
  std::shared_ptr<Constraint> constraint;  // every other token is masked
  size_t keep = 0;  // tokens of the prompt's beginning that the stepper keeps for later ones
};

struct Generated {
  std::vector<TokenId> ids;  // the stop id included, as transformers' generate returns it
  std::string text;          // special tokens skipped, stop string cut
  StopReason reason = StopReason::kLength;
  int64_t cached = 0;          // tokens of the prompt that the stepper had kept
  int64_t forward_passes = 0;  // calls of the model that this sequence took part in
  int64_t drafted = 0;         // rows of drafts that were checked in them
  int64_t accepted = 0;        // of these, tokens that the model chose itself
  MaskedProbability masked;    // by the constraint
  // Shares of the time of those calls, by tokens: they add up over the requests.
  double prefill_seconds = 0;
  double decode_seconds = 0;
};

// Continues several prompts at once, at most kMaxRunningSequences of them running; a finished one
// makes room for the next. Prompts are packed without padding, in calls of a bounded number of
// tokens. Drafts of some, single tokens of others and prompts share a call. Each answer has the
// bits that it would have alone.
// Throws kInvalidArgument (empty prompt, one longer than the context, bad sampling options),
// kCancelled between calls where `cancel` returns true, and what the model throws.
std::vector<Generated> Generate(const std::shared_ptr<const Model>& model,
                                const std::shared_ptr<ThreadPool>& pool,
                                const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::span<const GenerateRequest> requests,
                                const CancelFn& cancel = {});
std::vector<Generated> Generate(Stepper& stepper, const std::shared_ptr<const Tokenizer>& tokenizer,
                                std::span<const GenerateRequest> requests,
                                const CancelFn& cancel = {});

inline constexpr size_t kMaxRunningSequences = 16;
inline constexpr size_t kMaxPrefillTokens = 512;  // in one call of the model
// In one call of the model, of all sequences: each of their rows has logits of the whole
// vocabulary.
inline constexpr size_t kMaxDraftedTokens = 128;

}  // namespace dear

#endif  // DEAR_GENERATE_GENERATOR_H_
