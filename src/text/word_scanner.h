#ifndef DEAR_TEXT_WORD_SCANNER_H_
#define DEAR_TEXT_WORD_SCANNER_H_

#include <cstddef>
#include <string_view>

namespace dear {

// Cuts a text as one of the regular expressions that nearly all byte-level models share does, by
// hand: several times faster than any regex engine. Every character belongs to a match, so that
// the matches follow each other without gaps. The test compares them with Regex on random text.
using WordScanner = size_t (*)(std::string_view text, size_t begin);  // -> end of the match

// The scanner for exactly this pattern, or null.
WordScanner FindWordScanner(std::string_view pattern);

// ByteLevel's own pattern:
// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
extern const std::string_view kGpt2Pattern;
size_t ScanGpt2(std::string_view text, size_t begin);

// The same for Llama 3 (up to three digits together) and Qwen 2 (each digit alone).
extern const std::string_view kLlama3Pattern;
extern const std::string_view kQwen2Pattern;

}  // namespace dear

#endif  // DEAR_TEXT_WORD_SCANNER_H_
