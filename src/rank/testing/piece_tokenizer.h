#ifndef DEAR_RANK_TESTING_PIECE_TOKENIZER_H_
#define DEAR_RANK_TESTING_PIECE_TOKENIZER_H_

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace dear::testing {

// Cuts text from the left into the longest of its pieces: every printable ASCII character and the
// line break, and the pieces given, such as " [" or "12". <bos> is 1, <eos> is 2.
class PieceTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kBos = 1;
  static constexpr TokenId kEos = 2;
  static constexpr TokenId kFirst = 3;

  explicit PieceTokenizer(const std::vector<std::string>& pieces) {
    for (char c = ' '; c <= '~'; ++c) Add(std::string(1, c));
    Add("\n");
    for (const std::string& piece : pieces) Add(piece);
  }

  Encoding Encode(std::string_view text, const EncodeOptions& options, bool) const override {
    Encoding out;
    if (options.add_special_tokens) {
      out.ids.push_back(kBos);
      out.offsets.emplace_back(0, 0);
    }
    for (size_t at = 0; at < text.size();) {
      size_t length = std::min(longest_, text.size() - at);
      auto found = ids_.find(text.substr(at, length));
      while (found == ids_.end() && length > 1) found = ids_.find(text.substr(at, --length));
      // What it cannot write is a question mark.
      out.ids.push_back(found == ids_.end() ? ids_.find("?")->second : found->second);
      out.offsets.emplace_back(at, at + length);
      at += length;
    }
    return out;
  }
  Encoding EncodePair(std::string_view, std::string_view, const EncodeOptions&,
                      bool) const override {
    return {};
  }
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::string out;
    for (const TokenId id : ids) {
      if (id >= kFirst) {
        out += pieces_[static_cast<size_t>(id - kFirst)];
      } else if (!skip_special_tokens) {
        out += id == kBos ? "<bos>" : "<eos>";
      }
    }
    return out;
  }
  std::optional<TokenId> TokenToId(std::string_view token) const override {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  std::optional<std::string> IdToToken(TokenId id) const override {
    return Decode(std::span(&id, 1), false);
  }
  int64_t vocab_size() const override { return static_cast<int64_t>(pieces_.size()) + kFirst; }
  bool IsSpecial(TokenId id) const override { return id < kFirst; }
  std::optional<TokenId> bos_id() const override { return kBos; }
  std::optional<TokenId> eos_id() const override { return kEos; }
  std::optional<TokenId> pad_id() const override { return std::nullopt; }
  const std::string& chat_template() const override { return template_; }

 private:
  void Add(const std::string& piece) {
    if (ids_.emplace(piece, static_cast<TokenId>(pieces_.size()) + kFirst).second)
      pieces_.push_back(piece);
    longest_ = std::max(longest_, piece.size());
  }

  std::vector<std::string> pieces_;
  std::map<std::string, TokenId, std::less<>> ids_;
  size_t longest_ = 1;
  std::string template_;
};

// As the families cut "[10] > [2]": brackets alone and numbers whole (Llama 3), every digit alone
// (Llama 2, Qwen, SmolLM2), brackets joined with ">" or with a letter, characters.
inline std::vector<PieceTokenizer> RankingTokenizers() {
  std::vector<std::string> numbers = {" >", " ["};
  for (int i = 10; i < 1000; ++i) numbers.push_back(std::to_string(i));
  std::vector<std::string> joined = {"] >", "] > [", "[1", " [2"};
  for (char c = 'A'; c <= 'P'; ++c) joined.push_back(std::string("[") + c);
  return {PieceTokenizer(numbers), PieceTokenizer({" >", " [", "> "}), PieceTokenizer(joined),
          PieceTokenizer({})};
}

}  // namespace dear::testing

#endif  // DEAR_RANK_TESTING_PIECE_TOKENIZER_H_
