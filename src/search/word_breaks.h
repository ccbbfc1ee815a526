#ifndef DEAR_SEARCH_WORD_BREAKS_H_
#define DEAR_SEARCH_WORD_BREAKS_H_

#include <cstddef>
#include <string_view>

namespace dear {

// Cuts a text into words as Lucene's StandardTokenizer does: the rules of UAX #29 (Unicode Text
// Segmentation), of whose pieces those are words that hold a letter, a digit, an ideograph (each
// alone), Hiragana (each alone), a run of a South-East Asian script or an emoji sequence. A word
// ends at the latest after kLongest UTF-16 units, and what follows begins another.
class WordBreaks {
 public:
  static constexpr size_t kLongest = 255;

  // `text` is valid UTF-8 and outlives this.
  explicit WordBreaks(std::string_view text) : text_(text) {}

  // The next word, a view of the text; false behind the last.
  bool Next(std::string_view* word);

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace dear

#endif  // DEAR_SEARCH_WORD_BREAKS_H_
