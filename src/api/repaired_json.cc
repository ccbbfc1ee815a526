#include "api/repaired_json.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "text/python_text.h"

namespace dear {
namespace {

// The code unit of \uXXXX at the front of `text`.
std::optional<unsigned> UnicodeEscape(std::string_view text) {
  constexpr size_t kLength = 6;
  if (text.size() < kLength || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const char* const end = text.data() + kLength;
  const auto [stop, error] = std::from_chars(text.data() + 2, end, unit, 16);
  if (error != std::errc() || stop != end) return std::nullopt;
  return unit;
}

bool IsHigh(unsigned unit) {
  return unit >= 0xd800 && unit < 0xdc00;
}
bool IsLow(unsigned unit) {
  return unit >= 0xdc00 && unit < 0xe000;
}

std::string WithWholePairs(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    size_t length = text.front() == '\\' ? 2 : 1;
    std::string_view piece = text.substr(0, length);
    if (const auto unit = UnicodeEscape(text)) {
      length = 6;
      piece = text.substr(0, length);
      const auto next = UnicodeEscape(text.substr(length));
      if (IsHigh(*unit) && next && IsLow(*next)) {
        length = 12;
        piece = text.substr(0, length);
      } else if (IsHigh(*unit) || IsLow(*unit)) {
        piece = "\\ufffd";
      }
    }
    out += piece;
    text.remove_prefix(std::min(length, text.size()));
  }
  return out;
}

}  // namespace

Json ParseRepairedJson(std::string_view text, const std::string& context) {
  try {
    return ParseJson(text, context);
  } catch (const Error& error) {
    // Rare enough that the good lines need not pay for it.
    const std::string repaired = WithWholePairs(RepairUtf8(text));
    if (repaired != text) return ParseJson(repaired, context);
    const bool bad_word = std::string_view(error.what()).find("literal") != std::string_view::npos;
    for (const std::string_view number : {"NaN", "Infinity"}) {
      if (!bad_word || text.find(number) == std::string_view::npos) continue;
      throw Error(ErrorCode::kInvalidFormat, context,
                  "not valid JSON: it holds a number " + std::string(number) +
                      ", as Python writes it; a score is a finite number");
    }
    throw;
  }
}

}  // namespace dear
