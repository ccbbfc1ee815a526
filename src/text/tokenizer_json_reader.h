#ifndef DEAR_TEXT_TOKENIZER_JSON_READER_H_
#define DEAR_TEXT_TOKENIZER_JSON_READER_H_

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/bpe.h"
#include "text/vocab.h"

namespace dear {

// A tokenizer.json as read: the vocabulary and the merges, which are nearly all of it, go straight
// into tables of their own; the rest is a document.
struct TokenizerJson {
  Json document;  // without model.vocab (where it is an object) and model.merges
  Vocab vocab;
  bool has_vocab = false;
  bool has_merges = false;

  std::vector<BpeModel::MergePair> Merges(const std::string& context) const;

  // The merges one after the other, each part (or the whole "a b") with its end in the text.
  std::string merge_text;
  std::vector<uint32_t> merge_ends;
  bool merges_are_pairs = false;
};

// Throws Error kInvalidFormat that names the field.
TokenizerJson ReadTokenizerJson(std::string_view text, const std::string& context);

}  // namespace dear

#endif  // DEAR_TEXT_TOKENIZER_JSON_READER_H_
