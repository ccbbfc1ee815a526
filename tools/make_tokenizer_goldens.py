#!/usr/bin/env python3
"""Writes tests/golden/text/tokenizers: tiny tokenizers that together use every part that the
tokenizer knows, and what the `tokenizers` package makes of texts with them.

    make_tokenizer_goldens.py [OUT]

NAME.json is a tokenizer.json, NAME.cases.json holds {"versions", "encode": [{text, pair?,
max_length?, special, ids, offsets, type_ids}], "decode": [{ids, skip, text}]}.
"""
import json
import pathlib
import random
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from compare_tokenizers import SAMPLES, random_text  # noqa: E402

CORPUS = [
    "The quick brown fox jumps over the lazy dog. The dog sleeps; the fox runs on and on.",
    "In 1879 Thomas Edison made a light bulb that burned for 13.5 hours, or 14 (some say 40).",
    "Reranking orders passages by relevance: a query, twenty passages, one permutation.",
    "naïve café résumé über Straße Ångström façade déjà vu",
    "日本語の文章と中文的句子，한국어 문장도 있다.", "Привет, мир! Γειά σου Κόσμε. שלום עולם مرحبا",
    "don't can't we'll they've I'm he'd DON'T it's", "def f(x):\n\treturn x ** 2\n\n\nprint(f(10))  # 100",
    "👩‍👩‍👧 🏳️‍🌈 👍🏽 !!! ??? ... --- ***",
]
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
BYTES = [f"<0x{b:02X}>" for b in range(256)]
ADDED = [
    AddedToken("<|plain|>"), AddedToken("<l>", lstrip=True), AddedToken("<r>", rstrip=True),
    AddedToken("<lr>", lstrip=True, rstrip=True, normalized=False), AddedToken("word", single_word=True),
    AddedToken("Éa", normalized=True), AddedToken("Éb", normalized=False), AddedToken("<l>x", special=True),
    AddedToken("fox ", normalized=False), AddedToken("<|end|>", special=True, normalized=False),
]


def trained(make, size=420, alphabet=(), special=("<unk>", "<s>", "</s>"), decorate=None, **options):
    """A tokenizer whose vocabulary is learnt from CORPUS under the parts that `make` sets."""
    out = Tokenizer(models.BPE(**options))
    make(out)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=sorted(alphabet), show_progress=False,
        **{k: v for k, v in options.items() if k in ("continuing_subword_prefix", "end_of_word_suffix")})
    out.train_from_iterator(CORPUS * 3, trainer)
    # The trainer builds a new model: its other switches are set again in the file.
    document = json.loads(out.to_str())
    for key in ("fuse_unk", "byte_fallback", "ignore_merges", "unk_token"):
        if key in options:
            document["model"][key] = options[key]
    if decorate:
        decorate(document)
    return Tokenizer.from_str(json.dumps(document))


def byte_level(pre_tokenizer, normalizer=None, post=None, added=(), **options):
    def make(out):
        if normalizer:
            out.normalizer = normalizer
        out.pre_tokenizer = pre_tokenizer
        out.decoder = decoders.ByteLevel()
    out = trained(make, alphabet=pre_tokenizers.ByteLevel.alphabet(), special=("<s>", "</s>"), **options)
    if post:
        out.post_processor = post(out)
    out.add_tokens(list(added))
    return out


def template(out, pair="<s> $A <s>:1 $B:1"):
    return processors.TemplateProcessing(single="<s> $A", pair=pair,
                                         special_tokens=[(t, out.token_to_id(t)) for t in ("<s>", "</s>")])


def split(regex):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(regex), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentencepiece_like(added=()):
    def make(out):
        out.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        out.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                         decoders.Strip(content=" ", left=1, right=0)])
    out = trained(make, special=["<unk>", "<s>", "</s>"] + BYTES, size=560, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    document = json.loads(out.to_str())
    document["added_tokens"] = document["added_tokens"][:3]
    out = Tokenizer.from_str(json.dumps(document))
    out.post_processor = template(out, "<s> $A </s> $B:1 </s>:1")
    out.add_tokens(list(added))
    return out


def metaspace(scheme, split_words, normalizer=None, **options):
    def make(out):
        if normalizer:
            out.normalizer = normalizer
        out.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split_words)
        out.decoder = decoders.Metaspace(prepend_scheme=scheme)
    return trained(make, unk_token="<unk>", **options)


def words(pre_tokenizer, normalizer=None, **options):
    def make(out):
        out.pre_tokenizer = pre_tokenizer
        if normalizer:
            out.normalizer = normalizer
    return trained(make, unk_token="<unk>", **options)


def old_spelling(out):
    """Merges as "a b", as files were written before 2024."""
    document = json.loads(out.to_str())
    document["model"]["merges"] = [" ".join(m) for m in document["model"]["merges"]]
    return json.dumps(document)


