#include <algorithm>
#include <array>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "text/regex.h"
#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace dear {
namespace {

std::string Ranges(std::span<const CodePointRange> ranges) {
  std::string out;
  char item[32];
  for (const auto& range : ranges) {
    std::snprintf(item, sizeof(item), "\\x{%X}-\\x{%X}", static_cast<unsigned>(range.first),
                  static_cast<unsigned>(range.last));
    out += item;
  }
  return out;
}

std::string Complement(std::span<const CodePointRange> ranges) {
  std::vector<CodePointRange> out;
  const auto add = [&](char32_t first, char32_t last) {
    // Surrogates are no characters; PCRE2 refuses them in a class.
    if (first <= last && first < 0xD800 && last > 0xDFFF) {
      out.push_back({first, 0xD7FF});
      out.push_back({0xE000, last});
    } else if (first <= last) {
      out.push_back({first, last});
    }
  };
  char32_t next = 0;
  for (const auto& range : ranges) {
    if (range.first > next) add(next, range.first - 1);
    next = range.last + 1;
  }
  if (next <= 0x10FFFF) add(next, 0x10FFFF);
  return Ranges(out);
}

// Properties whose members were compared with the reference over all of Unicode.
constexpr std::array<std::string_view, 11> kProperties = {"L", "Lu", "Ll", "Lt", "Lm", "Lo",
                                                          "M", "N",  "Nd", "P",  "S"};

class Translator {
 public:
  Translator(std::string_view pattern, const std::string& context)
      : in_(pattern), context_(context) {}

  std::string Run() {
    while (pos_ < in_.size()) {
      const char c = in_[pos_];
      if (c == '\\') {
        Escape(/*in_class=*/false);
      } else if (c == '[') {
        Class();
      } else if (c == '(' && Peek(1) == '?') {
        Group();
      } else if (c == '}' && Peek(1) == '+') {
        Refuse("a possessive or doubled counted repeat '}+'");
      } else {
        out_ += c;
        ++pos_;
      }
    }
    return std::move(out_);
  }

 private:
  char Peek(size_t ahead) const { return pos_ + ahead < in_.size() ? in_[pos_ + ahead] : '\0'; }

  [[noreturn]] void Refuse(const std::string& what) const {
    throw Error(ErrorCode::kUnsupported, context_,
                "regular expression '" + std::string(in_) + "': " + what + " is not supported");
  }

  // (?…: the flags and the kinds of groups that mean the same in both, or can be renamed.
  void Group() {
    out_ += "(?";
    pos_ += 2;
    const char kind = Peek(0);
    if (kind == ':' || kind == '=' || kind == '!' || kind == '>') {
      out_ += kind;
      ++pos_;
      return;
    }
    if (kind == '<' && (Peek(1) == '=' || Peek(1) == '!')) {
      out_ += in_.substr(pos_, 2);
      pos_ += 2;
      return;
    }
    while (pos_ < in_.size()) {
      const char c = in_[pos_++];
      if (c == 'i' || c == '-' || c == 'x') {
        out_ += c;
      } else if (c == 'm') {
        out_ += 's';  // Ruby's (?m): the dot takes newlines
      } else if (c == ':' || c == ')') {
        out_ += c;
        return;
      } else {
        Refuse(std::string("group '(?") + c + "'");
      }
    }
  }

  void Class() {
    out_ += '[';
    ++pos_;
    if (Peek(0) == '^') {
      out_ += '^';
      ++pos_;
    }
    if (Peek(0) == ']') Refuse("']' as the first member of a class");
    while (pos_ < in_.size() && in_[pos_] != ']') {
      const char c = in_[pos_];
      if (c == '\\') {
        Escape(/*in_class=*/true);
      } else if (c == '[') {
        Refuse("'[' inside a class");
      } else if (c == '&' && Peek(1) == '&') {
        Refuse("'&&' inside a class");
      } else {
        out_ += c;
        ++pos_;
      }
    }
    if (pos_ < in_.size()) {
      out_ += ']';
      ++pos_;
    }
  }

