#ifndef DEAR_RANK_CONTINUATION_ENCODER_H_
#define DEAR_RANK_CONTINUATION_ENCODER_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace dear {

// Tokens with which a text goes on after tokens that stand already: as the tokenizer cuts the text
// in its place, so that a blank, a bracket and an id are joined as they would be in running text.
class ContinuationEncoder {
 public:
  // `tokenizer` outlives it.
  ContinuationEncoder(const Tokenizer& tokenizer, std::span<const TokenId> prompt);

  struct Tokens {
    std::vector<TokenId> ids;
    // [begin, end) of each in code points of the text; a blank at the edges of a token may be left
    // out.
    std::vector<std::pair<int64_t, int64_t>> offsets;
  };
  // `text` after the prompt and `written`. Where the tokenizer would join its beginning with what
  // stands there, the text is cut on its own; absent where that reads differently.
  std::optional<Tokens> Encode(std::span<const TokenId> written, std::string_view text) const;

 private:
  const Tokenizer& tokenizer_;
  std::vector<TokenId> prompt_end_;
};

}  // namespace dear

#endif  // DEAR_RANK_CONTINUATION_ENCODER_H_
