#ifndef DEAR_TEXT_ADDED_TOKENS_H_
#define DEAR_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "text/normalizer.h"
#include "text/vocab.h"

namespace dear {

// A token that is cut out of the text before anything else looks at it.
struct AddedToken {
  std::string content;
  bool special = false;      // left out of decoded text where asked for
  bool normalized = true;    // looked for in the normalised text, else in the raw one
  bool lstrip = false;       // takes the spaces before it along
  bool rstrip = false;       // and those behind it
  bool single_word = false;  // not inside a word
  std::string shown;         // what decodes: the content, normalised where it is looked for so
};

// A piece of text, or the added token that it is.
struct AddedTokenSplit {
  size_t begin = 0;
  size_t end = 0;
  TokenId id = -1;  // -1: text
};

// The added tokens of a tokenizer (tokenizers' AddedVocabulary). Built once, then read only.
class AddedTokens {
 public:
  // Longer ones are refused: the search looks that far ahead at every character.
  static constexpr size_t kMaxTokenBytes = 1024;

  // Gives `token` its id: that of the vocabulary, else the next free one. An empty token is
  // ignored. Throws Error kUnsupported for one that is too long.
  void Add(const AddedToken& token, const Vocab& vocab, const std::string& context);
  // Builds the searches; after the last Add.
  void Build(const Normalizer* normalizer, const std::string& context);

  // Appends splits that cover all of `text`.
  void SplitRaw(std::string_view text, std::vector<AddedTokenSplit>& out) const;
  void SplitNormalized(std::string_view text, std::vector<AddedTokenSplit>& out) const;

  const AddedToken* Find(TokenId id) const;
  std::optional<TokenId> IdOf(std::string_view content) const;
  bool IsSpecial(std::string_view content) const {
    return special_.count(std::string(content)) != 0;
  }
  // Whether this very token was given, flags and all.
  bool HasJust(const AddedToken& token) const;
  bool empty() const { return tokens_.empty(); }
  TokenId end_id() const { return end_id_; }

 private:
  // The longest of a set of strings at a place, by a trie.
  class Matcher {
   public:
    void Add(std::string_view text, TokenId id);
    // Whether anything can begin with `byte`.
    bool MayBegin(uint8_t byte) const { return first_[byte] != 0; }
    // Id and end of the longest string that begins at `begin`; -1 where none does.
    std::pair<TokenId, size_t> LongestAt(std::string_view text, size_t begin) const;
    bool empty() const { return nodes_.empty(); }

   private:
    struct Node {
      uint32_t child = 0;    // first child, 0: none
      uint32_t sibling = 0;  // next child of the same parent
      TokenId id = -1;
      uint8_t byte = 0;
    };
    std::vector<Node> nodes_;  // [0] is a dummy
    uint32_t first_[256] = {};
  };
  void Split(const Matcher& matcher, std::string_view text,
             std::vector<AddedTokenSplit>& out) const;

  std::vector<AddedToken> tokens_;  // as given
  std::unordered_map<std::string, TokenId> id_of_;
  std::unordered_map<TokenId, size_t> token_of_id_;
  std::unordered_set<std::string> special_;
  TokenId max_id_ = -1;
  TokenId end_id_ = 0;
  Matcher raw_;
  Matcher normalized_;
};

}  // namespace dear

#endif  // DEAR_TEXT_ADDED_TOKENS_H_
