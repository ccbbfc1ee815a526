#ifndef DEAR_TEXT_VOCAB_H_
#define DEAR_TEXT_VOCAB_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

using TokenId = int32_t;

// Token strings and their ids, both ways. Built once, then read only.
class Vocab {
 public:
  // Ids beyond this are refused: one hostile number must not make a table of gigabytes.
  static constexpr TokenId kMaxId = 1 << 24;

  void Reserve(size_t num_tokens, size_t num_bytes);
  // A token given twice keeps the last id, an id given twice the last token.
  // Throws Error kInvalidFormat (`context` is put before it) for an id that is out of range.
  void Add(std::string_view token, int64_t id, const std::string& context);

  std::optional<TokenId> Find(std::string_view token) const;
  // Empty view with nullptr data where no token has the id.
  std::string_view TokenOf(TokenId id) const;
  bool Has(TokenId id) const { return TokenOf(id).data() != nullptr; }

  size_t size() const { return num_tokens_; }                                   // distinct tokens
  TokenId end_id() const { return static_cast<TokenId>(token_of_id_.size()); }  // largest id + 1

 private:
  struct Entry {
    uint32_t offset;
    uint32_t length;
    TokenId id;
  };
  std::string_view View(const Entry& entry) const {
    return {bytes_.data() + entry.offset, entry.length};
  }
  size_t Probe(std::string_view token) const;  // slot of `token`, or the empty one for it
  void Grow(size_t num_slots);

  std::string bytes_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;        // index into entries_ + 1; 0: empty; a power of two
  std::vector<uint32_t> token_of_id_;  // index into entries_ + 1; 0: none
  size_t num_tokens_ = 0;
};

}  // namespace dear

#endif  // DEAR_TEXT_VOCAB_H_
