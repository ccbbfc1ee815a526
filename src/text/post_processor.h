#ifndef DEAR_TEXT_POST_PROCESSOR_H_
#define DEAR_TEXT_POST_PROCESSOR_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/json.h"
#include "text/tokenizer.h"

namespace dear {

// What is put around the tokens of a text or a pair: BOS, separators, type ids.
struct PostProcessor {
  struct Piece {
    enum class Kind { kFirst, kSecond, kSpecial } kind = Kind::kFirst;
    std::vector<TokenId> ids;  // of a special token
    uint8_t type_id = 0;
  };
  // Without templates a pair is one text after the other, with type ids 0 and 1.
  bool has_template = false;
  std::vector<Piece> single;
  std::vector<Piece> pair;

  // ByteLevel: offsets leave out the spaces at both ends of a token.
  bool trim_offsets = false;
  bool trim_keeps_prefix_space = false;  // a lone space that was put before the first token

  int64_t NumAdded(bool is_pair) const;
  // `second` is null for a single text.
  Encoding Assemble(Encoding first, const Encoding* second, bool add_special_tokens,
                    bool with_offsets) const;
};

// The `post_processor` of a tokenizer.json. Throws Error that names the type or field.
PostProcessor ParsePostProcessor(const Json& json, const std::string& context);

// tokenizers' truncate_encodings with direction Right and strategy LongestFirst: `max_length` is
// what may be left of both together.
void TruncateLongestFirst(Encoding& first, Encoding* second, size_t max_length);

}  // namespace dear

#endif  // DEAR_TEXT_POST_PROCESSOR_H_
