#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

#include <utility>

#include "base/error.h"
#include "text/unicode.h"

namespace dear {
namespace {

constexpr uint32_t kMatchLimit = 50'000'000;    // steps of one match
constexpr uint32_t kHeapLimitKib = 512 * 1024;  // of one match without JIT
constexpr size_t kJitStackBytes = 64 << 20;
constexpr size_t kMaxPatternBytes = 64 << 10;

std::string Message(int code) {
  PCRE2_UCHAR buffer[256];
  pcre2_get_error_message(code, buffer, sizeof(buffer));
  return reinterpret_cast<const char*>(buffer);
}

struct MatchDataDeleter {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextDeleter {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct JitStackDeleter {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

}  // namespace

struct Regex::Compiled {
  std::string context;
  std::string pattern;
  pcre2_code* code = nullptr;
  Compiled() = default;
  Compiled(const Compiled&) = delete;
  Compiled& operator=(const Compiled&) = delete;
  ~Compiled() { pcre2_code_free(code); }
};

Regex::Regex(std::string_view pattern, const std::string& context) {
  if (pattern.size() > kMaxPatternBytes) {
    throw Error(ErrorCode::kInvalidFormat, context, "a regular expression longer than 64 KiB");
  }
  auto compiled = std::make_unique<Compiled>();
  compiled->context = context;
  compiled->pattern = pattern;
  const std::string translated = TranslateRegex(pattern, context);
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> options(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_newline(options.get(), PCRE2_NEWLINE_LF);
  int code = 0;
  PCRE2_SIZE offset = 0;
  compiled->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                 PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                                 &code, &offset, options.get());
  if (compiled->code == nullptr) {
    throw Error(ErrorCode::kInvalidFormat, context,
                "regular expression '" + std::string(pattern) + "': " + Message(code));
  }
  pcre2_jit_compile(compiled->code, PCRE2_JIT_COMPLETE);  // where there is no JIT it is slower only
  compiled_ = std::move(compiled);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;

void Regex::FindAll(std::string_view text, std::vector<TextRange>& matches) const {
  const std::unique_ptr<pcre2_match_data, MatchDataDeleter> data(
      pcre2_match_data_create(1, nullptr));
  const std::unique_ptr<pcre2_match_context, MatchContextDeleter> context(
      pcre2_match_context_create(nullptr));
  std::unique_ptr<pcre2_jit_stack, JitStackDeleter> stack;
  if (data == nullptr || context == nullptr) {
    throw Error(ErrorCode::kOutOfMemory, compiled_->context, "no memory for a regular expression");
  }
  pcre2_set_match_limit(context.get(), kMatchLimit);
  pcre2_set_heap_limit(context.get(), kHeapLimitKib);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  size_t from = 0;
  size_t last_end = std::string_view::npos;
  while (from <= text.size()) {
    int rc = pcre2_match(compiled_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK,
                         data.get(), context.get());
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT && stack == nullptr) {
      stack.reset(pcre2_jit_stack_create(32 << 10, kJitStackBytes, nullptr));
      pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
      continue;
    }
    if (rc == PCRE2_ERROR_NOMATCH) return;
    if (rc < 0) {
      throw Error(ErrorCode::kInvalidFormat, compiled_->context,
                  "regular expression '" + compiled_->pattern +
                      "' cannot be run on this text: " + Message(rc));
    }
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data.get());
    const TextRange match{ends[0], ends[1]};
    if (match.begin == match.end && match.end == last_end) {
      if (from == text.size()) return;
      DecodeUtf8(text, from);
      continue;
    }
    matches.push_back(match);
    from = match.end;
    last_end = match.end;
  }
}

}  // namespace dear
