#ifndef DEAR_SEARCH_WORD_BREAK_TABLES_H_
#define DEAR_SEARCH_WORD_BREAK_TABLES_H_

#include <cstdint>
#include <span>

namespace dear {

// What a character is to the word breaks of UAX #29: one of the first, as its Word_Break property
// says, and perhaps some of the flags.
enum WordBreakClass : uint8_t {
  kBreakOther = 0,
  kBreakLetter,  // ALetter
  kBreakHebrewLetter,
  kBreakNumeric,
  kBreakKatakana,
  kBreakMidLetter,
  kBreakMidNum,
  kBreakMidNumLet,
  kBreakSingleQuote,
  kBreakDoubleQuote,
  kBreakExtendNumLet,
  kBreakExtend,  // Extend, Format, ZWJ: belong to what stands before them
  kBreakCore = 0x0F,
  kBreakEmoji = 0x10,
  kBreakComplex = 0x20,  // South-East Asian scripts, of which runs stay together
  kBreakSingle = 0x40,   // ideographs and Hiragana, of which each stands alone
};

struct WordBreakRange {
  char32_t first;
  char32_t last;  // included
  uint8_t classes;
};

// All characters that are something, sorted (tools/make_word_break_tables.py).
std::span<const WordBreakRange> WordBreakRanges();

}  // namespace dear

#endif  // DEAR_SEARCH_WORD_BREAK_TABLES_H_
