#ifndef DEAR_FORMATS_PYTHON_REGEX_H_
#define DEAR_FORMATS_PYTHON_REGEX_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace dear {

// A regular expression as Python's `re` module reads it, on PCRE2. Patterns come from adapter
// files, so matching is bounded: a pattern that backtracks without end throws kInvalidFormat.
// Constructs that PCRE2 knows and Python does not (verbs, recursion, callouts, \K, \Q) are refused.
class PythonRegex {
 public:
  // Throws kInvalidFormat that shows the pattern, under `context`.
  PythonRegex(std::string_view pattern, std::string context);

  bool FullMatch(std::string_view text) const;  // re.fullmatch
  bool Match(std::string_view text) const;      // re.match: at the start, to anywhere
  // re.match, and the text of the named group; nullopt where there is no match.
  std::optional<std::string> MatchGroup(std::string_view text, const char* group) const;

 private:
  struct Compiled;
  bool Run(std::string_view text, uint32_t options, void* data) const;

  std::shared_ptr<const Compiled> compiled_;
  std::string context_;
};

}  // namespace dear

#endif  // DEAR_FORMATS_PYTHON_REGEX_H_
