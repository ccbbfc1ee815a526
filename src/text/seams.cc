#include "text/seams.h"

#include <algorithm>
#include <bit>

#include "text/hash.h"
#include "text/unicode.h"

namespace dear {

void Seams::Reserve(size_t num_tokens) {
  const size_t num_bits =
      std::clamp(std::bit_ceil(num_tokens * 16), size_t{1} << 12, size_t{1} << 23);
  bits_.assign(num_bits / 64, 0);
  mask_ = num_bits - 1;
}

uint64_t Seams::BitOf(char32_t left, char32_t right) const {
  return MixBits(uint64_t{left} << 32 | right) & mask_;
}

void Seams::AddToken(std::string_view token) {
  if (token.empty()) return;
  size_t pos = 0;
  char32_t left = DecodeUtf8(token, pos);
  while (pos < token.size()) {
    const char32_t right = DecodeUtf8(token, pos);
    if ((left | right) < kAscii) {
      ascii_[left * kAscii + right] = true;
    } else {
      const uint64_t bit = BitOf(left, right);
      bits_[bit / 64] |= uint64_t{1} << (bit % 64);
    }
    left = right;
  }
}

size_t Seams::EndOfPart(std::string_view text, size_t begin) const {
  size_t pos = begin;
  char32_t left = DecodeUtf8(text, pos);
  while (pos < text.size()) {
    size_t next = pos;
    const char32_t right = DecodeUtf8(text, next);
    if (!MayJoin(left, right)) return pos;
    left = right;
    pos = next;
  }
  return pos;
}

}  // namespace dear
