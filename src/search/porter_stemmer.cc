#include "search/porter_stemmer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace dear {
namespace {

struct Rule {
  std::string_view suffix;
  std::string_view replacement;
};

// Of suffixes of which one ends with the other, the longer one comes first.
constexpr Rule kDoubleSuffixes[] = {
    {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"},
    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"}, {"eli", "e"},     {"ousli", "ous"},
    {"ization", "ize"}, {"ation", "ate"},   {"ator", "ate"},  {"alism", "al"},  {"iveness", "ive"},
    {"fulness", "ful"}, {"ousness", "ous"}, {"aliti", "al"},  {"iviti", "ive"}, {"biliti", "ble"},
    {"logi", "log"}};
constexpr Rule kAdjectiveSuffixes[] = {{"icate", "ic"}, {"ative", ""},  {"alize", "al"},
                                       {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
                                       {"ness", ""}};
constexpr std::string_view kBareSuffixes[] = {"al",  "ance",  "ence", "er",  "ic",  "able", "ible",
                                              "ant", "ement", "ment", "ent", "ion", "ou",   "ism",
                                              "ate", "iti",   "ous",  "ive", "ize"};

template <typename String>
class Stemmer {
 public:
  explicit Stemmer(String* word) : word_(*word) {}

  void Stem() {
    if (word_.size() <= 2) return;
    CutPlural();
    CutPast();
    if (EndsWith("y") && HasVowel(word_.size() - 1)) word_.back() = 'i';
    Replace(kDoubleSuffixes);
    Replace(kAdjectiveSuffixes);
    CutBare();
    CutLast();
  }

 private:
  bool IsConsonant(size_t i) const {
    switch (word_[i]) {
      case 'a':
      case 'e':
      case 'i':
      case 'o':
      case 'u': return false;
      case 'y': {
        // A vowel behind a consonant. Not by recursion: a word may be a long row of them.
        size_t first = i;
        while (first > 0 && word_[first - 1] == 'y') --first;
        const bool first_is = first == 0 || !IsConsonant(first - 1);
        return first_is == ((i - first) % 2 == 0);
      }
      default: return true;
    }
  }

  // How often a vowel is followed by a consonant in the first `length` letters.
  int Measure(size_t length) const {
    int count = 0;
    bool after_vowel = false;
    for (size_t i = 0; i < length; ++i) {
      const bool consonant = IsConsonant(i);
      if (consonant && after_vowel) ++count;
      after_vowel = !consonant;
    }
    return count;
  }

  bool HasVowel(size_t length) const {
    for (size_t i = 0; i < length; ++i) {
      if (!IsConsonant(i)) return true;
    }
    return false;
  }

  bool EndsDouble(size_t length) const {
    return length >= 2 && word_[length - 1] == word_[length - 2] && IsConsonant(length - 1);
  }

  // Consonant, vowel, consonant other than w, x and y, as in "hop": where an e was cut off.
  bool EndsShort(size_t length) const {
    if (length < 3 || !IsConsonant(length - 1) || IsConsonant(length - 2) ||
        !IsConsonant(length - 3)) {
      return false;
    }
    const auto last = word_[length - 1];
    return last != 'w' && last != 'x' && last != 'y';
  }

  bool EndsWith(std::string_view suffix) const {
    if (suffix.size() > word_.size()) return false;
    const size_t begin = word_.size() - suffix.size();
    for (size_t i = suffix.size(); i-- > 0;) {
      if (word_[begin + i] != static_cast<typename String::value_type>(suffix[i])) return false;
    }
    return true;
  }

  void Cut(size_t count) { word_.resize(word_.size() - count); }

  void CutPlural() {
    if (EndsWith("sses") || EndsWith("ies")) {
      Cut(2);
    } else if (EndsWith("s") && word_[word_.size() - 2] != 's') {
      Cut(1);
    }
  }

  void CutPast() {
    if (EndsWith("eed")) {
      if (Measure(word_.size() - 3) > 0) Cut(1);
      return;
    }
    const size_t count = EndsWith("ed") ? 2 : EndsWith("ing") ? 3 : 0;
    if (count == 0 || !HasVowel(word_.size() - count)) return;
    Cut(count);
    if (EndsWith("at") || EndsWith("bl") || EndsWith("iz")) {
      word_ += 'e';
    } else if (EndsDouble(word_.size())) {
      const auto last = word_.back();
      if (last != 'l' && last != 's' && last != 'z') Cut(1);
    } else if (Measure(word_.size()) == 1 && EndsShort(word_.size())) {
      word_ += 'e';
    }
  }

  void Replace(std::span<const Rule> rules) {
    for (const Rule& rule : rules) {
      if (!EndsWith(rule.suffix)) continue;
      if (Measure(word_.size() - rule.suffix.size()) > 0) {
        Cut(rule.suffix.size());
        word_.insert(word_.end(), rule.replacement.begin(), rule.replacement.end());
      }
      return;
    }
  }

  void CutBare() {
    for (const std::string_view suffix : kBareSuffixes) {
      if (!EndsWith(suffix)) continue;
      const size_t stem = word_.size() - suffix.size();
      if (suffix == "ion" && (stem == 0 || (word_[stem - 1] != 's' && word_[stem - 1] != 't')))
        continue;
      if (Measure(stem) > 1) Cut(suffix.size());
      return;
    }
  }

  void CutLast() {
    const int measure = Measure(word_.size());
    if (EndsWith("e")) {
      const int before = Measure(word_.size() - 1);
      if (before > 1 || (before == 1 && !EndsShort(word_.size() - 1))) Cut(1);
    }
    if (EndsWith("l") && EndsDouble(word_.size()) && measure > 1) Cut(1);
  }

  String& word_;
};

}  // namespace

void PorterStem(std::string* ascii_word) {
  Stemmer<std::string>(ascii_word).Stem();
}

void PorterStem(std::u16string* word) {
  Stemmer<std::u16string>(word).Stem();
}

}  // namespace dear
