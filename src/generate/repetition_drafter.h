#ifndef DEAR_GENERATE_REPETITION_DRAFTER_H_
#define DEAR_GENERATE_REPETITION_DRAFTER_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "generate/drafter.h"

namespace dear {

// Drafts what followed the newest tokens where they stood before, in the prompt or in the answer
// (prompt lookup decoding, Saxena 2023): text about passages quotes them. Of several places the one
// with the longest match is taken, up to kLongest tokens, and of these the last one.
class RepetitionDrafter final : public Drafter {
 public:
  static constexpr size_t kLongest = 4;
  static constexpr size_t kShortest = 2;

  explicit RepetitionDrafter(std::span<const TokenId> prompt);

  std::vector<TokenId> Draft(std::span<const TokenId> written, size_t limit) override;
  DraftSource source() const override { return DraftSource::kRepetition; }

 private:
  void Append(TokenId token);
  // The `length` tokens before `end`.
  std::span<const TokenId> Before(size_t end, size_t length) const {
    return std::span(tokens_).subspan(end - length, length);
  }

  size_t prompt_size_;
  std::vector<TokenId> tokens_;  // prompt and answer
  // By length and hash of some tokens, the place behind their last occurrence that something
  // follows.
  std::unordered_map<uint64_t, size_t> places_[kLongest + 1];
};

}  // namespace dear

#endif  // DEAR_GENERATE_REPETITION_DRAFTER_H_