  // A set of characters, given as what stands inside brackets.
  void Set(const std::string& inside, bool in_class) {
    out_ += in_class ? inside : "[" + inside + "]";
  }

  void Escape(bool in_class) {
    const char c = Peek(1);
    pos_ += 2;
    switch (c) {
      case '\0': Refuse("a backslash at the end");
      case 's': return Set(Ranges(unicode_tables::Space()), in_class);
      case 'S': return Set(Complement(unicode_tables::Space()), in_class);
      case 'w': return Set(Ranges(unicode_tables::Word()), in_class);
      case 'W': return Set(Complement(unicode_tables::Word()), in_class);
      case 'd': return Set("\\p{Nd}" + Ranges(unicode_tables::MissingInPcre2("Nd")), in_class);
      case 'h': return Set("0-9a-fA-F", in_class);
      case 'v': out_ += "\\x{B}"; return;
      case 'u': {
        const std::string_view digits = in_.substr(std::min(pos_, in_.size()), 4);
        const bool hex =
            digits.size() == 4 && std::all_of(digits.begin(), digits.end(), IsHexDigit);
        if (!hex) Refuse("'\\u' without four digits");
        out_ += "\\x{" + std::string(digits) + "}";
        pos_ += 4;
        return;
      }
      case 'p':
      case 'P': return Property(c == 'P', in_class);
      case 'b':
      case 'B': {
        if (in_class) Refuse("'\\b' inside a class");
        // PCRE2's own \b has another idea of a word.
        const std::string word = "[" + Word() + "]";
        out_ += c == 'b'
                    ? "(?:(?<=" + word + ")(?!" + word + ")|(?<!" + word + ")(?=" + word + "))"
                    : "(?:(?<=" + word + ")(?=" + word + ")|(?<!" + word + ")(?!" + word + "))";
        return;
      }
      case 'r':
      case 'n':
      case 't':
      case 'f':
      case 'a':
      case 'e':
      case 'x':
        out_ += '\\';
        out_ += c;
        return;
      case 'A':
      case 'z':
      case 'Z':
        if (in_class) break;
        out_ += '\\';
        out_ += c;
        return;
      default: break;
    }
    const bool letter_or_digit =
        (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (letter_or_digit) Refuse(std::string("'\\") + c + "'");
    out_ += '\\';
    out_ += c;
  }

  // What stands for \w inside brackets. Properties are shorter than ranges: a pattern has a limit.
  static std::string Word() {
    std::string out = "\\p{L}\\p{M}\\p{Nd}";
    for (const char* property : {"L", "M", "Nd"}) {
      out += Ranges(unicode_tables::MissingInPcre2(property));
    }
    return out + Ranges(unicode_tables::WordBeyond());
  }

  static bool IsHexDigit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  }

  void Property(bool negated, bool in_class) {
    const size_t close = in_.find('}', pos_);
    if (Peek(0) != '{' || close == std::string_view::npos) Refuse("'\\p' without braces");
    std::string_view name = in_.substr(pos_ + 1, close - pos_ - 1);
    pos_ = close + 1;
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    std::string set;
    if (name == "Han") {
      set = "\\p{sc:Han}";  // plain Han means "used with Han" to PCRE2
    } else if (std::find(kProperties.begin(), kProperties.end(), name) != kProperties.end()) {
      set = "\\p{" + std::string(name) + "}";
    } else {
      Refuse("property '" + std::string(name) + "'");
    }
    set += Ranges(unicode_tables::MissingInPcre2(name));
    if (!negated) return Set(set, in_class);
    if (!in_class) {
      out_ += "[^" + set + "]";
    } else if (name == "L") {
      out_ += Complement(unicode_tables::Letter());
    } else if (name == "N") {
      out_ += Complement(unicode_tables::Number());
    } else {
      Refuse("'\\P{" + std::string(name) + "}' inside a class");
    }
  }

  std::string_view in_;
  const std::string& context_;
  size_t pos_ = 0;
  std::string out_;
};

}  // namespace

std::string TranslateRegex(std::string_view pattern, const std::string& context) {
  return Translator(pattern, context).Run();
}

}  // namespace dear
