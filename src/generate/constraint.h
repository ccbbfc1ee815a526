#ifndef DEAR_GENERATE_CONSTRAINT_H_
#define DEAR_GENERATE_CONSTRAINT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

// Says which tokens an answer may go on with. One object serves one answer.
class Constraint {
 public:
  virtual ~Constraint() = default;

  // The tokens that may follow `written`, the answer so far, each once; none where the answer is
  // whole and may only end. Absent: any token may follow.
  virtual std::optional<std::vector<TokenId>> Allowed(std::span<const TokenId> written) = 0;
};

// The probability that a model gave to tokens that a constraint masked.
struct MaskedProbability {
  double sum = 0;
  double max = 0;
  int64_t tokens = 0;  // that were chosen under the constraint

  double mean() const { return tokens == 0 ? 0 : sum / static_cast<double>(tokens); }
  MaskedProbability& operator+=(const MaskedProbability& other) {
    sum += other.sum;
    max = max > other.max ? max : other.max;
    tokens += other.tokens;
    return *this;
  }
};

}  // namespace dear

#endif  // DEAR_GENERATE_CONSTRAINT_H_
