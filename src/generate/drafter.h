#ifndef DEAR_GENERATE_DRAFTER_H_
#define DEAR_GENERATE_DRAFTER_H_

#include <cstddef>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

// What a draft was made from: how often drafts were kept is counted apart.
enum class DraftSource {
  kForm,        // the form that the answer has to have
  kRepetition,  // what was written before
};
inline constexpr size_t kDraftSources = 2;

// Guesses how a greedy answer goes on. All tokens of a guess are checked in one call of the model,
// and only those that it would have written one by one are kept, so a guess changes the number of
// calls and nothing else (Leviathan et al. 2023, speculative decoding, with its greedy rule). One
// object serves one answer.
class Drafter {
 public:
  using Logits = std::span<const float>;

  virtual ~Drafter() = default;

  // At most `limit` tokens after `written`, the answer so far; none where nothing is known. Asked
  // before every call of the model that gives logits, the one that ends the prompt included.
  virtual std::vector<TokenId> Draft(std::span<const TokenId> written, size_t limit) = 0;

  // What the last draft was made from.
  virtual DraftSource source() const { return DraftSource::kForm; }

  // What that call said: rows[i] are the logits of the token after the first i tokens of the
  // draft, of which the model chose `accepted` itself. Later rows follow what it did not write.
  virtual void Learn(std::span<const Logits> rows, size_t accepted) {
    (void)rows;
    (void)accepted;
  }
};

}  // namespace dear

#endif  // DEAR_GENERATE_DRAFTER_H_
