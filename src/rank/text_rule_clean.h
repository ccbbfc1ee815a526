#ifndef DEAR_RANK_TEXT_RULE_CLEAN_H_
#define DEAR_RANK_TEXT_RULE_CLEAN_H_

#include <string>
#include <string_view>

namespace dear {

// `text` (valid UTF-8) with what ftfy's fix_text, which RankLLM runs over passages and prompts,
// changes character by character: C1 controls as Windows-1252 means them, Latin ligatures spelt
// out, full-width and half-width forms in their usual width, curly quotes straight, every line
// break a newline, terminal escapes and control characters gone, NFC. Not done, being guesses about
// a whole line: repair of text that was decoded in a wrong encoding, and HTML entities.
std::string CleanText(std::string_view text);

}  // namespace dear

#endif  // DEAR_RANK_TEXT_RULE_CLEAN_H_
