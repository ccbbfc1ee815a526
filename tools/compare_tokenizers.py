#!/usr/bin/env python3
"""Compares the tokenizer with the `tokenizers` package or with transformers, text by text: ids with and
without special tokens, pairs, longest_first truncation, decoding; with the bench also offsets, type ids
and streaming.

    compare_tokenizers.py PROGRAM MODEL [--transformers] [--texts FILE…] [--random N] [--seed N] [--sweep]
                          [--added] [--long]

PROGRAM is build/…/bench/tokenizer_bench, or `dear` itself (its `tokenize --json-lines`, which knows no
truncation). MODEL is a folder with tokenizer.json, a tokenizer.json, or a .gguf file of the `smollm` kind.
--transformers compares with AutoTokenizer.from_pretrained(MODEL), a folder, instead. --sweep goes over every
code point alone and in context, --random over N random texts, --texts over the text of JSONL files, --long
over texts of megabytes; --added gives the tokenizer.json added tokens with every combination of lstrip, rstrip,
single_word, normalized and special, and does the rest with that.

The last line counts texts and code points. transformers 5 rebuilds some tokenizers from the vocabulary and
leaves the rest of tokenizer.json aside (LlamaTokenizer), so that it disagrees with `tokenizers` on the very same
file. Such texts are compared with the file's ids, and counted; each must have the cause that is known (see
`rebuilt_differently`).
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import threading

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import tokenizers  # noqa: E402
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: E402


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


class TokenizersReference:
    """What the `tokenizers` package makes of the file."""

    def __init__(self, path):
        self.name = f"tokenizers {tokenizers.__version__}"
        self.file = reference(path)

    def encode(self, texts, special=True):
        return [(e.ids, e.offsets, e.type_ids) for e in self.file.encode_batch(texts, add_special_tokens=special)]

    def pair(self, first, second, max_length, special):
        if max_length is not None:
            self.file.enable_truncation(max_length)
        encoding = self.file.encode(first, second, add_special_tokens=special)
        self.file.no_truncation()
        return encoding.ids, encoding.offsets, encoding.type_ids

    def decode(self, ids, skip):
        return self.file.decode(ids, skip_special_tokens=skip)

    def excused(self, ours, text, special):
        return False

    def excused_decoding(self, ours, ids, skip):
        return False


class TransformersReference:
    """What transformers' AutoTokenizer makes of the folder."""

    def __init__(self, path):
        import transformers
        from transformers import AutoTokenizer
        self.model = AutoTokenizer.from_pretrained(str(path))
        self.name = f"transformers {transformers.__version__} {type(self.model).__name__}"
        self.file = reference(path)
        self.rebuilt = type(self.model).__name__ == "LlamaTokenizer"
        # It has no normaliser either, which shows in tokens that are looked for in normalised text.
        self.normalized = {i: t.content for i, t in self.file.get_added_tokens_decoder().items() if t.normalized}
        self.num_excused = 0

    def encode(self, texts, special=True):
        ids = self.model(texts, add_special_tokens=special, return_attention_mask=False)["input_ids"]
        return [(row, None, None) for row in ids]

    def pair(self, first, second, max_length, special):
        limit = {"truncation": "longest_first", "max_length": max_length} if max_length is not None else {}
        return self.model(first, second, add_special_tokens=special, **limit)["input_ids"], None, None

    def decode(self, ids, skip):
        return self.model.decode(ids, skip_special_tokens=skip)

    def rebuilt_differently(self, text):
        """LlamaTokenizer puts no ▁ before a stretch of text that begins with a space or ▁; the file does."""
        if any(token in text for token in self.normalized.values()):
            return True
        stretch = text
        tokens = self.file.get_added_tokens_decoder().values()
        for token in sorted(tokens, key=lambda token: -len(token.content)):
            stretch = stretch.replace(token.content, "\x00")
        return any(part[:1] in (" ", "▁") for part in stretch.split("\x00"))

    def excused(self, ours, text, special):
        texts = [text] if isinstance(text, str) else list(text)
        if not self.rebuilt or not any(self.rebuilt_differently(t) for t in texts):
            return False
        if ours != self.file.encode(*texts, add_special_tokens=special).ids:
            return False
        self.num_excused += 1
        return True

    def excused_decoding(self, ours, ids, skip):
        """Tokens that only the class makes special (GemmaTokenizer's <mask>), and those of normalised text."""
        file = self.file.get_added_tokens_decoder()
        special = {i for i in self.model.all_special_ids if i in file and not file[i].special}
        if special.isdisjoint(ids) and (not self.rebuilt or self.normalized.keys().isdisjoint(ids)):
            return False
        self.num_excused += 1
        return ours == self.file.decode(ids, skip_special_tokens=skip)


