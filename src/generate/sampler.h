#ifndef DEAR_GENERATE_SAMPLER_H_
#define DEAR_GENERATE_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "generate/random.h"
#include "text/tokenizer.h"

namespace dear {

struct SamplingOptions {
  // 0 means greedy: the largest logit, the lowest id among equals, as torch.argmax.
  double temperature = 0;
  // Only this many of the likeliest tokens are drawn from; 0: all. Applied before top_p, as in
  // transformers (whose own default for sampling is 50).
  int64_t top_k = 0;
  // The smallest set of likeliest tokens whose probabilities sum to at least this is drawn from.
  double top_p = 1;
  uint64_t seed = 0;
  // Logits of tokens already seen (prompt included) are divided by this where positive and
  // multiplied where negative, greedy or not, as transformers' RepetitionPenaltyLogitsProcessor.
  double repetition_penalty = 1;
};

// The index of the largest value, the lowest among equals. `logits` is not empty.
TokenId ArgMax(std::span<const float> logits);

// Chooses the next token of one sequence. One draw a token, from a generator of its own, summed in
// double in a fixed order: the same logits and seed give the same tokens on every machine and
// whatever else is in the batch.
class Sampler {
 public:
  // Throws kInvalidArgument for a temperature or top_k below 0, a top_p outside (0, 1], a penalty
  // not above 0.
  explicit Sampler(const SamplingOptions& options);

  // `history` is the prompt and what was generated after it. Throws kInvalidFormat where no logit
  // is finite.
  TokenId Next(std::span<const float> logits, std::span<const TokenId> history);

 private:
  TokenId Draw(std::span<const float> logits);

  SamplingOptions options_;
  Random random_;
  std::vector<float> penalized_;
  std::vector<double> weights_;
  std::vector<TokenId> heap_;
};

// e^x for x <= 0, by multiplications and additions alone: libm's own differs in the last bit from
// machine to machine. Within 2 units in the last place.
double PortableExp(double x);

}  // namespace dear

#endif  // DEAR_GENERATE_SAMPLER_H_
