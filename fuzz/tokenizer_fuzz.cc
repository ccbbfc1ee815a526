// Tokenizer files of strangers: tokenizer.json with its configuration, and tokenizer.model. What is
// read is then used on a text of the input too. Input: KIND byte, then text, 0xFF, then the file.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace {

void Use(const dear::Tokenizer& tokenizer, std::string_view text) {
  dear::EncodeOptions options;
  const auto encoding = tokenizer.Encode(text, options, /*with_offsets=*/true);
  const auto again = tokenizer.Encode(text, options, /*with_offsets=*/false);
  if (encoding.ids != again.ids || encoding.offsets.size() != encoding.ids.size()) __builtin_trap();
  options.truncation = dear::Truncation::kLongestFirst;
  options.max_length = 8;
  const auto pair = tokenizer.EncodePair(text, "a b", options, true);
  if (pair.ids.size() > 8) __builtin_trap();
  tokenizer.Decode(encoding.ids, true);
  for (const auto id : encoding.ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) __builtin_trap();
  }
}

constexpr std::string_view kTokenizer = R"({"model": {"type": "BPE",
  "vocab": {"a": 0, "b": 1, "c": 2, " ": 3, "ab": 4, "<s>": 5, "</s>": 6}, "merges": ["a b"]}})";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t cut = input.find('\xFF');
  if (input.empty() || cut == std::string_view::npos || cut == 0) return 0;
  const std::string_view text = input.substr(1, cut - 1);
  const std::string_view file = input.substr(cut + 1);
  try {
    switch (input[0]) {
      case 'm': Use(*dear::TokenizerFromSentencePiece(file, {}, "fuzz"), text); break;
      case 'c': {  // each of the three files, beside a tokenizer
        const std::string json(file);
        for (const dear::TokenizerConfigFiles& files :
             {dear::TokenizerConfigFiles{.config = json},
              dear::TokenizerConfigFiles{.special_tokens_map = json},
              dear::TokenizerConfigFiles{.added_tokens = json}}) {
          try {
            const auto config = dear::ParseTokenizerConfig(files, "fuzz");
            Use(*dear::TokenizerFromJson(kTokenizer, config, "fuzz"), text);
          } catch (const dear::Error&) {
          }
        }
        break;
      }
      default: Use(*dear::TokenizerFromJson(file, {}, "fuzz"), text);
    }
  } catch (const dear::Error&) {  // the one way to fail
  }
  return 0;
}
