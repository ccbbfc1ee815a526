#include "text/unicode.h"

#include <cstring>
#include <span>
#include <vector>

#include "base/error.h"
#include "text/unicode_tables.h"

namespace dear {
namespace {

size_t AsciiPrefix(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if ((word & 0x8080808080808080ULL) != 0) break;
  }
  while (i < text.size() && static_cast<uint8_t>(text[i]) < 0x80) ++i;
  return i;
}

size_t ValidPrefix(std::string_view text) {
  size_t i = 0;
  while (true) {
    i += AsciiPrefix(text.substr(i));
    if (i == text.size()) return i;
    const Utf8Step step = NextUtf8(text.substr(i));
    if (!step.valid) return i;
    i += step.length;
  }
}

}  // namespace

Utf8Step NextUtf8(std::string_view text) {
  if (text.empty()) return {};
  const auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {1, true, false};
  // The first continuation byte has a narrower range after some leads (Unicode 15, table 3-7):
  // no overlong forms, no surrogates, nothing past U+10FFFF.
  int more = 0;
  uint8_t low = 0x80;
  uint8_t high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false, false};
  }
  uint8_t length = 1;
  for (int i = 0; i < more; ++i) {
    if (length == text.size()) return {length, false, true};
    const auto byte = static_cast<uint8_t>(text[length]);
    if (byte < low || byte > high) return {length, false, false};
    low = 0x80;
    high = 0xBF;
    ++length;
  }
  return {length, true, false};
}

bool IsValidUtf8(std::string_view text) {
  return ValidPrefix(text) == text.size();
}

std::string_view ValidUtf8(std::string_view text, std::string& storage) {
  size_t valid = ValidPrefix(text);
  if (valid == text.size()) return text;
  storage.clear();
  storage.reserve(text.size() + 16);
  while (true) {
    storage.append(text.substr(0, valid));
    text.remove_prefix(valid);
    if (text.empty()) return storage;
    text.remove_prefix(NextUtf8(text).length);
    storage.append(kReplacementCharacter);
    valid = ValidPrefix(text);
  }
}

char32_t DecodeUtf8Backward(std::string_view text, size_t& pos) {
  do {
    --pos;
  } while (pos > 0 && IsUtf8Continuation(text[pos]));
  size_t forward = pos;
  return DecodeUtf8(text, forward);
}

void AppendUtf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | c >> 12));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | c >> 18));
    out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

CharClasses::CharClasses() {
  std::vector<Block> all(0x1100, Block{});
  const auto mark = [&](std::span<const CodePointRange> ranges, uint8_t flag) {
    for (const auto& range : ranges) {
      for (char32_t c = range.first; c <= range.last; ++c) all[c >> 8].flags[c & 0xFF] |= flag;
    }
  };
  mark(unicode_tables::Letter(), kClassLetter);
  mark(unicode_tables::Number(), kClassNumber);
  mark(unicode_tables::Space(), kClassSpace);
  mark(unicode_tables::Word(), kClassWord);
  mark(unicode_tables::PlainWord(), kClassPlainWord);
  mark(unicode_tables::Numeric(), kClassNumeric);
  mark(unicode_tables::Punctuation(), kClassPunctuation);

  // Most blocks are alike: each distinct one is kept once.
  size_t num_blocks = 0;
  for (size_t i = 0; i < all.size(); ++i) {
    size_t found = 0;
    while (found < num_blocks && !(blocks_[found] == all[i])) ++found;
    if (found == num_blocks) {
      if (num_blocks == 256) throw Error(ErrorCode::kInternal, "unicode tables", "too many blocks");
      blocks_[num_blocks++] = all[i];
    }
    index_[i] = static_cast<uint8_t>(found);
  }
}

const CharClasses& CharClasses::Get() {
  static const CharClasses classes;
  return classes;
}

}  // namespace dear
