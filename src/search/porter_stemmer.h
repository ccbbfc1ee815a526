#ifndef DEAR_SEARCH_PORTER_STEMMER_H_
#define DEAR_SEARCH_PORTER_STEMMER_H_

#include <string>

namespace dear {

// Cuts a lower-case English word to its stem: M. F. Porter, "An algorithm for suffix stripping",
// Program 14(3), 1980, with what its author changed since and Lucene's PorterStemFilter follows:
// words of one or two letters stay, "bli" becomes "ble" (not "abli" "able"), "logi" becomes "log".
// Characters beyond ASCII are consonants.
void PorterStem(std::string* ascii_word);
// In UTF-16 units, as Lucene counts letters.
void PorterStem(std::u16string* word);

}  // namespace dear

#endif  // DEAR_SEARCH_PORTER_STEMMER_H_
