#ifndef DEAR_EVAL_COLUMNS_H_
#define DEAR_EVAL_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace dear::eval {

// What separates columns, as isspace() of the C locale sees it and as trec_eval does.
inline bool IsBlank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// The end of the line that begins at `begin`: its newline, or the end of the text.
inline const char* LineEnd(const char* begin, const char* end) {
  const void* found = std::memchr(begin, '\n', static_cast<size_t>(end - begin));
  return found != nullptr ? static_cast<const char*>(found) : end;
}

// Takes the next column off [*at, end), where `end` is the end of the line; empty when there is
// none left.
inline std::string_view NextColumn(const char** at, const char* end) {
  const char* p = *at;
  while (p < end && IsBlank(*p)) ++p;
  const char* begin = p;
  while (p < end && !IsBlank(*p)) ++p;
  *at = p;
  return {begin, static_cast<size_t>(p - begin)};
}

// "FILE:LINE" for an error about the line that holds `at`. Counts lines from the start: errors may
// be slow.
std::string LineContext(const std::string& name, std::string_view text, const char* at);

// A column as it may be shown in an error: cut, and without control characters.
std::string Shown(std::string_view column);

// A hash of an identifier, for the tables of this floor; the same on every machine.
inline uint64_t HashId(std::string_view id) {
  constexpr uint64_t kMultiplier = 0x9E3779B97F4A7C15ULL;
  uint64_t h = id.size() * kMultiplier;
  const char* p = id.data();
  size_t left = id.size();
  while (left >= 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    h = (h ^ word) * kMultiplier;
    h ^= h >> 32;
    p += 8;
    left -= 8;
  }
  if (left > 0) {
    uint64_t word = 0;
    std::memcpy(&word, p, left);
    h = (h ^ word) * kMultiplier;
    h ^= h >> 32;
  }
  h *= kMultiplier;
  return h ^ (h >> 29);
}

}  // namespace dear::eval

#endif  // DEAR_EVAL_COLUMNS_H_
