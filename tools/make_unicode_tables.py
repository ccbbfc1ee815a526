#!/usr/bin/env python3
"""Writes src/text/unicode_tables.cc: the character classes that the `tokenizers` library sees.

Its regexes run on Oniguruma and its code on Rust's char methods, each with a Unicode version of its
own; Debian's PCRE2 knows an older one, its utf8proc a newer one than the library's normalisation.
The classes are read out of the library itself over all code points, and where the two system
libraries differ the difference is written down.

    make_unicode_tables.py --pcre classes.txt > src/text/unicode_tables.cc

classes.txt: what PCRE2 has, one line a class, "NAME begin-end begin-end …" in hexadecimal, Han being
the script (\\p{sc:Han}). libutf8proc.so.2 must be installed.
"""
import argparse
import ctypes
import sys

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def regex_members(pattern):
    text = "".join(map(chr, CODE_POINTS))
    members = set(CODE_POINTS)
    for piece, _ in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text):
        members.difference_update(map(ord, piece))
    return members


def splits_around(pre_tokenizer):
    """For every code point X, how "aXa " is cut: a list of (begin, length)."""
    text = "".join("a" + chr(c) + "a " for c in CODE_POINTS)
    cuts = [[] for _ in CODE_POINTS]
    for _, (begin, end) in pre_tokenizer.pre_tokenize_str(text):
        cuts[begin // 4].append((begin % 4, end - begin))
    return dict(zip(CODE_POINTS, cuts))


def ranges(members):
    out = []
    for c in sorted(members):
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def table(name, comment, members):
    print(f"// {comment}")
    print(f"constexpr CodePointRange {name}[] = {{")
    line = "   "
    for a, b in ranges(members):
        item = f" {{0x{a:X}, 0x{b:X}}},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};\n")


class Utf8proc:
    def __init__(self):
        self.lib = ctypes.CDLL("libutf8proc.so.2")
        self.lib.utf8proc_get_property.restype = ctypes.POINTER(ctypes.c_int16)
        self.lib.utf8proc_tolower.restype = ctypes.c_int32

    def combining_class(self, code_point):
        return self.lib.utf8proc_get_property(code_point)[1]

    def lower(self, code_point):
        return self.lib.utf8proc_tolower(code_point)

    def decompose(self, code_point, compat):
        function = self.lib.utf8proc_NFKD if compat else self.lib.utf8proc_NFD
        function.restype = ctypes.c_void_p
        address = function(chr(code_point).encode())
        text = ctypes.string_at(address).decode()
        self.lib.free(ctypes.c_void_p(address))
        return text


