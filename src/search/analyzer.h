#ifndef DEAR_SEARCH_ANALYZER_H_
#define DEAR_SEARCH_ANALYZER_H_

#include <string>
#include <string_view>
#include <vector>

#include "search/word_breaks.h"

namespace dear {

// The terms of an English text, as Anserini and pyserini make them by default: Lucene's
// StandardTokenizer (WordBreaks), EnglishPossessiveFilter ('s at the end of a word goes),
// LowerCaseFilter, StopFilter with its 33 English words, PorterStemFilter (PorterStem).
class EnglishTerms {
 public:
  // What is no UTF-8 becomes U+FFFD. `text` outlives this.
  explicit EnglishTerms(std::string_view text);
  EnglishTerms(const EnglishTerms&) = delete;
  EnglishTerms& operator=(const EnglishTerms&) = delete;

  // The next term, a view that is good until the next call; false behind the last.
  bool Next(std::string_view* term);

 private:
  void Lower(std::string_view word);
  void Stem();

  std::string storage_;
  WordBreaks words_;
  std::string term_;
  bool is_ascii_ = true;
};

std::vector<std::string> AnalyzeEnglish(std::string_view text);

}  // namespace dear

#endif  // DEAR_SEARCH_ANALYZER_H_
