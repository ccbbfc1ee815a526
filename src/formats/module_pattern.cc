#include "formats/module_pattern.h"

#include <optional>

#include "formats/python_regex.h"

namespace dear {
namespace {

constexpr char kAny = '\0';

struct PlainPattern {
  bool at_start = false;  // begins with ^
  std::string text;       // kAny stands for any character
};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::optional<PlainPattern> AsPlain(std::string_view pattern) {
  PlainPattern plain;
  if (pattern.starts_with('^')) {
    plain.at_start = true;
    pattern.remove_prefix(1);
  }
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (IsNameCharacter(pattern[i])) {
      plain.text += pattern[i];
    } else if (pattern[i] == '.') {
      plain.text += kAny;
    } else if (pattern.substr(i).starts_with("\\.")) {
      plain.text += '.';
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return plain;
}

// At `start`, where a part of the name begins.
bool MatchesAt(const PlainPattern& plain, std::string_view module, size_t start) {
  if (start > 0 && (plain.at_start || module[start - 1] != '.')) return false;
  if (plain.text.size() > module.size() - start) return false;
  for (size_t i = 0; i < plain.text.size(); ++i) {
    if (plain.text[i] != kAny && plain.text[i] != module[start + i]) return false;
  }
  return true;
}

}  // namespace

bool IsPlainPattern(std::string_view pattern) {
  return AsPlain(pattern).has_value();
}

bool PatternEndsModule(const std::string& pattern, const std::string& module,
                       const std::string& context) {
  const auto plain = AsPlain(pattern);
  if (!plain) return PythonRegex("(.*\\.)?(" + pattern + ")$", context).Match(module);
  return plain->text.size() <= module.size() &&
         MatchesAt(*plain, module, module.size() - plain->text.size());
}

bool PatternHoldsModule(const std::string& pattern, const std::string& module,
                        const std::string& context) {
  const auto plain = AsPlain(pattern);
  if (!plain) return PythonRegex("(^|.*\\.)" + pattern + "($|\\..*)", context).Match(module);
  for (size_t start = 0; start + plain->text.size() <= module.size(); ++start) {
    const size_t end = start + plain->text.size();
    if (MatchesAt(*plain, module, start) && (end == module.size() || module[end] == '.')) {
      return true;
    }
  }
  return false;
}

}  // namespace dear
