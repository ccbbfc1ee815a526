#ifndef DEAR_TEXT_HASH_H_
#define DEAR_TEXT_HASH_H_

#include <cstdint>
#include <cstring>
#include <string_view>

namespace dear {

inline uint64_t MixBits(uint64_t x) {
  // The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
  x ^= x >> 30;
  x *= 0xBF58476D1CE4E5B9ULL;
  x ^= x >> 27;
  x *= 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// For tables in memory; not the same on machines of another byte order.
inline uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = 0x9E3779B97F4A7C15ULL ^ (bytes.size() * 0xFF51AFD7ED558CCDULL);
  const char* p = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; p += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    hash = (hash ^ word) * 0x9FB21C651E98DF25ULL;
    hash ^= hash >> 32;
  }
  if (left != 0) {
    uint64_t word = 0;
    std::memcpy(&word, p, left);
    hash = (hash ^ word) * 0x9FB21C651E98DF25ULL;
  }
  return MixBits(hash);
}

}  // namespace dear

#endif  // DEAR_TEXT_HASH_H_
