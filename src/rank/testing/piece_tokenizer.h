#ifndef DEAR_RANK_TESTING_PIECE_TOKENIZER_H_
#define DEAR_RANK_TESTING_PIECE_TOKENIZER_H_

#include <algorithm>
#include <array>
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
      const std::string_view rest = text.substr(at);
      const std::vector<TokenId>& begun = by_first_byte_[static_cast<uint8_t>(rest[0])];
      const auto found = std::find_if(begun.begin(), begun.end(),
                                      [&](TokenId id) { return rest.starts_with(Piece(id)); });
      // What it cannot write is a question mark.
      out.ids.push_back(found == begun.end() ? by_first_byte_['?'].back() : *found);
      const size_t length = found == begun.end() ? 1 : Piece(*found).size();
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
        out += Piece(id);
      } else if (!skip_special_tokens) {
        out += id == kBos ? "<bos>" : "<eos>";
      }
    }
    return out;
  }
  std::optional<TokenId> TokenToId(std::string_view token) const override {
    const auto found = std::find(pieces_.begin(), pieces_.end(), token);
    if (found == pieces_.end()) return std::nullopt;
    return static_cast<TokenId>(found - pieces_.begin()) + kFirst;
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
  const std::string& Piece(TokenId id) const { return pieces_[static_cast<size_t>(id - kFirst)]; }
  void Add(const std::string& piece) {
    if (TokenToId(piece)) return;
    const TokenId id = static_cast<TokenId>(pieces_.size()) + kFirst;
    pieces_.push_back(piece);
    std::vector<TokenId>& begun = by_first_byte_[static_cast<uint8_t>(piece[0])];
    begun.insert(std::find_if(begun.begin(), begun.end(),
                              [&](TokenId other) { return Piece(other).size() < piece.size(); }),
                 id);
  }

  std::vector<std::string> pieces_;
  std::array<std::vector<TokenId>, 256> by_first_byte_;  // the longest first
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
