#ifndef DEAR_TEXT_UNICODE_TABLES_H_
#define DEAR_TEXT_UNICODE_TABLES_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace dear {

struct CodePointRange {
  char32_t first;
  char32_t last;  // included
};

// Character classes as the `tokenizers` library sees them, sorted. Which Unicode version a system
// library has must not change ids, so they are data of ours (tools/make_unicode_tables.py).
namespace unicode_tables {

std::span<const CodePointRange> Letter();       // \p{L}
std::span<const CodePointRange> Number();       // \p{N}
std::span<const CodePointRange> Word();         // \w of a Split regex
std::span<const CodePointRange> WordBeyond();   // \w without \p{L}, \p{M} and \p{Nd}
std::span<const CodePointRange> Space();        // \s
std::span<const CodePointRange> PlainWord();    // \w beside added tokens and in Whitespace
std::span<const CodePointRange> Numeric();      // what Digits isolates
std::span<const CodePointRange> Punctuation();  // what Punctuation isolates
std::span<const CodePointRange> Mark();         // what StripAccents removes

// Its normalisation knows an older Unicode than utf8proc: characters that it does not decompose,
// marks that it does not reorder.
std::span<const CodePointRange> NotDecomposed();
std::span<const CodePointRange> NotReordered();
// {capital, small} pairs, not ranges: those that its newer Unicode has and utf8proc has not.
std::span<const CodePointRange> Lowercase();

// Code points that the regexes of `tokenizers` have in \p{property} and Debian's PCRE2 has not;
// empty where they agree or the property is not listed.
std::span<const CodePointRange> MissingInPcre2(std::string_view property);

}  // namespace unicode_tables
}  // namespace dear

#endif  // DEAR_TEXT_UNICODE_TABLES_H_
