#include "rank/text_rule_encoding.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "text/python_text.h"
#include "text/unicode.h"

namespace dear {
namespace {

constexpr std::array<char32_t, 32> kWindows1252Characters = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

// Text misread twice or more often is put right that often.
constexpr int kMaxRounds = 4;

enum class Charset { kLatin1, kWindows1252 };
constexpr std::array kCharsets = {Charset::kLatin1, Charset::kWindows1252};

// The byte that reads as `c`; nothing where none does.
std::optional<uint8_t> ByteOf(char32_t c, Charset charset) {
  if (charset == Charset::kWindows1252) {
    const auto* found = std::ranges::find(kWindows1252Characters, c);
    if (c != 0 && found != kWindows1252Characters.end()) {
      return static_cast<uint8_t>(0x80 + (found - kWindows1252Characters.begin()));
    }
    if (c >= 0x80 && c <= 0x9F && kWindows1252Characters[c - 0x80] != 0) return std::nullopt;
  }
  return c < 0x100 ? std::optional(static_cast<uint8_t>(c)) : std::nullopt;
}

// Continuation bytes that read as what often follows a letter: … ‹ › « » quotes and dashes.
bool IsPunctuation(uint8_t byte) {
  return byte == 0x85 || byte == 0x8B || byte == 0x9B || byte == 0xAB || byte == 0xBB ||
         (byte >= 0x91 && byte <= 0x97);
}

bool CountsByItself(uint8_t lead) {
  constexpr std::array<uint8_t, 8> kLeads = {0xC3, 0xCE, 0xCF, 0xD0, 0xD1, 0xE2, 0xEF, 0xF0};
  return std::ranges::find(kLeads, lead) != kLeads.end();
}

// Code points that are the bytes of one character in UTF-8.
struct Sequence {
  std::string utf8;
  size_t length = 0;    // code points
  bool counts = false;  // it is hardly anything else
};

std::optional<Sequence> SequenceAt(const std::u32string& line, size_t at, Charset charset) {
  const auto lead = ByteOf(line[at], charset);
  if (!lead || *lead < 0xC2 || *lead > 0xF4) return std::nullopt;
  Sequence out;
  out.length = *lead < 0xE0 ? 2 : *lead < 0xF0 ? 3 : 4;
  if (at + out.length > line.size()) return std::nullopt;
  bool control = false;
  bool other = false;  // than punctuation
  for (size_t i = 0; i < out.length; ++i) {
    const char32_t c = line[at + i];
    const auto byte = ByteOf(c, charset);
    if (!byte) return std::nullopt;
    out.utf8.push_back(static_cast<char>(*byte));
    control = control || (c >= 0x80 && c <= 0x9F);
    other = other || (i > 0 && !IsPunctuation(*byte));
  }
  if (!IsValidUtf8(out.utf8)) return std::nullopt;
  out.counts = control || *lead == 0xC2 || (CountsByItself(*lead) && other);
  return out;
}

bool IsContinuation(char c, bool but_85_and_a0) {
  const auto byte = static_cast<uint8_t>(c);
  return byte >= 0x80 && byte <= 0xBF && !(but_85_and_a0 && (byte == 0x85 || byte == 0xA0));
}

// Whether the blank at bytes[at] stands where 0xA0 makes the bytes before or behind it a character.
bool IsLostNoBreakSpace(std::string_view bytes, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const auto lead_in = [&](size_t i, std::initializer_list<uint8_t> leads) {
    return std::ranges::find(leads, byte(i)) != leads.end();
  };
  const auto rest = [&](size_t i) { return i < bytes.size() && IsContinuation(bytes[i], false); };
  if (at >= 1 && lead_in(at - 1, {0xC2, 0xC3, 0xC5, 0xCE, 0xD0, 0xD9})) return true;
  if (at >= 1 && lead_in(at - 1, {0xE2, 0xE3}) && at + 1 < bytes.size() &&
      IsContinuation(bytes[at + 1], true)) {
    return true;
  }
  if (at >= 2 && lead_in(at - 2, {0xE0, 0xE1, 0xE2, 0xE3}) && IsContinuation(bytes[at - 1], true)) {
    return true;
  }
  if (at >= 1 && byte(at - 1) == 0xF0) return rest(at + 1) && rest(at + 2);
  if (at >= 2 && byte(at - 2) == 0xF0) return rest(at - 1) && rest(at + 1);
  return at >= 3 && byte(at - 3) == 0xF0 && rest(at - 2) && rest(at - 1);
}

// "à" whose second byte became a blank: a word of its own, unless it goes on as these do.
bool IsAGraveWord(std::string_view behind) {
  return std::ranges::none_of(std::array<std::string_view, 5>{" ", "quele", "quela", "quilo", "s "},
                              [&](std::string_view word) { return behind.starts_with(word); });
}

std::string WithNoBreakSpaces(std::string_view bytes) {
  std::string out;
  for (size_t at = 0; at < bytes.size(); ++at) {
    if (bytes[at] != ' ' || !IsLostNoBreakSpace(bytes, at)) {
      out.push_back(bytes[at]);
      continue;
    }
    out.push_back('\xA0');
    if (static_cast<uint8_t>(bytes[at - 1]) == 0xC3 && IsAGraveWord(bytes.substr(at + 1))) {
      out.push_back(' ');
    }
  }
  return out;
}

// Whether Ã or Â at line[at] stands between a small letter (and perhaps a blank) and a blank: no
// word ends so, but "à" or U+00A0 does that lost its second byte.
bool IsStrayCapital(const std::u32string& line, size_t at) {
  const bool stray = line[at] == 0xC2 || line[at] == 0xC3;
  if (!stray || at == 0 || at + 1 >= line.size() || line[at + 1] != ' ') return false;
  const char32_t before = line[at - 1] == ' ' && at > 1 ? line[at - 2] : line[at - 1];
  return before >= 'a' && before <= 'z';
}

// The line as the UTF-8 that it is when written in `charset`; nothing where it is none.
std::optional<std::string> DecodedWhole(const std::u32string& line, Charset charset) {
  bool counts = false;
  std::string bytes;
  for (size_t at = 0; at < line.size(); ++at) {
    const auto byte = ByteOf(line[at], charset);
    if (!byte) return std::nullopt;
    bytes.push_back(static_cast<char>(*byte));
    if (!counts && *byte >= 0xC2) {
      const auto sequence = SequenceAt(line, at, charset);
      counts = (sequence && sequence->counts) || IsStrayCapital(line, at);
    }
  }
  if (!counts) return std::nullopt;
  std::string decoded = WithNoBreakSpaces(bytes);
  if (!IsValidUtf8(decoded)) return std::nullopt;
  return decoded;
}

std::string DecodedSequences(const std::u32string& line) {
  std::string out;
  for (size_t at = 0; at < line.size();) {
    size_t length = 0;
    for (const Charset charset : kCharsets) {
      const auto sequence = SequenceAt(line, at, charset);
      if (!sequence || !sequence->counts) continue;
      out += sequence->utf8;
      length = sequence->length;
      break;
    }
    if (length == 0) {
      AppendUtf8(line[at], out);
      length = 1;
    }
    at += length;
  }
  return out;
}

std::u32string CodePoints(std::string_view text) {
  std::u32string out;
  for (size_t at = 0; at < text.size();) out.push_back(NextCodePoint(text, &at));
  return out;
}

std::string RepairLine(std::string_view given) {
  std::string line(given);
  for (int round = 0; round < kMaxRounds; ++round) {
    if (std::ranges::all_of(line, [](char c) { return static_cast<uint8_t>(c) < 0x80; })) break;
    const std::u32string points = CodePoints(line);
    std::optional<std::string> repaired;
    for (const Charset charset : kCharsets) {
      if (!repaired) repaired = DecodedWhole(points, charset);
    }
    if (!repaired) repaired = DecodedSequences(points);
    if (*repaired == line) break;
    line = *std::move(repaired);
  }
  return line;
}

}  // namespace

char32_t Windows1252(uint8_t byte) {
  return byte >= 0x80 && byte <= 0x9F ? kWindows1252Characters[byte - 0x80] : 0;
}

std::string RepairMisreadUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    out += RepairLine(text.substr(0, end));
    text.remove_prefix(end);
  }
  return out;
}

}  // namespace dear
