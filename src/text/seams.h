#ifndef DEAR_TEXT_SEAMS_H_
#define DEAR_TEXT_SEAMS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace dear {

// Places in a text that no token reaches across: between two characters that stand side by side in
// no token that merges can make. A text may be cut there and its parts merged one by one, for the
// same ids. What makes vocabularies without a pre-tokeniser fast: nearly all spaces are seams.
class Seams {
 public:
  // For about `num_tokens` tokens.
  void Reserve(size_t num_tokens);
  // A token that merges can make: none of its insides is a seam. Valid UTF-8.
  void AddToken(std::string_view token);

  // End of the part of `text` that begins at `begin`: the next seam, or the end.
  size_t EndOfPart(std::string_view text, size_t begin) const;

 private:
  bool MayJoin(char32_t left, char32_t right) const {
    if ((left | right) < kAscii) return ascii_[left * kAscii + right];
    const uint64_t bit = BitOf(left, right);
    return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
  }
  uint64_t BitOf(char32_t left, char32_t right) const;

  static constexpr char32_t kAscii = 128;
  std::bitset<size_t{kAscii} * kAscii> ascii_;
  // Other pairs by their hash: two that share a bit cost a seam, never an id.
  std::vector<uint64_t> bits_;
  uint64_t mask_ = 0;
};

}  // namespace dear

#endif  // DEAR_TEXT_SEAMS_H_
