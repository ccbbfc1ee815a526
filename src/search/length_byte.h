#ifndef DEAR_SEARCH_LENGTH_BYTE_H_
#define DEAR_SEARCH_LENGTH_BYTE_H_

#include <bit>
#include <cstdint>

namespace dear {

// The length of a document in a byte, as Lucene's SmallFloat.intToByte4 has it: exact below 40,
// four significant bits beyond. Lengths that differ by little are the same to the score.
constexpr uint32_t kExactLengths = 24;

// A number as its four highest bits and how far they are shifted.
constexpr uint32_t ShortenedBits(uint32_t value) {
  const int bits = std::bit_width(value);
  if (bits < 4) return value;
  const auto shift = static_cast<uint32_t>(bits - 4);
  return ((value >> shift) & 7) | (shift + 1) << 3;
}

constexpr uint8_t LengthByte(uint32_t length) {
  return static_cast<uint8_t>(
      length < kExactLengths ? length : kExactLengths + ShortenedBits(length - kExactLengths));
}

// The least length with this byte.
constexpr uint64_t LengthOfByte(uint8_t byte) {
  if (byte < kExactLengths) return byte;
  const uint32_t short_form = byte - kExactLengths;
  const uint32_t exponent = short_form >> 3;
  if (exponent == 0) return kExactLengths + short_form;
  return kExactLengths + (uint64_t{(short_form & 7U) | 8U} << (exponent - 1));
}

}  // namespace dear

#endif  // DEAR_SEARCH_LENGTH_BYTE_H_
