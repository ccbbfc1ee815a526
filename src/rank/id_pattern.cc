#define PCRE2_CODE_UNIT_WIDTH 8
#include "rank/id_pattern.h"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>

#include "base/error.h"
#include "text/python_text.h"

namespace dear {
namespace {

// The zero of each run of ten decimal digits (Unicode 14, category Nd).
constexpr std::array<char32_t, 66> kDecimalZeros = {
    0x30,    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,
    0xC66,   0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,
    0x1810,  0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,
    0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2,
    0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0};

// Larger numbers are no passage of ours; the bound keeps the sum below from overflowing.
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max() / 64;

int DigitValue(char32_t c) {
  const auto* next = std::ranges::upper_bound(kDecimalZeros, c);
  if (next == kDecimalZeros.begin()) return -1;
  const char32_t value = c - *(next - 1);
  return value < 10 ? static_cast<int>(value) : -1;
}

std::string Message(int code) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(code, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

// Steps of one attempt, kilobytes of its stack, and places at which one call attempts a match: a
// pattern that goes on for ever stops at one of these, or at the time below.
constexpr uint32_t kMaxSteps = 1'000'000;
constexpr uint32_t kMaxHeapKiB = 65536;
constexpr size_t kPlacesPerCall = 1024;
constexpr std::chrono::seconds kMaxTime{2};

// One pattern over one text.
class Matcher {
 public:
  explicit Matcher(const pcre2_code* code)
      : code_(code),
        data_(pcre2_match_data_create_from_pattern(code, nullptr), &pcre2_match_data_free),
        limits_(pcre2_match_context_create(nullptr), &pcre2_match_context_free),
        deadline_(std::chrono::steady_clock::now() + kMaxTime) {
    if (!data_ || !limits_) {
      throw Error(ErrorCode::kOutOfMemory, "answer pattern", "no memory to match");
    }
    pcre2_set_match_limit(limits_.get(), kMaxSteps);
    pcre2_set_heap_limit(limits_.get(), kMaxHeapKiB);
  }

  // The first match that begins at `at` or at one of the next kPlacesPerCall bytes; where there is
  // none, searched_until() says how far it looked.
  bool Match(std::string_view text, size_t at, uint32_t options) const {
    if (std::chrono::steady_clock::now() > deadline_) Fail("it takes too long");
    searched_until_ = std::min(text.size(), at + kPlacesPerCall);
    while (searched_until_ < text.size() && (text[searched_until_] & 0xC0) == 0x80) {
      ++searched_until_;
    }
    pcre2_set_offset_limit(limits_.get(), searched_until_);
    groups_ = pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at,
                          options | PCRE2_NO_UTF_CHECK, data_.get(), limits_.get());
    if (groups_ == PCRE2_ERROR_NOMATCH) return false;
    if (groups_ < 0) Fail(Message(groups_));
    return true;
  }
  size_t searched_until() const { return searched_until_; }
  int groups() const { return groups_; }
  const PCRE2_SIZE* ends() const { return pcre2_get_ovector_pointer(data_.get()); }

 private:
  [[noreturn]] static void Fail(const std::string& why) {
    throw Error(ErrorCode::kInvalidFormat, "answer pattern",
                "cannot be matched against this answer: " + why);
  }

  const pcre2_code* code_;
  std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data_;
  std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> limits_;
  std::chrono::steady_clock::time_point deadline_;
  mutable size_t searched_until_ = 0;
  mutable int groups_ = 0;
};

const pcre2_code* Code(const std::shared_ptr<const void>& code) {
  return static_cast<const pcre2_code*>(code.get());
}

}  // namespace

std::string IdText(IdStyle style, int64_t index) {
  if (style == IdStyle::kZeroBased) return std::to_string(index);
  if (style == IdStyle::kOneBased) return std::to_string(index + 1);
  std::string out;
  for (int64_t rest = index; rest >= 0; rest = rest / 26 - 1) {
    out.insert(out.begin(), static_cast<char>('A' + rest % 26));
  }
  return out;
}

int64_t IdIndex(IdStyle style, std::string_view text) {
  if (text.empty()) return -1;
  int64_t value = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = NextCodePoint(text, &at);
    if (style == IdStyle::kLetters) {
      if (c < 'A' || c > 'Z') return -1;
      value = value * 26 + static_cast<int64_t>(c - 'A') + 1;
    } else {
      const int digit = DigitValue(c);
      if (digit < 0) return -1;
      value = value * 10 + digit;
    }
    if (value > kLargest) return -1;
  }
  return style == IdStyle::kZeroBased ? value : value - 1;
}

bool IsDecimalDigit(char32_t c) {
  return DigitValue(c) >= 0;
}

IdPattern::IdPattern(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT,
                    &error, &at, nullptr);
  if (code == nullptr) {
    throw Error(ErrorCode::kInvalidFormat, "pattern",
                "is no regular expression: " + Message(error) + " at byte " + std::to_string(at));
  }
  code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p))); });
}

bool IdPattern::Matches(std::string_view text) const {
  const Matcher matcher(Code(code_));
  return matcher.Match(text, 0, PCRE2_ANCHORED | PCRE2_ENDANCHORED);
}

std::vector<std::string_view> IdPattern::FindAll(std::string_view text) const {
  const Matcher matcher(Code(code_));
  std::vector<std::string_view> out;
  for (size_t at = 0; at <= text.size();) {
    if (!matcher.Match(text, at, 0)) {
      at = matcher.searched_until();
      if (at >= text.size()) break;
      NextCodePoint(text, &at);
      continue;
    }
    const PCRE2_SIZE* ends = matcher.ends();
    const size_t group = matcher.groups() > 1 ? 1 : 0;
    if (ends[2 * group] != PCRE2_UNSET && ends[2 * group] <= ends[2 * group + 1]) {
      out.push_back(text.substr(ends[2 * group], ends[2 * group + 1] - ends[2 * group]));
    }
    // \K in a look-ahead can end a match before it began: always move on.
    size_t next = std::max(ends[1], at);
    if (next == at) {
      if (at == text.size()) break;
      NextCodePoint(text, &next);
    }
    at = next;
  }
  return out;
}

}  // namespace dear
