#include "api/json_id.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace dear {
namespace {

// Goes over JSON token by token. Knows where a value ends, not whether it is well-formed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool Take(char c) {
    SkipBlanks();
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  // A string without escapes, without its quotes; false for anything else.
  bool PlainString(std::string_view* out) {
    SkipBlanks();
    const char* const begin = at_;
    if (at_ == end_ || *at_ != '"' || !SkipString()) return false;
    *out = {begin + 1, static_cast<size_t>(at_ - begin) - 2};
    return std::memchr(out->data(), '\\', out->size()) == nullptr;
  }

  // A string or a whole number as PeekJsonId gives it.
  bool Id(std::string_view* out) {
    SkipBlanks();
    if (at_ < end_ && *at_ == '"') return PlainString(out) && !out->empty();
    const char* const begin = at_;
    if (!SkipValue()) return false;
    *out = {begin, static_cast<size_t>(at_ - begin)};
    // "-0" and numbers beyond 64 bits are written otherwise by a whole parse.
    return !out->empty() && out->size() < 19 && (out->front() != '0' || out->size() == 1) &&
           std::ranges::all_of(*out, [](char c) { return c >= '0' && c <= '9'; });
  }

  bool SkipValue() {
    SkipBlanks();
    if (at_ == end_) return false;
    if (*at_ == '"') return SkipString();
    if (*at_ == '{' || *at_ == '[') return SkipNested();
    while (at_ < end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && !IsBlank(*at_)) ++at_;
    return true;
  }

 private:
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  void SkipBlanks() {
    while (at_ < end_ && IsBlank(*at_)) ++at_;
  }

  bool SkipString() {
    const char* const begin = at_++;
    while (at_ < end_) {
      const void* quote = std::memchr(at_, '"', static_cast<size_t>(end_ - at_));
      if (quote == nullptr) return false;
      at_ = static_cast<const char*>(quote) + 1;
      // A quote behind an odd number of backslashes is part of the string.
      const char* before = at_ - 1;
      while (before > begin + 1 && before[-1] == '\\') --before;
      if ((at_ - 1 - before) % 2 == 0) return true;
    }
    return false;
  }

  bool SkipNested() {
    size_t depth = 0;
    while (at_ < end_) {
      if (*at_ == '"') {
        if (!SkipString()) return false;
        continue;
      }
      if (*at_ == '{' || *at_ == '[') ++depth;
      if ((*at_ == '}' || *at_ == ']') && --depth == 0) {
        ++at_;
        return true;
      }
      ++at_;
    }
    return false;
  }

  const char* at_;
  const char* end_;
};

}  // namespace

std::string JsonId(const Json& object, const char* key, const std::string& context) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return "";
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return found->dump();
  throw Error(ErrorCode::kInvalidFormat, context,
              std::string("field '") + key + "' must be a string or a whole number");
}

std::optional<std::string_view> PeekJsonId(std::string_view object,
                                           std::span<const char* const> keys) {
  Scanner scanner(object);
  if (!scanner.Take('{')) return std::nullopt;
  std::string_view best;
  size_t best_key = keys.size();
  do {
    std::string_view key;
    if (!scanner.PlainString(&key) || !scanner.Take(':')) return std::nullopt;
    const auto known = static_cast<size_t>(
        std::ranges::find(keys, key, [](const char* name) { return std::string_view(name); }) -
        keys.begin());
    if (known >= best_key) {
      if (!scanner.SkipValue()) return std::nullopt;
      continue;
    }
    if (!scanner.Id(&best)) return std::nullopt;
    best_key = known;
    if (best_key == 0) return best;  // nothing that follows counts more
  } while (scanner.Take(','));
  if (best_key == keys.size() || !scanner.Take('}')) return std::nullopt;
  return best;
}

}  // namespace dear