class Lines:
    """A program that answers line by line. What is sent is not held up by what comes back."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, lines):
        def send():
            for line in lines:
                self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        sender = threading.Thread(target=send)
        sender.start()
        for _ in lines:
            line = self.process.stdout.readline()
            if not line:
                sys.exit(f"the program ended; last request one of {str(lines)[:2000]}")
            yield json.loads(line)
        sender.join()


class Bench:
    knows_offsets = True

    def __init__(self, program, model):
        self.lines = Lines(program, model)

    def encode(self, texts, special, offsets):
        requests = [{"text": t, "special": special, "offsets": offsets} for t in texts]
        for answer in self.lines.ask([json.dumps(r) for r in requests]):
            yield answer.get("ids", [str(answer)]), self.spans(answer), answer.get("type_ids")

    def pairs(self, pairs, special, max_length):
        requests = []
        for first, second in pairs:
            request = {"text": first, "special": special, "offsets": True}
            if second is not None:
                request["pair"] = second
            if max_length is not None:
                request["max_length"] = max_length
            requests.append(json.dumps(request))
        for answer in self.lines.ask(requests):
            yield answer.get("ids", [str(answer)]), self.spans(answer), answer.get("type_ids")

    def decode(self, lists, skip):
        for answer in self.lines.ask([json.dumps({"decode": ids, "skip": skip}) for ids in lists]):
            if not answer.get("stream_agrees"):
                yield "what was streamed is another text: " + str(answer)
            yield answer.get("text", str(answer))

    @staticmethod
    def spans(answer):
        return [tuple(x) for x in answer["offsets"]] if "offsets" in answer else None


class Dear:
    """The command line: a process for every set of flags."""

    knows_offsets = False

    def __init__(self, program, model):
        self.command = [program, "tokenize", "-m", model, "--json-lines"]
        self.open = {}

    def lines(self, *flags):
        if flags not in self.open:
            self.open[flags] = Lines(*self.command, *flags)
        return self.open[flags]

    def encode(self, texts, special, offsets):
        flags = () if special else ("--no-special",)
        for ids in self.lines(*flags).ask([json.dumps(t) for t in texts]):
            yield ids, None, None

    def pairs(self, pairs, special, max_length):
        flags = ("--pair",) if special else ("--pair", "--no-special")
        for ids in self.lines(*flags).ask([json.dumps(p) for p in pairs]):
            yield ids, None, None

    def decode(self, lists, skip):
        flags = ("--decode", "--no-special") if skip else ("--decode",)
        yield from self.lines(*flags).ask([json.dumps(ids) for ids in lists])


class Comparison:
    def __init__(self, program, model, theirs):
        self.theirs = theirs
        self.ours = (Dear if pathlib.Path(program).name == "dear" else Bench)(program, model)
        self.checked = 0
        self.failed = 0
        self.code_points = 0

    def fail(self, what, request, ours, theirs):
        self.failed += 1
        if self.failed <= 20:
            first = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
            print(f"{what}: {str(request)[:300]!r}\n  at {first} ours {ours[max(0, first - 3):first + 9]} "
                  f"theirs {theirs[max(0, first - 3):first + 9]}")

    def check(self, what, text, special, ours, theirs):
        """Each (ids, offsets, type ids); None for what one side does not tell."""
        self.checked += 1
        self.code_points += sum(len(t) for t in ([text] if isinstance(text, str) else text) if t is not None)
        for part, a, b in zip(("ids", "offsets", "type ids"), ours, theirs):
            if a is None or b is None or a == b:
                continue
            if part != "ids" or not self.theirs.excused(a, text, special):
                self.fail(f"{what}{part}", text, a, b)
            return

    def texts(self, texts, offsets=True, decode=True, special=True):
        """Each text alone: ids, offsets, and the ids decoded."""
        decodings = []
        for begin in range(0, len(texts), 256):
            some = texts[begin:begin + 256]
            answers = self.ours.encode(some, special, offsets and self.ours.knows_offsets)
            for text, ours, theirs in zip(some, answers, self.theirs.encode(some, special)):
                self.check("", text, special, ours, theirs if offsets else (theirs[0], None, None))
                decodings.append(theirs[0])
        if decode:
            for skip in (True, False):
                self.decode(decodings, skip)

    def decode(self, lists, skip):
        for ids, ours in zip(lists, self.ours.decode(lists, skip)):
            theirs = self.theirs.decode(ids, skip)
            self.checked += 1
            if ours != theirs and not self.theirs.excused_decoding(ours, ids, skip):
                self.fail("decoding", ids, ours, theirs)

    def pairs(self, pairs, max_length=None, special=True):
        if max_length is not None and not self.ours.knows_offsets:
            return
        for (first, second), ours in zip(pairs, self.ours.pairs(pairs, special, max_length)):
            theirs = self.theirs.pair(first, second, max_length, special)
            if max_length is not None and isinstance(self.theirs, TransformersReference) and self.theirs.rebuilt:
                texts = [t for t in (first, second) if t is not None]
                if any(self.theirs.rebuilt_differently(t) for t in texts):
                    continue  # cut at other places
            self.check("pair " if second is not None else "cut ", (first, second) if second is not None else first,
                       special, ours, theirs)

    def broken(self, texts):
        """Bytes that are no UTF-8: our rule is Python's errors="replace"."""
        if not self.ours.knows_offsets:
            return
        decoded = [t.decode("utf-8", "replace") for t in texts]
        answers = self.ours.encode([{"hex": t.hex()} for t in texts], True, False)
        for text, ours, theirs in zip(decoded, answers, self.theirs.encode(decoded)):
            self.check("broken UTF-8 ", text, True, ours, (theirs[0], None, None))


