#ifndef DEAR_TEXT_UNICODE_H_
#define DEAR_TEXT_UNICODE_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace dear {

// U+FFFD
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

// `text` with every maximal broken part replaced by U+FFFD, as Python's bytes.decode("utf-8",
// "replace"). Returns `text` itself where it is valid, else a view of `storage`.
std::string_view ValidUtf8(std::string_view text, std::string& storage);
bool IsValidUtf8(std::string_view text);

// Bytes at the start of `text` that form one whole code point; 0 where they form none. With
// `broken`, the length of the maximal part that is to be replaced, and whether more bytes could
// still complete it.
struct Utf8Step {
  uint8_t length = 0;  // at least 1 for a text that is not empty
  bool valid = false;
  bool truncated = false;  // the text ends inside a code point
};
Utf8Step NextUtf8(std::string_view text);

// The next code point of valid UTF-8; `pos` < text.size() is moved behind it.
inline char32_t DecodeUtf8(std::string_view text, size_t& pos) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<uint8_t>(text[i])); };
  const char32_t lead = byte(pos);
  if (lead < 0x80) {
    pos += 1;
    return lead;
  }
  if (lead < 0xE0) {
    pos += 2;
    return (lead & 0x1F) << 6 | (byte(pos - 1) & 0x3F);
  }
  if (lead < 0xF0) {
    pos += 3;
    return (lead & 0x0F) << 12 | (byte(pos - 2) & 0x3F) << 6 | (byte(pos - 1) & 0x3F);
  }
  pos += 4;
  return (lead & 0x07) << 18 | (byte(pos - 3) & 0x3F) << 12 | (byte(pos - 2) & 0x3F) << 6 |
         (byte(pos - 1) & 0x3F);
}
// The code point that ends before `pos` > 0, which is moved to its first byte.
char32_t DecodeUtf8Backward(std::string_view text, size_t& pos);
void AppendUtf8(char32_t code_point, std::string& out);
inline size_t Utf8Length(char32_t c) {
  return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}
inline bool IsUtf8Continuation(char byte) {
  return (static_cast<uint8_t>(byte) & 0xC0) == 0x80;
}

// Classes of unicode_tables.h, one bit each.
enum CharClass : uint8_t {
  kClassLetter = 1,
  kClassNumber = 2,
  kClassSpace = 4,
  kClassWord = 8,
  kClassPlainWord = 16,
  kClassNumeric = 32,
  kClassPunctuation = 64,
};
// Bits of CharClass; `code_point` below 0x110000.
class CharClasses {
 public:
  static const CharClasses& Get();
  uint8_t operator[](char32_t code_point) const {
    return blocks_[index_[code_point >> 8]][code_point & 0xFF];
  }

 private:
  CharClasses();
  struct Block {
    uint8_t flags[256];
    uint8_t operator[](size_t i) const { return flags[i]; }
    bool operator==(const Block&) const = default;
  };
  uint8_t index_[0x1100];
  Block blocks_[256];
};

}  // namespace dear

#endif  // DEAR_TEXT_UNICODE_H_
