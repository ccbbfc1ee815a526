#ifndef DEAR_TEXT_SPLIT_STEP_H_
#define DEAR_TEXT_SPLIT_STEP_H_

#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/regex.h"

namespace dear {

// What becomes of the delimiters that a pattern finds (tokenizers' SplitDelimiterBehavior).
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

SplitBehavior ParseSplitBehavior(const std::string& name, const std::string& context);

// The pieces of a text of `size` bytes in which a pattern has found `matches`; `invert` takes what
// lies between them for the delimiters. No piece is empty.
void CutByMatches(const std::vector<TextRange>& matches, size_t size, SplitBehavior behavior,
                  bool invert, std::vector<TextRange>& pieces);

}  // namespace dear

#endif  // DEAR_TEXT_SPLIT_STEP_H_