SAMPLES = [
    "", " ", "  ", "\n", "\t\n \r\n", "Hello, world!", " Hello  world ", "a\n\n b\r\n\r\n c", "don't DON'T I'LL we'Ve 'ſ 'S",
    "12345 678,90.1", "x  3    4 \t5", "naïve café e\u0301 \u0344 ﬁ Ⅷ ㎏ ½", "日本語の文章。中文，한국어 조합", "שלום עולם مرحبا بالعالم",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪", "a\u200bb\u200cc\u200dd\ufeffe", "\x00\x01\x1f\x7f\x80\x9f", "\u3000\u00a0\u2003 \u180e \u2028x\u2029",
    "ǅ İıſK ß ﬆ", "a" * 300, " " * 300, "\n" * 50 + "x", "ab " * 200, "\ufffd\ufffe\uffff\U0010ffff", "ệ ẹ\u0302 e\u0323\u0302 e\u0302\u0323",
    "각 각 ᄀ", "\u0340\u0341\u0374\u037e\u0387", "def f(x):\n\treturn  x ** 2  # comment\n", "<s>[INST] x [/INST]</s>",
    "<|im_start|>user\nhi<|im_end|>\n", "<bos><start_of_turn>user\nx<end_of_turn>", "<0x0A><0xE4>", "▁▁a▁b", "Ġhello Ċ",
    # emoji: keycaps, tag and flag sequences, odd numbers of regional indicators, text and emoji styles, joiners in a row
    "1️⃣#️⃣*⃣", "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", "🇩🇪🇫🇷🇩 🇪", "☺︎☺️❤️‍🔥", "👨🏿‍🤝‍👨🏻\u200d\u200d🏽",
    # combining marks: in wrong order, in numbers, alone, on spaces and controls
    "Z̸̡̛͚̩̑a̷̧̍l̶͈̈́g̵̠̚o̴̢͝", "a\u0315\u0300\u05ae\u0062", "\u0301", " \u0301 \u0308", "\n\u0301", "1\u0308\u0308" + "\u0323" * 40,
    # Hangul: jamo of all kinds, precomposed with a final, halfwidth; kana with marks, halfwidth kana; CJK compatibility
    "\u1100\u1161\u11a8\u1100\u1161\u3131\uac00\u11a8\ua960\ud7b0\uffa1", "か\u3099ガ\u309aﾊﾟ", "\uf900\u2f800\U0002f800侮\ufa30", "ㄅㄆ〇〡㊀㍿",
    # right to left with marks, numbers and controls; scripts whose vowels reorder
    "\u202bאָלֶף\u202c \u200f١٢٣\u061c٪", "لَا إِلٰهَ ﷺ ﻻ", "क्षि ক্ষ শ্রী ழ் ේ ស្ត្រី မြန်မာ ཧཱུྃ ไม่ ກໍ", "𐤀𐤁 𞤀𞤁 𒀀 𓀀 𝒳𝟘 🄰",
    # controls and what is no character
    "".join(map(chr, range(0x20))), "".join(map(chr, range(0x7f, 0xa1))), "\u2066a\u2069\u2060\ufff9\ufffb\U000e0001", "\ufdd0\U0001fffe\ue000\U000f0000",
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
        lambda: chr(rng.randrange(0x590, 0x700)),
        lambda: chr(rng.randrange(0x900, 0xE00)),
        lambda: chr(rng.randrange(0x20)),
        lambda: chr(rng.randrange(0x1F300, 0x1FAFF)) + rng.choice(["", "\u200d", "\ufe0f", "\U0001F3FD"]),
        lambda: chr(rng.randrange(0x1F1E6, 0x1F200)),
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


def with_added_tokens(model, folder):
    """Writes the tokenizer of `model` with added tokens of every kind into `folder`; gives their texts."""
    path = pathlib.Path(model)
    path = path if path.is_dir() else path.parent
    document = json.loads((path / "tokenizer.json").read_text(encoding="utf-8"))
    config = json.loads((path / "tokenizer_config.json").read_text(encoding="utf-8"))
    vocab = document["model"]["vocab"]
    new_id = max([*vocab.values(), *(t["id"] for t in document["added_tokens"])]) + 1
    contents = []
    for flags in range(32):
        token = dict(zip(("single_word", "lstrip", "rstrip", "normalized", "special"), (bool(flags >> i & 1) for i in range(5))))
        # Words, symbols, letters that NFC changes, spaces inside, and a token of the vocabulary.
        content = ("word%d", "<|x%d|>", "e\u0301\u212b%d", "two words %d", "½%d")[flags % 5] % flags
        contents.append(content)
        document["added_tokens"].append({"id": new_id, "content": content, **token})
        new_id += 1
    known = next(t for t in ("Ġhello", "▁hello", "hello") if t in vocab)
    document["added_tokens"].append({"id": vocab[known], "content": known, "single_word": True, "lstrip": True,
                                     "rstrip": False, "normalized": True, "special": False})
    config.pop("added_tokens_decoder", None)
    folder = pathlib.Path(folder)
    (folder / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return [*contents, known, "hello"]


def around_tokens(rng, tokens, count):
    """Texts with these tokens inside words, next to each other, and among blanks of all kinds."""
    glue = ["", "", " ", "  ", "\n", "\t ", "\u3000", "\u00a0", "a", "Z", "_", "1", ".", "é", "\u0301", "日", "▁", "\u200b"]
    for _ in range(count):
        yield "".join(rng.choice(glue) + rng.choice(tokens) + rng.choice(glue) for _ in range(rng.randrange(1, 6)))


def compare_all(compare, args):
    rng = random.Random(args.seed)
    added = [t.content for t in compare.theirs.file.get_added_tokens_decoder().values()]
    added_samples = args.tokens or rng.sample(added, min(len(added), 60))

    compare.texts(SAMPLES)
    compare.texts(SAMPLES, special=False)
    for token in added_samples:
        compare.texts([token, f" {token} ", f"a{token}b", f"a {token} b", f"{token}{token}", f"x\n{token}\n", token[:-1], token[1:],
                       token.upper(), f"1{token}  2"])
    compare.texts(list(around_tokens(rng, added_samples, 40 * len(added_samples))), decode=False)
    randoms = [random_text(rng, added_samples) for _ in range(args.random)]
    compare.texts(randoms)
    compare.texts(randoms[:1000], special=False)
    print(f"samples and random texts: {compare.checked} checks, {compare.failed} failed", flush=True)

    everything = SAMPLES + randoms[:200]
    pairs = [(rng.choice(everything), rng.choice(everything)) for _ in range(150)]
    compare.pairs(pairs)
    compare.pairs(pairs, special=False)
    for max_length in (3, 4, 7, 16, 33, 100):
        compare.pairs(pairs[:60], max_length)
        compare.pairs(pairs[:60], max_length, special=False)
        compare.pairs([(t, None) for t in everything[:60]], max_length)
    ids = compare.theirs.file.get_vocab_size(with_added_tokens=True)
    lists = [[rng.randrange(ids) for _ in range(rng.choice([1, 2, 5, 30, 200]))] for _ in range(200)]
    byte_ids = [i for i in (compare.theirs.file.token_to_id(f"<0x{b:02X}>") for b in range(256)) if i is not None]
    if byte_ids:
        lists += [[rng.choice(byte_ids) if rng.random() < 0.8 else rng.randrange(ids) for _ in range(60)] for _ in range(100)]
    for skip in (True, False):
        compare.decode(lists, skip)
    alphabet = [0x00, 0x41, 0x7F, 0x80, 0xBF, 0xC0, 0xC2, 0xE0, 0xA0, 0xED, 0xF0, 0x90, 0xF4, 0x8F, 0xF5, 0xFF, 0xE4, 0xB8, 0xAD, 0x20]
    compare.broken([bytes(rng.choice(alphabet) for _ in range(rng.randrange(1, 40))) for _ in range(2000)])
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
        # Decoding each on its own: what the ids of one character give back.
        compare.decode([[i] for i in range(ids)], False)
        print(f"every id decoded: {compare.checked} checks, {compare.failed} failed", flush=True)

    if args.long:
        base = "".join(randoms)[:200000]
        for text in ("a" * 3_000_000, "ab" * 1_000_000, " " * 1_000_000, "1" * 1_000_000, "\n" * 500_000, "!?" * 500_000,
                     "日本" * 300_000, base * 3, "".join(rng.choice("abcdefgh") for _ in range(1_000_000)),
                     "".join(chr(rng.randrange(0x4E00, 0x9FFF)) for _ in range(333_333)),
                     "".join(chr(rng.randrange(97, 123)) for _ in range(10_000_000))):
            compare.texts([text], offsets=False, decode=False)
            print(f"long {text[:8]!r}: {compare.checked} checks, {compare.failed} failed", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--against", help="the tokenizer.json to compare MODEL with, where it is not its own")
    parser.add_argument("--transformers", action="store_true")
    parser.add_argument("--texts", nargs="*", default=[])
    parser.add_argument("--limit", type=int, default=0)
    parser.add_argument("--random", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sweep", action="store_true")
    parser.add_argument("--added", action="store_true")
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        args.tokens = with_added_tokens(args.model, folder) if args.added else None
        model = folder if args.added else args.model
        theirs = (TransformersReference if args.transformers else TokenizersReference)(args.against or model)
        compare = Comparison(args.program, model, theirs)
        compare_all(compare, args)
    excused = getattr(theirs, "num_excused", 0)
    print(f"{args.model}{' with added tokens' if args.added else ''}: {theirs.name}: {compare.checked} checks over "
          f"{compare.code_points} code points, {compare.failed} failed"
          + (f"; {excused} where transformers itself leaves tokenizer.json, equal to the file" if excused else ""))
    return 1 if compare.failed else 0


if __name__ == "__main__":
    sys.exit(main())
