#include "text/python_text.h"

#include <array>

#include "text/unicode.h"

namespace dear {
namespace {

// Length of the well-formed sequence at text[at], or minus the length of the maximal broken part
// (Unicode 15, table 3-7 and "U+FFFD substitution of maximal subparts").
int SequenceLength(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) -> int {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : -1;
  };
  const auto within = [&](size_t i, int low, int high) {
    const int value = byte(i);
    return value >= low && value <= high;
  };
  const int lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4) return -1;
  int low = 0x80;
  int high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  const int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (!within(1, low, high)) return -1;
  for (int i = 2; i < length; ++i) {
    if (!within(static_cast<size_t>(i), 0x80, 0xBF)) return -i;
  }
  return length;
}

size_t LeadLength(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte < 0xC0 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

}  // namespace

std::string RepairUtf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (size_t at = 0; at < bytes.size();) {
    const int length = SequenceLength(bytes, at);
    if (length > 0) {
      out.append(bytes.substr(at, static_cast<size_t>(length)));
    } else {
      out.append(kReplacementCharacter);
    }
    at += static_cast<size_t>(length > 0 ? length : -length);
  }
  return out;
}

int64_t CodePointCount(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  return count;
}

std::string_view FirstCodePoints(std::string_view text, int64_t count) {
  if (count <= 0) return text.substr(0, 0);
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80) continue;
    if (count-- == 0) return text.substr(0, i);
  }
  return text;
}

char32_t NextCodePoint(std::string_view text, size_t* at) {
  const auto lead = static_cast<unsigned char>(text[*at]);
  const size_t length = LeadLength(text[*at]);
  constexpr std::array<unsigned char, 5> kLeadMask = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t value = lead & kLeadMask[length];
  for (size_t i = 1; i < length && *at + i < text.size(); ++i) {
    value = value << 6 | (static_cast<unsigned char>(text[*at + i]) & 0x3FU);
  }
  *at = *at + length < text.size() ? *at + length : text.size();
  return value;
}

bool IsPythonSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

std::string_view StripSpace(std::string_view text) {
  size_t begin = text.size();
  size_t end = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    if (IsPythonSpace(NextCodePoint(text, &at))) {
      if (end == 0) continue;
    } else {
      if (begin > start) begin = start;
      end = at;
    }
  }
  return end == 0 ? text.substr(0, 0) : text.substr(begin, end - begin);
}

std::string_view StripNewlines(std::string_view text, bool left, bool right) {
  while (left && !text.empty() && text.front() == '\n') text.remove_prefix(1);
  while (right && !text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text;
}

int64_t WordCount(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const bool space = IsPythonSpace(NextCodePoint(text, &at));
    if (!space && !inside) ++words;
    inside = !space;
  }
  return words;
}

std::string FirstWords(std::string_view text, int64_t count) {
  std::string out;
  size_t word_begin = std::string_view::npos;
  int64_t words = 0;
  const auto flush = [&](size_t end) {
    if (word_begin == std::string_view::npos) return;
    if (words++ > 0) out.push_back(' ');
    out.append(text.substr(word_begin, end - word_begin));
    word_begin = std::string_view::npos;
  };
  for (size_t at = 0; at < text.size() && (count < 0 || words < count);) {
    const size_t start = at;
    if (IsPythonSpace(NextCodePoint(text, &at))) {
      flush(start);
    } else if (word_begin == std::string_view::npos) {
      word_begin = start;
    }
  }
  if (count < 0 || words < count) flush(text.size());
  return out;
}

std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (;;) {
    const size_t at = text.find(from);
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    out.append(to);
    text.remove_prefix(at + from.size());
  }
}

}  // namespace dear
