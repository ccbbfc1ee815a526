#ifndef DEAR_TEXT_BPE_H_
#define DEAR_TEXT_BPE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe_merge.h"
#include "text/merge_table.h"
#include "text/seams.h"
#include "text/vocab.h"

namespace dear {

// Byte pair encoding as the `BPE` model of tokenizers (models/bpe): characters become symbols, then
// the pair of lowest rank (the leftmost of equals) is merged until none is left.
class BpeModel {
 public:
  struct Options {
    std::optional<std::string> unk_token;
    bool fuse_unk = false;
    bool byte_fallback = false;
    bool ignore_merges = false;
    std::string continuing_subword_prefix;
    std::string end_of_word_suffix;
  };
  struct MergePair {
    std::string_view left;
    std::string_view right;
    uint32_t rank;  // that of a tokenizer.json is its place in the list
  };

  // Throws Error kInvalidFormat, naming `context` and the merge, where a part or the product of a
  // merge is not in the vocabulary.
  BpeModel(Vocab vocab, const std::vector<MergePair>& merges, Options options, std::string context);

  // From now on words are plain bytes and the vocabulary is read through GPT-2's byte map. Only
  // where the pre-tokeniser ends in ByteLevel. False (and nothing changes) where the options need
  // the mapped characters themselves.
  bool UseBytes();
  bool uses_bytes() const { return uses_bytes_; }

  // Where `word` may be cut without a change of ids: the end of the part that begins at `begin`.
  size_t EndOfPart(std::string_view word, size_t begin) const {
    return seams_ ? seams_->EndOfPart(word, begin) : word.size();
  }

  // Appends the symbols of `word`, which is valid UTF-8 (any bytes with UseBytes).
  // O(n log n) for a word of n bytes.
  void Encode(std::string_view word, std::vector<Symbol>& out) const;

  const Vocab& vocab() const { return vocab_; }
  const Options& options() const { return options_; }

 private:
  static constexpr TokenId kNone = -1;
  // Of each id: whether it is part of a merge, and whether one gives it.
  void FindSeams(const std::vector<bool>& is_part, const std::vector<bool>& is_product);
  void Split(std::string_view word, std::vector<Symbol>& out) const;
  void SplitBytes(std::string_view word, std::vector<Symbol>& out) const;
  TokenId UnknownId() const;

  Vocab vocab_;
  MergeTable merges_;
  std::optional<Seams> seams_;  // where words may be cut
  Options options_;
  std::string context_;
  bool uses_bytes_ = false;
  std::array<TokenId, 256> byte_ids_{};      // of the characters of GPT-2's byte map
  std::array<TokenId, 256> fallback_ids_{};  // of <0x00> to <0xFF>
  Vocab whole_words_;                        // tokens as plain bytes, for ignore_merges
};

}  // namespace dear

#endif  // DEAR_TEXT_BPE_H_
