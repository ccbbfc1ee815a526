#ifndef DEAR_TEXT_REGEX_H_
#define DEAR_TEXT_REGEX_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Bytes [begin, end) of a text.
struct TextRange {
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const TextRange&) const = default;
};

// A regular expression of a tokenizer file: Oniguruma's Ruby syntax, as `tokenizers` reads it, run
// by PCRE2. What means something else there, or has another Unicode version, is rewritten; what
// cannot be is refused by name.
class Regex {
 public:
  // Throws Error: kUnsupported for syntax that is not translated, kInvalidFormat for a pattern that
  // is broken. `context` is put before both.
  Regex(std::string_view pattern, const std::string& context);
  ~Regex();
  Regex(Regex&&) noexcept;

  // All matches from left to right that do not overlap; an empty match directly after another is
  // skipped. `text` is valid UTF-8. Throws Error kInvalidFormat where the pattern needs more steps
  // than any sane one does.
  void FindAll(std::string_view text, std::vector<TextRange>& matches) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

// The pattern in PCRE2's words (for tests and messages).
std::string TranslateRegex(std::string_view pattern, const std::string& context);

}  // namespace dear

#endif  // DEAR_TEXT_REGEX_H_
