// Whatever a text holds, its words are pieces of it in their order, none longer than the longest,
// and its terms are valid UTF-8, none empty.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "search/analyzer.h"
#include "search/word_breaks.h"
#include "text/unicode.h"

namespace {

size_t Utf16Length(std::string_view text) {
  size_t units = 0;
  for (size_t at = 0; at < text.size();) units += dear::DecodeUtf8(text, at) < 0x10000 ? 1 : 2;
  return units;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string storage;
  const std::string_view valid = dear::ValidUtf8(text, storage);
  dear::WordBreaks breaks(valid);
  const char* behind = valid.data();
  for (std::string_view word; breaks.Next(&word); behind = word.data() + word.size()) {
    if (word.empty() || word.data() < behind) std::abort();
    if (!dear::IsValidUtf8(word) || Utf16Length(word) > dear::WordBreaks::kLongest) std::abort();
  }
  if (behind > valid.data() + valid.size()) std::abort();
  for (const std::string& term : dear::AnalyzeEnglish(text)) {
    if (term.empty() || !dear::IsValidUtf8(term)) std::abort();
  }
  return 0;
}
