#include "formats/python_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>
#include <utility>

#include "base/error.h"

namespace dear {
namespace {

constexpr size_t kMaxPattern = 16384;
// A module name is some fifty bytes long; an honest pattern takes a few hundred steps on it.
constexpr uint32_t kMatchLimit = 100000;
constexpr uint32_t kHeapLimitKib = 16384;

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
  void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
};

std::string PcreMessage(int code) {
  std::array<unsigned char, 256> text{};
  pcre2_get_error_message(code, text.data(), text.size());
  return reinterpret_cast<const char*>(text.data());
}

// Python's dialect put as PCRE2's: \Z is the very end of the text. Returns the construct that
// Python does not have, if there is one.
std::string Translate(std::string_view pattern, std::string_view* foreign) {
  std::string out;
  bool in_class = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    if (rest.front() == '\\' && rest.size() > 1) {
      const char escaped = rest[1];
      if (std::string_view("KQECGRXHhVzpPgkoc").find(escaped) != std::string_view::npos) {
        *foreign = rest.substr(0, 2);
      }
      out += '\\';
      out += escaped == 'Z' ? 'z' : escaped;
      ++i;
      continue;
    }
    if (!in_class && rest.front() == '(' && rest.size() > 1) {
      if (rest[1] == '*') *foreign = rest.substr(0, 2);
      constexpr std::string_view kNotPython = "RC&+|0123456789";
      if (rest[1] == '?' && rest.size() > 2 && kNotPython.find(rest[2]) != std::string_view::npos) {
        *foreign = rest.substr(0, 3);
      }
      if (rest.starts_with("(?P>")) *foreign = rest.substr(0, 4);
      if (rest.starts_with("(?-") && rest.size() > 3 && rest[3] >= '0' && rest[3] <= '9') {
        *foreign = rest.substr(0, 4);
      }
    }
    // "[]" and "[^]" open a class that holds a bracket, in both dialects.
    if (!in_class && rest.front() == '[') {
      in_class = true;
      size_t skip = rest.size() > 1 && rest[1] == '^' ? 1 : 0;
      if (rest.size() > skip + 1 && rest[skip + 1] == ']') ++skip;
      out += rest.substr(0, skip + 1);
      i += skip;
      continue;
    }
    if (in_class && rest.front() == '[') {
      out += "\\[";  // no POSIX classes in Python
      continue;
    }
    if (in_class && rest.front() == ']') in_class = false;
    out += rest.front();
  }
  return out;
}

}  // namespace

struct PythonRegex::Compiled {
  std::unique_ptr<pcre2_code, Free> code;
  std::unique_ptr<pcre2_match_context, Free> limits;
};

PythonRegex::PythonRegex(std::string_view pattern, std::string context)
    : context_(std::move(context)) {
  context_ += ": pattern '" + std::string(pattern.substr(0, 200)) + "'";
  if (pattern.size() > kMaxPattern) {
    throw Error(ErrorCode::kInvalidFormat, context_,
                "is longer than " + std::to_string(kMaxPattern) + " bytes");
  }
  std::string_view foreign;
  const std::string translated = Translate(pattern, &foreign);
  if (!foreign.empty()) {
    throw Error(ErrorCode::kInvalidFormat, context_,
                "'" + std::string(foreign) + "' is not part of Python's regular expressions");
  }
  const std::unique_ptr<pcre2_compile_context, Free> settings(
      pcre2_compile_context_create(nullptr));
  auto compiled = std::make_shared<Compiled>();
  compiled->limits.reset(pcre2_match_context_create(nullptr));
  if (settings == nullptr || compiled->limits == nullptr) throw std::bad_alloc();
  pcre2_set_newline(settings.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(settings.get(), 100);
  pcre2_set_match_limit(compiled->limits.get(), kMatchLimit);
  pcre2_set_heap_limit(compiled->limits.get(), kHeapLimitKib);
  int error = 0;
  PCRE2_SIZE where = 0;
  compiled->code.reset(pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &where, settings.get()));
  if (compiled->code == nullptr) {
    throw Error(ErrorCode::kInvalidFormat, context_,
                "is no valid regular expression: " + PcreMessage(error));
  }
  compiled_ = std::move(compiled);
}

bool PythonRegex::Run(std::string_view text, uint32_t options, void* data) const {
  const int found = pcre2_match(compiled_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                text.size(), 0, options | PCRE2_ANCHORED,
                                static_cast<pcre2_match_data*>(data), compiled_->limits.get());
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    throw Error(ErrorCode::kInvalidFormat, context_,
                "cannot be matched against '" + std::string(text.substr(0, 200)) +
                    "': " + PcreMessage(found));
  }
  return true;
}

bool PythonRegex::FullMatch(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
  if (data == nullptr) throw std::bad_alloc();
  return Run(text, PCRE2_ENDANCHORED, data.get());
}

bool PythonRegex::Match(std::string_view text) const {
  const std::unique_ptr<pcre2_match_data, Free> data(pcre2_match_data_create(1, nullptr));
  if (data == nullptr) throw std::bad_alloc();
  return Run(text, 0, data.get());
}

std::optional<std::string> PythonRegex::MatchGroup(std::string_view text, const char* group) const {
  const std::unique_ptr<pcre2_match_data, Free> data(
      pcre2_match_data_create_from_pattern(compiled_->code.get(), nullptr));
  if (data == nullptr) throw std::bad_alloc();
  if (!Run(text, 0, data.get())) return std::nullopt;
  PCRE2_UCHAR* start = nullptr;
  PCRE2_SIZE length = 0;
  if (pcre2_substring_get_byname(data.get(), reinterpret_cast<PCRE2_SPTR>(group), &start,
                                 &length) != 0) {
    return std::nullopt;
  }
  std::string value(reinterpret_cast<const char*>(start), length);
  pcre2_substring_free(start);
  return value;
}

}  // namespace dear
