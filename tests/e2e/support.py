"""What the end-to-end cases share: the program under test, tiny models, and a reader for .npy."""
import array
import ast
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

BINARY = os.environ.get("DEAR_BINARY", "build/release/dear")
SOURCE = pathlib.Path(os.environ.get("DEAR_SOURCE_DIR", pathlib.Path(__file__).parents[2])).resolve()
GOLDEN = SOURCE / "tests" / "golden" / "model"
SMOLLM2 = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "dear/models/SmolLM2-135M-Instruct.Q4_1.gguf"

QUERY = "When did Thomas Edison invent the light bulb?"
PASSAGES = ["Lightning strike at Seoul National University",
            "Thomas Edison tried to invent a device for car but failed",
            "Coffee is good for diet",
            "KEPCO fixes light problems",
            "Thomas Edison invented the light bulb in 1879"]


def dear(*arguments, stdin=None, env=None, binary=False):
    """Runs the program as a user would; stdin may be text or bytes."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEAR_")}
    environment["DEAR_PACKED_CACHE"] = "off"  # nothing is left in the user's cache
    environment.update(env or {})
    data = stdin.encode() if isinstance(stdin, str) else stdin
    done = subprocess.run([BINARY, *map(str, arguments)], input=data if data is not None else b"",
                          capture_output=True, env=environment, timeout=600, check=False)
    if not binary:
        done.stdout = done.stdout.decode("utf-8")
    done.stderr = done.stderr.decode("utf-8", errors="replace")
    return done


def peak_memory(*arguments, runs=1):
    """KiB that the program held at most, in any of several runs: it is looked at every millisecond, and of a run of a few
    the last look may be too early. (ru_maxrss would count this process, from which the other one was forked.)"""
    peak = 0
    for _ in range(runs):
        with subprocess.Popen([BINARY, *map(str, arguments)]) as process:
            while process.poll() is None:
                with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                    peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
                time.sleep(0.001)
        assert process.returncode == 0, process.returncode
    return peak


def tiny_tokenizer(folder, extra=0):
    """A byte-level BPE over lower-case letters, digits and a little punctuation: below 60 ids, so
    that every golden model has a row for each. Characters it does not know vanish."""
    characters = list("abcdefghijklmnopqrstuvwxyz0123456789[]>.,?:") + ["Ġ", "Ċ"]
    vocab = {c: i for i, c in enumerate(["<s>", "</s>"] + characters)}
    vocab["th"] = len(vocab)
    vocab["Ġa"] = len(vocab)
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, t in enumerate(["<s>", "</s>"])]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": {"type": "TemplateProcessing",
                           "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                           "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                    {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
                           "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "vocab": vocab, "merges": ["t h", "Ġ a"]}}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")


def copy_model(name, into):
    """A golden base in a folder of its own, with a tokenizer beside it."""
    target = pathlib.Path(into) / name
    shutil.copytree(GOLDEN / "bases" / name, target)
    # Room for a listwise prompt; positions are computed, not stored.
    config = json.loads((target / "config.json").read_text(encoding="utf-8"))
    config["max_position_embeddings"] = 2048
    (target / "config.json").write_text(json.dumps(config), encoding="utf-8")
    tiny_tokenizer(target)
    return target


def read_npy(data):
    """(shape, numbers) of float32 .npy bytes."""
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    length, = struct.unpack("<H", data[8:10])
    assert (10 + length) % 64 == 0
    header = ast.literal_eval(data[10:10 + length].decode("latin1"))
    assert header["descr"] == "<f4" and not header["fortran_order"]
    numbers = array.array("f")
    numbers.frombytes(data[10 + length:])
    return header["shape"], numbers


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dear-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def ok(self, *arguments, **options):
        done = dear(*arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def fails(self, code, *arguments, saying=None, **options):
        """One line of error, nothing on standard output, the right exit code."""
        done = dear(*arguments, **options)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        lines = [line for line in done.stderr.splitlines() if line.startswith("dear: error: ")]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(len(done.stdout), 0, done.stdout)
        if saying:
            self.assertIn(saying, lines[0])
        return lines[0]
