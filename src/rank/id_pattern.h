#ifndef DEAR_RANK_ID_PATTERN_H_
#define DEAR_RANK_ID_PATTERN_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rank/recipe.h"

namespace dear {

// The number of a passage as prompts write it: "0", "1" or "A"; letters go on with "AA" after "Z".
std::string IdText(IdStyle style, int64_t index);
// Back to the index, -1 where `text` is no id or one too large to count. Decimal digits of every
// script are read, as Python's int() does.
int64_t IdIndex(IdStyle style, std::string_view text);

// A decimal digit of any script, Python's str.isdecimal().
bool IsDecimalDigit(char32_t c);

// A regular expression that finds ids in an answer. \d means what it means in Python: the decimal
// digits of Unicode.
class IdPattern {
 public:
  // Throws kInvalidFormat.
  explicit IdPattern(const std::string& pattern);

  // Whether the whole of `text` matches.
  bool Matches(std::string_view text) const;
  // The first group of every match (the whole match where there is no group), in order. `text` is
  // valid UTF-8. Throws kInvalidFormat where matching takes too long.
  std::vector<std::string_view> FindAll(std::string_view text) const;

 private:
  std::shared_ptr<const void> code_;
};

}  // namespace dear

#endif  // DEAR_RANK_ID_PATTERN_H_
