#ifndef DEAR_SEARCH_TEXT_KEY_H_
#define DEAR_SEARCH_TEXT_KEY_H_

#include <cstdint>
#include <string_view>

namespace dear {

// A number that is the same for texts that differ in nothing but case and white space: a passage
// that a corpus and a training row each wrote in their own way. Of a billion pairs of different
// texts, one has the same number with a probability below 1e-9.
uint64_t TextKey(std::string_view text);

}  // namespace dear

#endif  // DEAR_SEARCH_TEXT_KEY_H_
