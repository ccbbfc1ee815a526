#ifndef DEAR_TEXT_PYTHON_TEXT_H_
#define DEAR_TEXT_PYTHON_TEXT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dear {

// Text as Python's str sees it: the reference code cuts, strips and splits with it, so prompts are
// only the same bytes where these agree. All take valid UTF-8 (see RepairUtf8).

// Valid UTF-8: each maximal ill-formed part becomes U+FFFD, as bytes.decode(errors="replace").
std::string RepairUtf8(std::string_view bytes);

// Code points of `text`: len(text).
int64_t CodePointCount(std::string_view text);
// text[:count].
std::string_view FirstCodePoints(std::string_view text, int64_t count);

// str.isspace() of one code point.
bool IsPythonSpace(char32_t code_point);
// text.strip(), text.strip("\n"), and one-sided forms of the latter.
std::string_view StripSpace(std::string_view text);
std::string_view StripNewlines(std::string_view text, bool left, bool right);
// len(text.split()).
int64_t WordCount(std::string_view text);
// " ".join(text.split()[:count]); a negative count means all.
std::string FirstWords(std::string_view text, int64_t count);

// The code point at text[*at], and moves `at` behind it.
char32_t NextCodePoint(std::string_view text, size_t* at);

// text.replace(from, to). `from` is not empty.
std::string ReplaceAll(std::string_view text, std::string_view from, std::string_view to);

}  // namespace dear

#endif  // DEAR_TEXT_PYTHON_TEXT_H_
