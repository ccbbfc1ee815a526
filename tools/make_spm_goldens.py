#!/usr/bin/env python3
"""Trains the tiny SentencePiece models of tests/golden/text/spm with the Python package, each of another kind:
what they encode is asked of the library itself by the test (spm_library_test.cc). Seeded, one thread, so that the
same version writes the same bytes; the versions stand in VERSIONS.

    make_spm_goldens.py [FOLDER]
"""
import pathlib
import random
import sys
import tempfile

import sentencepiece as spm

WORDS = ("the quick brown fox jumps over a lazy dog and then some people invent light bulbs while Thomas Edison "
         "listens lightning strikes university coffee is good for your diet 1879 12,345 6.7 naïve café résumé straße "
         "日本語 の 文章 中文 한국어 Привет мир שלום aaaa aaaaaaa banana bananas").split()
MODELS = {
    # As Llama's: the characters as they are, bytes for those that are not known.
    "bpe": dict(model_type="bpe", vocab_size=470, byte_fallback=True),
    "bpe_no_bytes": dict(model_type="bpe", vocab_size=220),
    "bpe_no_prefix_user": dict(model_type="bpe", vocab_size=500, byte_fallback=True, add_dummy_prefix=False,
                               user_defined_symbols=["<turn>", "\n\n", "ing", "foxes", "fox"]),
    # What only the library does.
    "bpe_user": dict(model_type="bpe", vocab_size=240, user_defined_symbols=["<turn>", "ight", "▁over"]),
    "bpe_rules": dict(model_type="bpe", vocab_size=220, rules=True),
    "bpe_trimmed": dict(model_type="bpe", vocab_size=220, remove_extra_whitespaces=True),
    "bpe_suffix": dict(model_type="bpe", vocab_size=220, treat_whitespace_as_suffix=True),
    "unigram": dict(model_type="unigram", vocab_size=130),
    "unigram_bytes": dict(model_type="unigram", vocab_size=390, byte_fallback=True, rules=True,
                          remove_extra_whitespaces=True),
    "word": dict(model_type="word", vocab_size=50),
    "char": dict(model_type="char", vocab_size=100),
}
# source characters, target characters: ligatures, full-width letters, a blank, an accent, nothing
RULES = [("FB01", "66 69"), ("FF21", "41"), ("FF41", "61"), ("3000", "20"), ("A0", "20"), ("65 301", "E9"), ("AD", ""),
         ("2460", "28 31 29"), ("C4", "41 308"), ("1F600", "3A 2D 29")]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/text/spm")
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as scratch:
        text = pathlib.Path(scratch) / "text"
        text.write_text("\n".join(" ".join(rng.choice(WORDS) for _ in range(rng.randrange(3, 20))) for _ in range(2000)),
                        encoding="utf-8")
        rules = pathlib.Path(scratch) / "rules.tsv"
        rules.write_text("".join(f"{a}\t{b}\n" for a, b in RULES), encoding="utf-8")
        for name, options in MODELS.items():
            options = {"remove_extra_whitespaces": False, "normalization_rule_name": "identity", **options}
            if options.pop("rules", False):
                del options["normalization_rule_name"]
                options["normalization_rule_tsv"] = str(rules)
            prefix = str(pathlib.Path(scratch) / name)
            # The trainer leaves a note of where its text lay: let it lie nowhere in particular.
            with open(text, encoding="utf-8") as lines:
                spm.SentencePieceTrainer.train(sentence_iterator=(line.rstrip("\n") for line in lines), model_prefix=prefix,
                                               num_threads=1, character_coverage=0.998, minloglevel=2,
                                               hard_vocab_limit=False, **options)
            model = pathlib.Path(prefix + ".model").read_bytes().replace(prefix.encode(), name.rjust(len(prefix)).encode())
            model = model.replace(str(rules).encode(), "rules.tsv".rjust(len(str(rules))).encode())
            (folder / f"{name}.model").write_bytes(model)
    (folder / "VERSIONS").write_text(f"sentencepiece {spm.__version__}\n")


if __name__ == "__main__":
    main()