def all_tokenizers():
    byte_post = lambda **options: (lambda out: processors.ByteLevel(**options))  # noqa: E731
    p, n = pre_tokenizers, normalizers
    out = {
        "gpt2": byte_level(p.ByteLevel(add_prefix_space=True), post=byte_post(trim_offsets=True), added=ADDED),
        "smollm": byte_level(p.Sequence([p.Digits(individual_digits=True), p.ByteLevel(add_prefix_space=False)])),
        "llama3": byte_level(split(LLAMA3), ignore_merges=True, added=ADDED[-1:], post=lambda t: processors.Sequence(
            [processors.ByteLevel(trim_offsets=True, add_prefix_space=False), template(t)])),
        "qwen2": byte_level(split(QWEN2), normalizer=n.NFC(), post=byte_post(trim_offsets=False), added=ADDED),
        "regex": byte_level(split(r"\b\w+\b|[\d\h]+|[^\w\s]|\S\W|[\u3040-\u30ff]++|\p{Han}{2}|[\p{Lu}\p{M}]+(?=[^\P{L}])|\s")),
        "byte_not_last": byte_level(p.Sequence([p.ByteLevel(add_prefix_space=True), p.Digits(individual_digits=False)])),
        "llama2": sentencepiece_like(ADDED),
        "metaspace_first": metaspace("first", True, fuse_unk=False),
        "metaspace_always": metaspace("always", False, n.Sequence([n.NFKC(), n.Strip(), n.Lowercase(), n.StripAccents()])),
        "metaspace_never": metaspace("never", True, n.Sequence([n.NFKD(), n.Replace(Regex(r"\s{2,}"), " ")]), fuse_unk=True),
        "suffix": words(p.WhitespaceSplit(), n.NFD(), end_of_word_suffix="</w>"),
        "prefix": words(p.Whitespace(), continuing_subword_prefix="##"),
        "punctuation": words(p.Sequence([p.Punctuation("contiguous"), p.Digits(individual_digits=False)])),
        "bert": words(p.Sequence([p.CharDelimiterSplit("o"), p.Punctuation("removed")])),
    }
    out["bert"].post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
    for behavior in ("removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"):
        out[f"split_{behavior}"] = words(p.Sequence([p.Split(" ", behavior), p.Split(Regex("[aeiou]|$"), behavior, invert=True)]))
    out["prefix"].add_tokens(ADDED)
    out["metaspace_first"].add_tokens(ADDED[:3])
    return {name: (old_spelling(t) if name in ("gpt2", "llama2") else t.to_str()) for name, t in out.items()}


def cases(text):
    tokenizer = Tokenizer.from_str(text)
    rng = random.Random(11)
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values() if not t.content.startswith("<0x")]
    texts = [s[:120] for s in SAMPLES] + CORPUS[:3]
    texts += [form.format(t) for t in added for form in ("{}", "a {0} {0}b", "x{}", "  {}\n")]
    texts += [random_text(rng, added)[:60] for _ in range(40)]
    out = {"versions": {"tokenizers": tokenizers.__version__}, "encode": [], "decode": []}

    def encode(first, pair=None, max_length=None, special=True):
        case = {"text": first, "special": special}
        if pair is not None:
            case["pair"] = pair
        if max_length is not None:
            case["max_length"] = max_length
            tokenizer.enable_truncation(max_length)
        encoding = tokenizer.encode(first, pair, add_special_tokens=special)
        tokenizer.no_truncation()
        case |= {"ids": encoding.ids, "offsets": [x for o in encoding.offsets for x in o], "type_ids": encoding.type_ids}
        out["encode"].append(case)
        return encoding.ids

    ids = [encode(t) for t in texts]
    encode(texts[5], special=False)
    for i in range(12):
        encode(rng.choice(texts), rng.choice(texts), special=i % 3 != 0)
        encode(rng.choice(texts), rng.choice(texts), rng.randrange(4, 20), special=i % 3 != 0)
        encode(rng.choice(texts), None, rng.randrange(4, 20))
    size = tokenizer.get_vocab_size()
    ids = rng.sample(ids, 20) + [[rng.randrange(size + 3) for _ in range(12)] for _ in range(12)]
    byte = tokenizer.token_to_id("<0x00>")
    if byte is not None:
        ids += [[byte + rng.choice([0x41, 0xE4, 0xB8, 0xAD, 0xF0, 0x9F, 0x80]) for _ in range(8)] for _ in range(8)]
    for some in ids:
        for skip in (True, False):
            out["decode"].append({"ids": some, "skip": skip, "text": tokenizer.decode(some, skip_special_tokens=skip)})
    return out


def main():
    root = pathlib.Path(__file__).parent.parent
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root / "tests/golden/text/tokenizers"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in all_tokenizers().items():
        compact = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
        (folder / f"{name}.json").write_text(compact + "\n", encoding="utf-8")
        (folder / f"{name}.cases.json").write_text(
            json.dumps(cases(text), separators=(",", ":")) + "\n", encoding="utf-8")
        print(name, len(compact))


if __name__ == "__main__":
    main()
