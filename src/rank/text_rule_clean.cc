#include "rank/text_rule_clean.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rank/text_rule_encoding.h"
#include "text/python_text.h"
#include "text/unicode.h"
#include "text/unicode_normalization.h"

namespace dear {
namespace {

constexpr std::array<std::pair<char32_t, const char*>, 22> kLigatures = {
    {{0x132, "IJ"},       {0x133, "ij"},  {0x149, "'n"},  {0x1C4, "D\u017D"}, {0x1C5, "D\u017E"},
     {0x1C6, "d\u017E"},  {0x1C7, "LJ"},  {0x1C8, "Lj"},  {0x1C9, "lj"},      {0x1CA, "NJ"},
     {0x1CB, "Nj"},       {0x1CC, "nj"},  {0x1F1, "DZ"},  {0x1F2, "Dz"},      {0x1F3, "dz"},
     {0xFB00, "ff"},      {0xFB01, "fi"}, {0xFB02, "fl"}, {0xFB03, "ffi"},    {0xFB04, "ffl"},
     {0xFB05, "\u017Ft"}, {0xFB06, "st"}}};

bool IsDropped(char32_t c) {
  return c <= 0x08 || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         (c >= 0x206A && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFC);
}

std::string Normalized(NormalizationForm form, std::string text) {
  AlignedText aligned;
  aligned.text = std::move(text);
  NormalizeUnicode(form, aligned);
  return std::move(aligned.text);
}

// Bytes of a terminal escape (ESC [ digits and semicolons, a letter) at text[at]; 0: none.
size_t EscapeLength(std::string_view text, size_t at) {
  if (text.substr(at, 2) != "\x1B[") return 0;
  size_t end = at + 2;
  while (end < text.size() && ((text[end] >= '0' && text[end] <= '9') || text[end] == ';')) ++end;
  const char last = end < text.size() ? text[end] : '\0';
  const bool letter = (last >= 'a' && last <= 'z') || (last >= 'A' && last <= 'Z');
  return letter ? end + 1 - at : 0;
}

void AppendClean(char32_t c, std::string* out) {
  if (c >= 0x80 && c <= 0x9F && Windows1252(static_cast<uint8_t>(c)) != 0) {
    c = Windows1252(static_cast<uint8_t>(c));
  }
  const auto* ligature = std::ranges::find(kLigatures, c, &std::pair<char32_t, const char*>::first);
  if (ligature != kLigatures.end()) {
    *out += ligature->second;
  } else if (c == 0x3000) {
    *out += ' ';
  } else if (c >= 0xFF01 && c <= 0xFFEF) {
    std::string one;
    AppendUtf8(c, one);
    *out += Normalized(NormalizationForm::kNfkc, std::move(one));
  } else if (c == 0x2BC || (c >= 0x2018 && c <= 0x201B)) {
    *out += '\'';
  } else if (c >= 0x201C && c <= 0x201F) {
    *out += '"';
  } else if (c == '\r' || c == 0x2028 || c == 0x2029) {
    *out += '\n';
  } else if (!IsDropped(c)) {
    AppendUtf8(c, *out);
  }
}

bool IsPlain(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
}

}  // namespace

std::string CleanText(std::string_view given) {
  if (IsPlain(given)) return std::string(given);
  const std::string text = RepairMisreadUtf8(given);
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (const size_t length = EscapeLength(text, at); length > 0) {
      at += length;
    } else if (text.compare(at, 2, "\r\n") == 0) {
      ++at;
    } else {
      AppendClean(NextCodePoint(text, &at), &out);
    }
  }
  return Normalized(NormalizationForm::kNfc, std::move(out));
}

}  // namespace dear
