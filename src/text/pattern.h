#ifndef DEAR_TEXT_PATTERN_H_
#define DEAR_TEXT_PATTERN_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/regex.h"
#include "text/word_scanner.h"

namespace dear {

// What a Split or Replace looks for: a string, or a regular expression.
class Pattern {
 public:
  static Pattern String(std::string text);
  static Pattern RegularExpression(const std::string& regex, const std::string& context);
  // {"String": …} or {"Regex": …}
  static Pattern FromJson(const Json& json, const std::string& context);

  // All matches from left to right that do not overlap.
  void FindAll(std::string_view text, std::vector<TextRange>& matches) const;
  // Set where the pattern is one that is cut by hand: every character belongs to a match.
  WordScanner scanner() const { return scanner_; }
  // The one string that is looked for; empty for a regular expression.
  const std::string& string() const { return string_; }

 private:
  std::string string_;
  WordScanner scanner_ = nullptr;
  std::shared_ptr<const Regex> regex_;
};

// The fields of a Replace, be it a normaliser or a decoder.
struct Replacement {
  Pattern pattern;
  std::string content;

  // {"pattern": …, "content": …}; `context` names the step. Throws Error that names the field.
  static Replacement FromJson(const JsonFields& fields, const std::string& context);
};

}  // namespace dear

#endif  // DEAR_TEXT_PATTERN_H_
