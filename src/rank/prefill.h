#ifndef DEAR_RANK_PREFILL_H_
#define DEAR_RANK_PREFILL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/progress.h"
#include "generate/stepper.h"
#include "rank/language_model.h"

namespace dear {

// A slot of padding behind a sequence whose head output is wanted (Step::padded_slot).
struct PaddedSlot {
  TokenId token = 0;
  int64_t position = -1;  // negative: none
};

// One sequence to run through the model once.
struct PrefillJob {
  std::vector<TokenId> tokens;  // not empty
  size_t rows_from = 0;         // head outputs are wanted from this token on
  PaddedSlot padded_slot = {};  // and from this slot, in a call of on_rows of its own
  size_t keep = 0;              // tokens of its beginning that the stepper keeps for later runs
};

// Head outputs of one call: row i belongs to token `positions[i]` of job `jobs[i]`.
struct PrefillRows {
  const HeadOutputs& outputs;
  std::vector<size_t> jobs;
  std::vector<size_t> positions;
};

// Tokens of one call of the model: enough to fill it, a bound for its workspace.
inline constexpr size_t kMaxPackedTokens = 2048;
// Head outputs of one call, in values: rows of a large vocabulary are many megabytes.
inline constexpr size_t kMaxPackedValues = size_t{1} << 24;

// How much of a job another one may compute: not what gives rows, and never all of it.
std::span<const TokenId> Shareable(const PrefillJob& job);

// Runs the jobs packed one behind the other without padding, a long one split over calls. What
// several jobs begin with is computed once (rank/shared_prefixes.h), with the same bits; beside
// those beginnings at most one sequence lives on across a call. What the stepper has kept of a
// beginning is not computed at all. `row_width` is the width of a head output. Adds to `usage`,
// where prompt_tokens are all tokens of the jobs, shared_tokens those of them that one job computed
// for another, and cached_tokens those that were kept: what is left was computed.
// Throws kCancelled between calls, and what the model throws.
void RunPrefill(Stepper& stepper, const std::shared_ptr<const Adapter>& adapter,
                std::span<const PrefillJob> jobs, int64_t row_width, Usage* usage,
                const CancelFn& cancel, const std::function<void(const PrefillRows&)>& on_rows);

}  // namespace dear

#endif  // DEAR_RANK_PREFILL_H_
