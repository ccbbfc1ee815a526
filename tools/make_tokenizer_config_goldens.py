#!/usr/bin/env python3
"""What transformers' AutoTokenizer makes of the files beside a tokenizer.json or tokenizer.model: added_tokens_decoder,
special_tokens_map.json, added_tokens.json, named tokens, add_bos_token and add_eos_token. Each case is a folder of
tiny files (the tokenizers of tests/golden/text) and what came out; written to tests/golden/text/config.json.

    make_tokenizer_config_goldens.py [FILE]
"""
import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import tokenizers  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

GOLDEN = pathlib.Path(__file__).parent.parent / "tests/golden/text"
PLAIN = {"tokenizer_class": "PreTrainedTokenizerFast"}


def token(content, **flags):
    return {"content": content, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True, **flags}


def typed(content, **flags):
    out = token(content, **flags)
    del out["special"]
    return {"__type": "AddedToken", **out}


def cases(known, free):
    """`known`: added tokens that the tokenizer.json has, by id; `free`: the next free id."""
    first_id, first = next(iter(known.items()))
    yield "nothing", PLAIN, {}, {}
    yield "named tokens that are new", {**PLAIN, "bos_token": "<new bos>", "eos_token": "<new eos>", "pad_token": first}, {}, {}
    yield "named tokens with flags", {**PLAIN, "bos_token": typed("<b>", lstrip=True), "eos_token": typed("<e>", rstrip=True)}, {}, {}
    yield "extra tokens", {**PLAIN, "additional_special_tokens": ["<x>", "<y>", first]}, {}, {}
    yield "extra tokens of two kinds", {**PLAIN, "additional_special_tokens": ["<x>"], "extra_special_tokens": ["<z>"]}, {}, {}
    yield "decoder with new tokens", {**PLAIN, "added_tokens_decoder": {
        str(first_id): token(first), str(free): token("<p>", special=False), str(free + 1): token("<q>", lstrip=True, rstrip=True),
        str(free + 2): token("the", single_word=True, special=False)}}, {}, {}
    yield "decoder out of order", {**PLAIN, "added_tokens_decoder": {
        str(free + 5): token("<later>"), str(free): token("<sooner>"), "10": token("<ten>")}}, {}, {}
    yield "decoder changes flags", {**PLAIN, "added_tokens_decoder": {str(first_id): token(first, lstrip=True, rstrip=True)}}, {}, {}
    yield "decoder takes special away", {**PLAIN, "added_tokens_decoder": {str(first_id): token(first, special=False)}}, {}, {}
    yield "named token in decoder", {**PLAIN, "eos_token": "<p>", "added_tokens_decoder": {str(free): token("<p>", special=False, rstrip=True)}}, {}, {}
    yield "special tokens map", {**PLAIN, "eos_token": "<old>"}, {"bos_token": "<mb>", "eos_token": token("<me>", lstrip=True), "pad_token": first}, {}
    yield "special tokens map and decoder", {**PLAIN, "eos_token": "<old>", "added_tokens_decoder": {str(free): token("<p>")}}, {"eos_token": "<me>"}, {}
    yield "special tokens map with extras", PLAIN, {"additional_special_tokens": ["<m1>", "<m2>"]}, {}
    yield "added tokens", {**PLAIN, "eos_token": "<a2>"}, {}, {"<a1>": free, "<a2>": free + 1, first: first_id}
    yield "added tokens and decoder", {**PLAIN, "added_tokens_decoder": {str(free): token("<p>")}}, {}, {"<a1>": free}
    yield "all three", {**PLAIN, "pad_token": "<pad>"}, {"eos_token": "<me>", "unk_token": "<mu>"}, {"<a1>": free, "<me>": free + 1}
    yield "bos and eos are asked for", {**PLAIN, "bos_token": first, "eos_token": "<e>", "add_bos_token": True, "add_eos_token": True}, {}, {}
    yield "bos is not asked for", {**PLAIN, "bos_token": first, "add_bos_token": False}, {}, {}


def llama_cases():
    llama = {"tokenizer_class": "LlamaTokenizer"}
    yield "class alone", llama, {}, {}
    yield "bos", {**llama, "add_bos_token": True}, {}, {}
    yield "bos and eos", {**llama, "add_bos_token": True, "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>"}, {}, {}
    yield "legacy", {**llama, "add_bos_token": True, "legacy": True}, {}, {}
    yield "no prefix", {**llama, "add_bos_token": True, "add_prefix_space": False}, {}, {}
    yield "pad added", {**llama, "add_bos_token": True, "pad_token": "<pad>", "added_tokens_decoder": {
        "0": token("<unk>"), "1": token("<s>"), "2": token("</s>"), "470": token("<pad>")}}, {}, {}
    yield "added tokens", {**llama, "add_bos_token": True, "eos_token": "<end>"}, {}, {"<end>": 470, "<turn>": 471}
    yield "special tokens map", {**llama, "add_eos_token": True}, {"eos_token": token("<end>"), "bos_token": "<s>"}, {}


def main():
    out = {"versions": {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}, "cases": []}
    bases = [("tokenizers/llama3.json", "tokenizer.json"), ("tokenizers/qwen2.json", "tokenizer.json"),
             ("tokenizers/llama2.json", "tokenizer.json"), ("spm/bpe.model", "tokenizer.model")]
    for base, file in bases:
        if file == "tokenizer.json":
            document = json.loads((GOLDEN / base).read_text(encoding="utf-8"))
            known = {t["id"]: t["content"] for t in document["added_tokens"]} or {0: "!"}
            free = max([*document["model"]["vocab"].values(), *known]) + 1
            chosen = cases(known, free)
        else:
            known, chosen = {1: "<s>", 2: "</s>"}, llama_cases()
        for name, config, special, added in chosen:
            with tempfile.TemporaryDirectory() as folder:
                folder = pathlib.Path(folder)
                (folder / file).write_bytes((GOLDEN / base).read_bytes())
                files = {"tokenizer_config.json": config, "special_tokens_map.json": special, "added_tokens.json": added}
                files = {name: content for name, content in files.items() if content}
                for side, content in files.items():
                    (folder / side).write_text(json.dumps(content), encoding="utf-8")
                theirs = AutoTokenizer.from_pretrained(folder)
                contents = [t.content for t in theirs.added_tokens_decoder.values()]
                # Not two spaces, nor a space at the start: there LlamaTokenizer leaves SentencePiece.
                texts = ["the quick fox", *(f"the{t}fox" for t in contents), *(f"a {t} b" for t in contents[:12] if file == "tokenizer.json"),
                         *(f"the{t}{t}them" for t in contents)]
                texts = list(dict.fromkeys(texts))
                encoded = [theirs(t)["input_ids"] for t in texts]
                out["cases"].append({
                    "name": name, "base": base, "file": file, "files": files,
                    "encode": [[t, ids] for t, ids in zip(texts, encoded)],
                    "pair": theirs(texts[0], texts[-1])["input_ids"],
                    "decode": [theirs.decode(ids, skip_special_tokens=True) for ids in encoded],
                    "bos": theirs.bos_token_id, "eos": theirs.eos_token_id, "pad": theirs.pad_token_id})
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else GOLDEN / "config.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
