#include "text/word_scanner.h"

#include <cstdint>

#include "text/unicode.h"

namespace dear {

const std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
const std::string_view kLlama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
const std::string_view kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

namespace {

// Where a text stands and what the next character is.
class Cursor {
 public:
  Cursor(std::string_view text, size_t pos) : text_(text), pos_(pos) { Load(); }
  bool done() const { return pos_ == text_.size(); }
  size_t pos() const { return pos_; }
  char32_t character() const { return character_; }  // U+0000 at the end
  bool Is(uint8_t classes) const { return (classes_ & classes) != 0; }
  bool IsNewline() const { return !done() && (character_ == '\r' || character_ == '\n'); }
  // Neither space, letter nor number.
  bool IsOther() const { return !done() && !Is(kClassSpace | kClassLetter | kClassNumber); }
  void Next() {
    pos_ = next_;
    Load();
  }
  void SkipAll(uint8_t classes) {
    while (Is(classes)) Next();
  }

 private:
  void Load() {
    next_ = pos_;
    if (done()) {
      character_ = 0;
      classes_ = 0;
      return;
    }
    character_ = DecodeUtf8(text_, next_);
    classes_ = (*table_)[character_];
  }

  const CharClasses* table_ = &CharClasses::Get();
  std::string_view text_;
  size_t pos_;
  size_t next_ = 0;
  char32_t character_ = 0;
  uint8_t classes_ = 0;
};

char32_t FoldAscii(char32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  return c == 0x17F ? U's' : c;  // the long s folds to s
}

// Behind an apostrophe at `begin`: the end of 's 't 're 've 'm 'll 'd, or begin.
size_t Contraction(std::string_view text, size_t begin, bool any_case) {
  size_t pos = begin + 1;
  if (pos >= text.size()) return begin;
  char32_t first = DecodeUtf8(text, pos);
  if (any_case) first = FoldAscii(first);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return pos;
  const char32_t wanted = first == 'r' || first == 'v' ? U'e' : first == 'l' ? U'l' : U'\0';
  if (wanted == 0 || pos >= text.size()) return begin;
  char32_t second = DecodeUtf8(text, pos);
  if (any_case) second = FoldAscii(second);
  return second == wanted ? pos : begin;
}

// \s+(?!\S)|\s+ : a run of spaces, less its last one where something follows that is no space.
size_t Spaces(std::string_view text, size_t begin, size_t end_of_run) {
  if (end_of_run == text.size()) return end_of_run;
  size_t last = end_of_run;
  DecodeUtf8Backward(text, last);
  return last > begin ? last : end_of_run;
}

size_t ScanTiktoken(std::string_view text, size_t begin, int max_digits) {
  Cursor c(text, begin);
  const char32_t first = c.character();
  if (first == '\'') {
    const size_t end = Contraction(text, begin, /*any_case=*/true);
    if (end != begin) return end;
  }
  if (c.Is(kClassLetter)) {
    c.SkipAll(kClassLetter);
    return c.pos();
  }
  if (c.Is(kClassNumber)) {
    for (int i = 0; i < max_digits && c.Is(kClassNumber); ++i) c.Next();
    return c.pos();
  }
  // One character that is no newline may lead a run of letters.
  if (!c.IsNewline()) {
    Cursor after = c;
    after.Next();
    if (after.Is(kClassLetter)) {
      after.SkipAll(kClassLetter);
      return after.pos();
    }
    if (first == ' ' && after.IsOther()) c = after;
  }
  if (c.IsOther()) {
    while (c.IsOther()) c.Next();
    while (c.IsNewline()) c.Next();
    return c.pos();
  }
  // Spaces: up to the last newline among them, where there is one.
  size_t after_newline = begin;
  while (c.Is(kClassSpace)) {
    const bool newline = c.IsNewline();
    c.Next();
    if (newline) after_newline = c.pos();
  }
  if (after_newline != begin) return after_newline;
  return Spaces(text, begin, c.pos());
}

size_t ScanLlama3(std::string_view text, size_t begin) {
  return ScanTiktoken(text, begin, 3);
}
size_t ScanQwen2(std::string_view text, size_t begin) {
  return ScanTiktoken(text, begin, 1);
}

}  // namespace

size_t ScanGpt2(std::string_view text, size_t begin) {
  Cursor c(text, begin);
  if (c.character() == '\'') {
    const size_t end = Contraction(text, begin, /*any_case=*/false);
    if (end != begin) return end;
  }
  if (c.character() == ' ') {
    Cursor after = c;
    after.Next();
    if (!after.done() && !after.Is(kClassSpace)) c = after;
  }
  if (c.Is(kClassLetter)) {
    c.SkipAll(kClassLetter);
    return c.pos();
  }
  if (c.Is(kClassNumber)) {
    c.SkipAll(kClassNumber);
    return c.pos();
  }
  if (c.IsOther()) {
    while (c.IsOther()) c.Next();
    return c.pos();
  }
  c.SkipAll(kClassSpace);
  return Spaces(text, begin, c.pos());
}

WordScanner FindWordScanner(std::string_view pattern) {
  if (pattern == kGpt2Pattern) return ScanGpt2;
  if (pattern == kLlama3Pattern) return ScanLlama3;
  if (pattern == kQwen2Pattern) return ScanQwen2;
  return nullptr;
}

}  // namespace dear
