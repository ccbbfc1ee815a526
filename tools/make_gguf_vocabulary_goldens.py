#!/usr/bin/env python3
"""Writes tests/golden/text/gguf: a GGUF file, made by the `gguf` package, for every way in which a vocabulary can be
cut (tokenizer.ggml.pre), and what `tokenizers` makes of texts with the same vocabulary and the pipeline that the name
stands for, spelled here once more with its own classes. And vocabularies of kind "llama", from the tiny SentencePiece
models, with what the SentencePiece library makes of them. Seeded; the versions stand in VERSIONS.

    make_gguf_vocabulary_goldens.py [FOLDER]
"""
import json
import pathlib
import random
import sys

import gguf
import sentencepiece as spm
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Split

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from compare_tokenizers import SAMPLES, random_text  # noqa: E402

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
START = r"[^\r\n\p{L}\p{N}]?"
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
REST_SLASH = REST.replace(r"[\r\n]*", r"[\r\n/]*")
HAN = "[一-龥ࠀ-一가-퟿]+"


def split(*patterns):
    return [Split(Regex(p), "isolated") for p in patterns]


def raw():
    return ByteLevel(add_prefix_space=False, use_regex=False)


def gpt2():
    return ByteLevel(add_prefix_space=False, use_regex=True)


def pipelines():
    """Name -> (steps, has NFC, ignores merges, adds BOS unless told)."""
    llama3 = lambda: [*split(rf"{ENDINGS}|{START}\p{{L}}+|\p{{N}}{{1,3}}|{REST}"), raw()]  # noqa: E731
    qwen2 = lambda: [*split(rf"{ENDINGS}|{START}\p{{L}}+|\p{{N}}|{REST}"), raw()]  # noqa: E731
    digits = lambda: [Digits(individual_digits=True), gpt2()]  # noqa: E731
    cased = r"[\p{Lu}\p{Ll}\p{Lt}]"  # of the Unicode of its day; the texts keep to letters that were there
    return {
        "llama-bpe": (llama3(), False, True, True),
        "dbrx": (llama3(), False, False, False),
        "qwen2": (qwen2(), True, False, False),
        "deepseek-r1-qwen": (qwen2(), False, False, False),
        "qwen35": ([*split(rf"{ENDINGS}|{START}[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"), raw()],
                   True, False, False),
        "smollm": (digits(), False, False, False),
        "command-r": (digits(), True, False, False),
        "gpt-2": ([gpt2()], False, False, False),
        "mpt": ([gpt2()], True, False, False),
        "tekken": ([*split(rf"{START}{UPPER}*{LOWER}+|{START}{UPPER}+{LOWER}*|\p{{N}}|{REST_SLASH}"), raw()], False, True, True),
        "gpt-4o": ([*split(rf"{START}{UPPER}*{LOWER}+{ENDINGS}?|{START}{UPPER}+{LOWER}*{ENDINGS}?|\p{{N}}{{1,3}}|{REST_SLASH}"), raw()],
                   False, False, False),
        "falcon": ([Punctuation("contiguous"), gpt2(), Digits(individual_digits=False), *split("[0-9][0-9][0-9]")],
                   False, False, False),
        "deepseek-llm": ([*split(r"[\r\n]", rf"\s?{cased}+", r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", HAN),
                          Digits(individual_digits=False), raw()], False, False, False),
        "deepseek-coder": ([*split(r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", HAN), Digits(individual_digits=True), raw()],
                           False, False, False),
        "deepseek-v3": ([*split(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
                                r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"),
                         raw()], False, False, False),
        "default": ([*split(r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"), raw()], False, False, False),
    }


def write(path, model, metadata):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(model)
    for name, value in metadata.items():
        getattr(writer, "add_" + name)(value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def byte_level(folder):
    # Whole lines as words, so that merges reach across every place at which the pipelines cut.
    words = ["It's", "DON'T", "we'LL", "12345", "1,234.5", "x=y+z;", "naïve", "日本語", "日本", "the", "The", "THE", "ing", "//", "\n",
             "\r\n", "  ", "   ", "\t", "a.b", "#tag", "e\u0301", "Привет", "한국", "½", "、", "。", "!?", "$5", "`q`", "camelCase", "²³"]
    rng = random.Random(3)
    lines = ["".join(rng.choice(["", " ", " "]) + rng.choice(words) for _ in range(12)) for _ in range(1500)]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = raw()
    trained.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=256 + 350, show_progress=False, initial_alphabet=ByteLevel.alphabet(), max_token_length=8))
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get) + ["<|bos|>", "<|eos|>", "<|user|>", "<unk>"]
    bos, eos = len(tokens) - 4, len(tokens) - 3
    types = [gguf.TokenType.NORMAL] * (len(tokens) - 4) + [gguf.TokenType.CONTROL] * 2 + [gguf.TokenType.USER_DEFINED, gguf.TokenType.NORMAL]
    merges = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]
    vocab = {token: i for i, token in enumerate(tokens)}
    for name, (steps, nfc, ignore_merges, adds_bos) in pipelines().items():
        write(folder / f"{name}.gguf", "gpt2", {
            "tokenizer_pre": name, "token_list": tokens, "token_merges": [" ".join(m) for m in merges], "token_types": types,
            "bos_token_id": bos, "eos_token_id": eos})
        theirs = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
        theirs.pre_tokenizer = pre_tokenizers.Sequence(steps)
        if nfc:
            theirs.normalizer = normalizers.NFC()
        theirs.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in ("<|bos|>", "<|eos|>")])
        theirs.add_tokens([AddedToken("<|user|>", normalized=False)])
        if adds_bos:
            theirs.post_processor = processors.TemplateProcessing(
                single="<|bos|> $A", pair="<|bos|> $A <|bos|>:1 $B:1", special_tokens=[("<|bos|>", bos)])
        rng = random.Random(5)
        texts = [*SAMPLES, *("".join(rng.choice(["", " ", "\n"]) + rng.choice(words) for _ in range(8)) for _ in range(40)),
                 *(random_text(rng, ["<|bos|>", "<|user|>", "<|eos|>"]) for _ in range(40)), "x   \n  y", "ends in blanks   ", "a<|user|> b<|eos|>"]
        texts = [t for t in texts if len(t) < 90]
        if name == "deepseek-llm":
            texts = [t for t in texts if all(c < "\u0530" or not c.isalpha() or not (c.isupper() or c.islower() or c.istitle()) for c in t)]
        (folder / f"{name}.cases.json").write_text(
            json.dumps([[t, theirs.encode(t).ids] for t in texts], ensure_ascii=True, separators=(",", ":")) + "\n")


def sentencepiece(folder):
    models_folder = folder.parent / "spm"
    for name, model_name, flags in (("spm", "bpe", {}), ("spm_no_bos", "bpe", {"add_bos_token": False, "add_eos_token": True}),
                                    ("spm_no_prefix", "bpe_no_prefix_user", {"add_space_prefix": False})):
        library = spm.SentencePieceProcessor(model_file=str(models_folder / f"{model_name}.model"))
        ids = range(library.get_piece_size())
        types = [gguf.TokenType.UNKNOWN if library.is_unknown(i) else gguf.TokenType.CONTROL if library.is_control(i) else
                 gguf.TokenType.BYTE if library.is_byte(i) else
                 gguf.TokenType.USER_DEFINED if model_name.endswith("user") and 3 <= i < 8 else gguf.TokenType.NORMAL for i in ids]
        write(folder / f"{name}.gguf", "llama", {
            "tokenizer_pre": "default", "token_list": [library.id_to_piece(i) for i in ids],
            "token_scores": [library.get_score(i) for i in ids], "token_types": types, "bos_token_id": 1, "eos_token_id": 2,
            "unk_token_id": 0, **flags})
        rng = random.Random(6)
        words = ["the", "quick", " fox", " light", "foxes", "日本", "é", "\n", "\n\n", "  ", " ", "aaaa", "<turn>", "☃", "12", "\x01", "▁"]
        texts = [t for t in SAMPLES if len(t) < 150 and "<s>" not in t and "</s>" not in t]
        texts += ["".join(rng.choice(words) for _ in range(rng.randrange(1, 14))) for _ in range(80)]
        before = [] if flags.get("add_bos_token") is False else [1]
        after = [2] if flags.get("add_eos_token") else []
        (folder / f"{name}.cases.json").write_text(
            json.dumps([[t, before + library.encode(t) + after] for t in texts], ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "tests/golden/text/gguf")
    folder.mkdir(parents=True, exist_ok=True)
    byte_level(folder)
    sentencepiece(folder)
    version = __import__("importlib.metadata").metadata.version
    (folder / "VERSIONS").write_text(f"gguf {version('gguf')}\ntokenizers {tokenizers.__version__}\nsentencepiece {spm.__version__}\n")


if __name__ == "__main__":
    main()