def normalization_tables():
    utf8proc = Utf8proc()
    nfd, nfkd = normalizers.NFD(), normalizers.NFKD()
    unchanged = set()
    for c in CODE_POINTS[1:]:
        for form, compat in ((nfd, False), (nfkd, True)):
            theirs = form.normalize_str(chr(c))
            if theirs != utf8proc.decompose(c, compat):
                if theirs != chr(c):
                    sys.exit(f"U+{c:04X} is decomposed otherwise: this needs another treatment")
                unchanged.add(c)
    table("kNotDecomposed", "Characters that its normalisation, unlike utf8proc's, leaves as they are.", unchanged)

    # A character has a combining class where another mark changes places with it.
    unordered = set()
    for c in CODE_POINTS:
        if utf8proc.combining_class(c) == 0:
            continue
        swaps = False
        for mark in (0x0334, 0x0345):  # classes 1 and 240, the ends of the scale
            for text in (chr(mark) + chr(c), chr(c) + chr(mark)):
                swaps |= nfd.normalize_str("a" + text) != "a" + nfd.normalize_str(text[0]) + nfd.normalize_str(text[1])
        if not swaps and utf8proc.combining_class(c) not in (1, 240):
            unordered.add(c)
    table("kNotReordered", "Marks that have no combining class to its normalisation.", unordered)

    lower = normalizers.Lowercase()
    pairs = []
    for c in CODE_POINTS:
        theirs = lower.normalize_str(chr(c))
        if len(theirs) == 1 and ord(theirs) != utf8proc.lower(c):
            pairs.append((c, ord(theirs)))
    print("// Capital and small letters that utf8proc does not pair.")
    print("constexpr CodePointRange kLowercase[] = {")
    line = "   "
    for a, b in pairs:
        item = f" {{0x{a:X}, 0x{b:X}}},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + "\n};\n")

    strip = normalizers.StripAccents()
    table("kMark", "What StripAccents removes.", {c for c in CODE_POINTS if strip.normalize_str(chr(c)) == ""})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pcre", required=True)
    args = parser.parse_args()

    pcre = {}
    for line in open(args.pcre, encoding="ascii"):
        name, *spans = line.split()
        pcre[name] = {c for s in spans for c in range(int(s.split("-")[0], 16), int(s.split("-")[1], 16) + 1)}

    whitespace = splits_around(pre_tokenizers.Whitespace())
    digits = splits_around(pre_tokenizers.Digits(individual_digits=True))
    punctuation = splits_around(pre_tokenizers.Punctuation())

    print("// Written by tools/make_unicode_tables.py; do not edit.")
    print(f"// tokenizers {tokenizers.__version__}")
    print('#include "text/unicode_tables.h"\n')
    print("namespace dear::unicode_tables {")
    print("namespace {\n")
    table("kLetter", "\\p{L} of its regexes.", regex_members(r"\p{L}"))
    table("kNumber", "\\p{N} of its regexes.", regex_members(r"\p{N}"))
    table("kWord", "\\w of its regexes.", regex_members(r"\w"))
    beyond = regex_members(r"\w") - regex_members(r"\p{L}") - regex_members(r"\p{M}") - regex_members(r"\p{Nd}")
    for name in ("L", "M", "Nd"):
        if regex_members(r"\p{%s}" % name) - regex_members(r"\w"):
            sys.exit(f"\\w does not hold all of {name}: this needs another treatment")
    table("kWordBeyond", "\\w without \\p{L}, \\p{M} and \\p{Nd}.", beyond)
    table("kSpace", "\\s of its regexes and of its own code.", regex_members(r"\s"))
    table("kPlainWord", "\\w beside added tokens and in Whitespace.",
          {c for c, cut in whitespace.items() if cut and cut[0] == (0, 3)})
    table("kNumeric", "What Digits isolates.", {c for c, cut in digits.items() if (1, 1) in cut})
    table("kPunctuation", "What Punctuation isolates.", {c for c, cut in punctuation.items() if (1, 1) in cut})

    names = []
    for name in ["L", "Lu", "Ll", "Lm", "Lo", "M", "N", "Nd", "P", "S", "Han"]:
        missing = regex_members(r"\p{%s}" % name) - pcre[name]
        if name != "Han" and pcre[name] - regex_members(r"\p{%s}" % name):
            sys.exit(f"PCRE2 has more in {name}: this needs another treatment")
        table(f"kMissing{name}", f"In \\p{{{name}}} of its regexes, not yet in PCRE2's.", missing)
        names.append(name)

    normalization_tables()

    print("}  // namespace\n")
    for name in ["Letter", "Number", "Word", "WordBeyond", "Space", "PlainWord", "Numeric", "Punctuation", "Mark",
                 "NotDecomposed", "NotReordered", "Lowercase"]:
        print(f"std::span<const CodePointRange> {name}() {{ return k{name}; }}")
    print("\nstd::span<const CodePointRange> MissingInPcre2(std::string_view property) {")
    for name in names:
        print(f'  if (property == "{name}") return kMissing{name};')
    print("  return {};\n}\n")
    print("}  // namespace dear::unicode_tables")


if __name__ == "__main__":
    main()
