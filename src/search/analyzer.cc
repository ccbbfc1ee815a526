#include "search/analyzer.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "search/porter_stemmer.h"
#include "text/unicode.h"

namespace dear {
namespace {

// Sorted.
constexpr std::array<std::string_view, 33> kStopWords = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

bool IsStopWord(std::string_view term) {
  return term.size() <= 5 && std::ranges::binary_search(kStopWords, term);
}

std::string_view WithoutPossessive(std::string_view word) {
  if (!word.ends_with('s') && !word.ends_with('S')) return word;
  for (const std::string_view mark : {"'", "\u2019", "\uFF07"}) {
    if (word.substr(0, word.size() - 1).ends_with(mark)) {
      return word.substr(0, word.size() - 1 - mark.size());
    }
  }
  return word;
}

std::u16string ToUtf16(std::string_view text) {
  std::u16string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = DecodeUtf8(text, at);
    if (c < 0x10000) {
      out += static_cast<char16_t>(c);
    } else {
      out += static_cast<char16_t>(0xD7C0 + (c >> 10));
      out += static_cast<char16_t>(0xDC00 + (c & 0x3FF));
    }
  }
  return out;
}

// Halves of pairs that lost the other half become U+FFFD.
void AppendUtf16(std::u16string_view text, std::string* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    const bool high = c >= 0xD800 && c < 0xDC00;
    if (high && i + 1 < text.size() && text[i + 1] >= 0xDC00 && text[i + 1] < 0xE000) {
      c = (c - 0xD7C0) << 10 | (text[++i] & 0x3FF);
    } else if (c >= 0xD800 && c < 0xE000) {
      c = 0xFFFD;
    }
    AppendUtf8(c, *out);
  }
}

}  // namespace

EnglishTerms::EnglishTerms(std::string_view text) : words_(ValidUtf8(text, storage_)) {}

bool EnglishTerms::Next(std::string_view* term) {
  std::string_view word;
  while (words_.Next(&word)) {
    Lower(WithoutPossessive(word));
    if (IsStopWord(term_)) continue;
    Stem();
    *term = term_;
    return true;
  }
  return false;
}

void EnglishTerms::Lower(std::string_view word) {
  term_.clear();
  is_ascii_ = true;
  for (size_t at = 0; at < word.size();) {
    const char32_t c = DecodeUtf8(word, at);
    if (c < 0x80) {
      term_ += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
    } else {
      is_ascii_ = false;
      AppendUtf8(static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))), term_);
    }
  }
}

void EnglishTerms::Stem() {
  if (is_ascii_) {
    PorterStem(&term_);
    return;
  }
  std::u16string units = ToUtf16(term_);
  PorterStem(&units);
  term_.clear();
  AppendUtf16(units, &term_);
}

std::vector<std::string> AnalyzeEnglish(std::string_view text) {
  std::vector<std::string> terms;
  EnglishTerms stream(text);
  std::string_view term;
  while (stream.Next(&term)) terms.emplace_back(term);
  return terms;
}

}  // namespace dear
