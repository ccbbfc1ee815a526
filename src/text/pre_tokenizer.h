#ifndef DEAR_TEXT_PRE_TOKENIZER_H_
#define DEAR_TEXT_PRE_TOKENIZER_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/aligned_text.h"

namespace dear {

// A word: a piece of one of the texts of a PreTokenized.
struct Word {
  const AlignedText* source;
  uint32_t begin;
  uint32_t end;

  std::string_view text() const {
    return std::string_view(source->text).substr(begin, end - begin);
  }
};

// A text cut into words; the steps of a pre-tokeniser cut further or rewrite.
struct PreTokenized {
  std::deque<AlignedText> texts;  // what the words point into; never moved
  std::vector<Word> words;        // none is empty
};

// Cuts a text into the words that the model then sees one by one. Immutable.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void Apply(PreTokenized& text) const = 0;

  // What a pipeline has to know of it.
  struct Traits {
    bool ends_in_byte_level = false;  // the last step maps bytes to characters
    bool needs_tracking = false;      // asks where a word stood in the original text
  };
  virtual Traits traits() const = 0;
};

// The `pre_tokenizer` of a tokenizer.json. Where it ends in ByteLevel and `words_as_bytes` is set,
// the words are left as plain bytes: the model then reads its vocabulary through the byte map.
// Throws Error that names the type or field.
std::unique_ptr<const PreTokenizer> ParsePreTokenizer(const Json& json, bool words_as_bytes,
                                                      const std::string& context);

}  // namespace dear

#endif  // DEAR_TEXT_PRE_TOKENIZER_H_
