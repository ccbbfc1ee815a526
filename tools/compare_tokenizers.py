#!/usr/bin/env python3
"""Compares the tokenizer with the `tokenizers` package, text by text: ids, offsets, type ids, pairs,
truncation, decoding, streaming.

    compare_tokenizers.py BENCH MODEL [--texts FILE…] [--random N] [--seed N] [--sweep] [--long]

BENCH is build/…/bench/tokenizer_bench; MODEL a folder with tokenizer.json, a tokenizer.json, or a
.gguf file of the `smollm` kind. --sweep goes over every code point alone and in context, --random
over N random texts, --texts over the text of JSONL files, --long over texts of megabytes.
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers


def from_gguf(path):
    """The original pipeline of SmolLM2 with the vocabulary of the file."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    content = {key: fields["tokenizer.ggml." + key].contents() for key in ("tokens", "merges", "token_type", "pre")}
    assert content["pre"] == "smollm", content["pre"]
    vocab = {token: i for i, token in enumerate(content["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in content["merges"]]
    out = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    out.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    out.decoder = decoders.ByteLevel()
    special = [t for t, kind in zip(content["tokens"], content["token_type"]) if kind == 3]
    out.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    return out


def reference(path):
    path = pathlib.Path(path)
    if path.suffix == ".gguf":
        return from_gguf(path)
    out = Tokenizer.from_file(str(path / "tokenizer.json" if path.is_dir() else path))
    out.no_truncation()
    out.no_padding()
    return out


class Comparison:
    def __init__(self, bench, model, against):
        self.theirs = reference(against or model)
        self.process = subprocess.Popen([bench, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.checked = 0
        self.failed = 0

    def ask(self, requests):
        def chunks():
            for i in range(0, len(requests), 64):
                yield requests[i:i + 64]
        for chunk in chunks():
            for request in chunk:
                self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            for request in chunk:
                line = self.process.stdout.readline()
                if not line:
                    sys.exit(f"the program ended; last request one of {str(chunk)[:2000]}")
                yield request, json.loads(line)

    def fail(self, what, request, ours, theirs):
        self.failed += 1
        if self.failed <= 20:
            first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            print(f"{what}: {str(request)[:300]!r}\n  at {first} ours {ours[max(0, first - 3):first + 9]} "
                  f"theirs {theirs[max(0, first - 3):first + 9]}")

    def texts(self, texts, offsets=True, decode=True):
        """Each text alone: ids, offsets, and the ids decoded."""
        decodings = []
        for request, answer in self.ask([{"text": t, "offsets": offsets} for t in texts]):
            encoding = self.theirs.encode(request["text"])
            self.checked += 1
            if answer.get("ids") != encoding.ids:
                self.fail("ids", request["text"], answer.get("ids", [answer]), encoding.ids)
            elif offsets and [tuple(x) for x in answer["offsets"]] != encoding.offsets:
                self.fail("offsets", request["text"], [tuple(x) for x in answer["offsets"]], encoding.offsets)
            elif offsets and answer["type_ids"] != encoding.type_ids:
                self.fail("type ids", request["text"], answer["type_ids"], encoding.type_ids)
            if decode:
                decodings.append(encoding.ids)
        for skip in (True, False):
            self.decode(decodings, skip)

    def decode(self, lists, skip):
        for request, answer in self.ask([{"decode": ids, "skip": skip} for ids in lists]):
            theirs = self.theirs.decode(request["decode"], skip_special_tokens=skip)
            self.checked += 1
            if answer.get("text") != theirs:
                self.fail("decoding", request, answer.get("text", str(answer)), theirs)
            elif not answer["stream_agrees"]:
                self.fail("streaming", request, "", "")

    def pairs(self, pairs, max_length=None):
        # A request by itself: truncation is a setting of theirs.
        requests = []
        for first, second in pairs:
            request = {"text": first, "offsets": True}
            if second is not None:
                request["pair"] = second
            if max_length is not None:
                request["max_length"] = max_length
            requests.append(request)
        if max_length is not None:
            self.theirs.enable_truncation(max_length)
        for request, answer in self.ask(requests):
            encoding = self.theirs.encode(request["text"], request.get("pair"))
            self.checked += 1
            ours = (answer.get("ids"), [tuple(x) for x in answer.get("offsets", [])], answer.get("type_ids"))
            theirs = (encoding.ids, encoding.offsets, encoding.type_ids)
            for name, a, b in zip(("ids", "offsets", "type ids"), ours, theirs):
                if a != b:
                    self.fail(f"pair {name}", request, a or [answer], b)
                    break
        self.theirs.no_truncation()

    def broken(self, texts):
        """Bytes that are no UTF-8: our rule is Python's errors="replace"."""
        for request, answer in self.ask([{"text": {"hex": t.hex()}} for t in texts]):
            theirs = self.theirs.encode(bytes.fromhex(request["text"]["hex"]).decode("utf-8", "replace")).ids
            self.checked += 1
            if answer.get("ids") != theirs:
                self.fail("broken UTF-8", request, answer.get("ids", [answer]), theirs)


SAMPLES = [
    "", " ", "  ", "\n", "\t\n \r\n", "Hello, world!", " Hello  world ", "a\n\n b\r\n\r\n c", "don't DON'T I'LL we'Ve 'ſ 'S",
    "12345 678,90.1", "x  3    4 \t5", "naïve café e\u0301 \u0344 ﬁ Ⅷ ㎏ ½", "日本語の文章。中文，한국어 조합", "שלום עולם مرحبا بالعالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪", "a\u200bb\u200cc\u200dd\ufeffe", "\x00\x01\x1f\x7f\x80\x9f", "\u3000\u00a0\u2003 \u180e \u2028x\u2029",
    "ǅ İıſK ß ﬆ", "a" * 300, " " * 300, "\n" * 50 + "x", "ab " * 200, "\ufffd\ufffe\uffff\U0010ffff", "ệ ẹ\u0302 e\u0323\u0302 e\u0302\u0323",
    "각 각 ᄀ", "\u0340\u0341\u0374\u037e\u0387", "def f(x):\n\treturn  x ** 2  # comment\n", "<s>[INST] x [/INST]</s>",
    "<|im_start|>user\nhi<|im_end|>\n", "<bos><start_of_turn>user\nx<end_of_turn>", "<0x0A><0xE4>", "▁▁a▁b", "Ġhello Ċ",
]


def random_text(rng, alphabet_tokens):
    pools = [
        lambda: chr(rng.randrange(0x20, 0x7F)),
        lambda: chr(rng.choice([9, 10, 11, 12, 13, 32, 32, 32, 0x85, 0xA0, 0x1680, 0x2000, 0x2028, 0x202F, 0x3000, 0x180E, 0x200B])),
        lambda: chr(rng.randrange(0xA0, 0x600)),
        lambda: chr(rng.randrange(0x300, 0x370)),
        lambda: chr(rng.choice([rng.randrange(0, 0xD800), rng.randrange(0xE000, 0x110000)])),
        lambda: chr(rng.randrange(0x4E00, 0x9FFF)),
        lambda: chr(rng.randrange(0xAC00, 0xD7A4)),
        lambda: chr(rng.randrange(0x1100, 0x1200)),
        lambda: chr(rng.randrange(0x1F300, 0x1FAFF)) + rng.choice(["", "\u200d", "\ufe0f", "\U0001F3FD"]),
        lambda: rng.choice("0123456789²½Ⅷ٣"),
        lambda: rng.choice(["'s", "'S", "'ll", "'LL", "'Ve", "'ſ", "'", "’s", "'t'd"]),
        lambda: rng.choice([" the", " of", "ing", "tion", "Hello", " World", "can", "not"]),
        lambda: " " * rng.randrange(1, 9),
        lambda: rng.choice(alphabet_tokens) if alphabet_tokens else "x",
    ]
    chosen = rng.sample(pools, rng.randrange(1, 5))
    return "".join(rng.choice(chosen)() for _ in range(rng.choice([1, 2, 3, 5, 8, 13, 40, 120])))


def words_of(path, limit):
    """Strings of some length in a JSON or JSONL file."""
    out = []

    def walk(value):
        if isinstance(value, str) and len(value) > 20:
            out.append(value)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    with open(path, encoding="utf-8") as file:
        for line in file:
            walk(json.loads(line))
            if limit and len(out) >= limit:
                break
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("model")
    parser.add_argument("--against", help="the tokenizer.json to compare MODEL with, where it is not its own")
    parser.add_argument("--texts", nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--random", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()

    rng = random.Random(args.seed)
    compare = Comparison(args.bench, args.model, args.against)
    added = [t.content for t in compare.theirs.get_added_tokens_decoder().values()]
    added_samples = rng.sample(added, min(len(added), 60))

    compare.texts(SAMPLES)
    for token in added_samples:
        compare.texts([token, f" {token} ", f"a{token}b", f"a {token} b", f"{token}{token}", f"x\n{token}\n", token[:-1], token[1:],
                       token.upper(), f"1{token}  2"])
    randoms = [random_text(rng, added_samples) for _ in range(args.random)]
    compare.texts(randoms)
    print(f"samples and random texts: {compare.checked} checks, {compare.failed} failed", flush=True)

    everything = SAMPLES + randoms[:200]
    pairs = [(rng.choice(everything), rng.choice(everything)) for _ in range(150)]
    compare.pairs(pairs)
    for max_length in (3, 4, 7, 16, 33, 100):
        compare.pairs(pairs[:60], max_length)
        compare.pairs([(t, None) for t in everything[:60]], max_length)
    ids = compare.theirs.get_vocab_size(with_added_tokens=True)
    lists = [[rng.randrange(ids + 5) for _ in range(rng.choice([1, 2, 5, 30, 200]))] for _ in range(200)]
    byte_ids = [i for i in (compare.theirs.token_to_id(f"<0x{b:02X}>") for b in range(256)) if i is not None]
    if byte_ids:
        lists += [[rng.choice(byte_ids) if rng.random() < 0.8 else rng.randrange(ids) for _ in range(60)] for _ in range(100)]
    for skip in (True, False):
        compare.decode(lists, skip)
    alphabet = [0x00, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xA0, 0xED, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF, 0xE4, 0xB8, 0xAD, 0x20]
    compare.broken([bytes(rng.choice(alphabet) for _ in range(rng.randrange(1, 40))) for _ in range(200)])
    print(f"pairs, truncation, decoding: {compare.checked} checks, {compare.failed} failed", flush=True)

    for path in args.texts:
        compare.texts(words_of(path, args.limit), decode=False)
        print(f"{path}: {compare.checked} checks, {compare.failed} failed", flush=True)

    if args.sweep:
        points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
        # Alone, then inside words, numbers, punctuation and blanks; many to a request.
        for form in ("{}", "a{}b", "1{}2", " {} ", ".{}!", "\n{}\n", "'{}", "A{}\u0301", "{0}{0}", " {0}{0}x"):
            batch = 1 if form == "{}" else 64
            texts = ["|".join(form.format(p) for p in points[i:i + batch]) for i in range(0, len(points), batch)]
            compare.texts(texts, offsets=batch > 1, decode=False)
            print(f"sweep {form!r}: {compare.checked} checks, {compare.failed} failed", flush=True)

    if args.long:
        base = "".join(randoms)[:200000]
        for text in ("a" * 3_000_000, "ab" * 1_000_000, " " * 1_000_000, "1" * 1_000_000, "\n" * 500_000, "!?" * 500_000,
                     "日本" * 300_000, base * 3, "".join(rng.choice("abcdefgh") for _ in range(1_000_000))):
            compare.texts([text], offsets=False, decode=False)
            print(f"long {text[:8]!r}: {compare.checked} checks, {compare.failed} failed", flush=True)

    print(f"{args.model}: tokenizers {tokenizers.__version__}: {compare.checked} checks, {compare.failed} failed")
    return 1 if compare.failed else 0


if __name__ == "__main__":
    sys.exit(main())
