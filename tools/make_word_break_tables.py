#!/usr/bin/env python3
"""Writes src/search/word_break_tables.cc: how Lucene's StandardTokenizer sees every character.

The classes are read out of the tokenizer itself, by what it makes of short texts that hold the character, so that
the tables have the Unicode version of that Lucene and no other.

    make_word_break_tables.py anserini-0.22.1-fatjar.jar > src/search/word_break_tables.cc
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

PROBE = r"""
import java.io.*;
import org.apache.lucene.analysis.standard.StandardTokenizer;
import org.apache.lucene.analysis.tokenattributes.OffsetAttribute;

public class Probe {
  static final StandardTokenizer TOKENIZER = new StandardTokenizer();
  static final OffsetAttribute OFFSET = TOKENIZER.addAttribute(OffsetAttribute.class);

  // Whether the whole text is one token.
  static boolean one(String text) throws IOException {
    TOKENIZER.setReader(new StringReader(text));
    TOKENIZER.reset();
    boolean is = TOKENIZER.incrementToken() && OFFSET.startOffset() == 0 && OFFSET.endOffset() == text.length();
    TOKENIZER.close();
    return is;
  }

  static String core(String x) throws IOException {
    if (one("\u5B57" + x)) return "Extend";             // a Han character joins nothing else
    if (one("\u30AB" + x + "a")) return "ExtendNumLet";  // only this joins Katakana to letters
    if (one("\u30AB" + x)) return "Katakana";
    if (one("1." + x)) return "Numeric";
    if (one("\u05D0\"" + x)) return "HebrewLetter";
    if (one("a:" + x)) return "Letter";
    if (one("\u05D0" + x)) return "SingleQuote";
    boolean letters = one("a" + x + "a");
    boolean numbers = one("1" + x + "1");
    if (letters) return numbers ? "MidNumLet" : "MidLetter";
    if (numbers) return "MidNum";
    return one("\u05D0" + x + "\u05D0") ? "DoubleQuote" : "Other";
  }

  static String classes(int c) throws IOException {
    String x = new String(Character.toChars(c));
    String out = core(x);
    boolean modifier = c >= 0x1F3FB && c <= 0x1F3FF;
    boolean extend = out.equals("Extend");
    boolean emoji = !extend && one(x + "\u200D\uD83D\uDE00");
    boolean complex = !modifier && one("\u0E01" + x) && (!extend || one(x));
    if (emoji) out += " Emoji";
    if (complex) out += " Complex";
    if (out.equals("Other") && one(x)) out += " Single";
    return out;
  }

  public static void main(String[] arguments) throws IOException {
    for (int c = 0; c < 0x110000; ++c) {
      if (c < 0xD800 || c >= 0xE000) System.out.println(c + " " + classes(c));
    }
  }
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("jar", type=pathlib.Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "Probe.java"
        source.write_text(PROBE, encoding="utf-8")
        out = subprocess.run(["java", "-cp", args.jar, source], check=True, capture_output=True, text=True).stdout

    ranges = []
    for line in out.splitlines():
        code_point, classes = line.split(" ", 1)
        c = int(code_point)
        if classes == "Other":
            continue
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == classes:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, classes])
    if not 900 < len(ranges) < 2000:
        sys.exit(f"{len(ranges)} ranges: the probe no longer fits this tokenizer")

    print("// Written by tools/make_word_break_tables.py; do not edit.")
    print(f"// {args.jar.name}")
    print('#include "search/word_break_tables.h"\n')
    print("namespace dear {")
    print("namespace {\n")
    print("constexpr WordBreakRange kRanges[] = {")
    print("    // clang-format off")
    line = "   "
    for first, last, classes in ranges:
        parts = [f"kBreak{name}" for name in classes.split() if name != "Other"]
        item = f" {{0x{first:X}, 0x{last:X}, {' | '.join(parts)}}},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("    // clang-format on")
    print("};\n")
    print("}  // namespace\n")
    print("std::span<const WordBreakRange> WordBreakRanges() {\n  return kRanges;\n}\n")
    print("}  // namespace dear")


if __name__ == "__main__":
    main()
