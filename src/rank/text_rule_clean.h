#ifndef DEAR_RANK_TEXT_RULE_CLEAN_H_
#define DEAR_RANK_TEXT_RULE_CLEAN_H_

#include <string>
#include <string_view>

namespace dear {

// `text` (valid UTF-8) with what ftfy's fix_text changes, which RankLLM runs over passages and
// prompts: misread UTF-8 put right (RepairMisreadUtf8), C1 controls as Windows-1252 means them,
// Latin ligatures spelt out, full-width and half-width forms in their usual width, curly quotes
// straight, every line break a newline, terminal escapes and control characters gone, NFC. HTML
// entities stay.
std::string CleanText(std::string_view text);

}  // namespace dear

#endif  // DEAR_RANK_TEXT_RULE_CLEAN_H_
