#!/usr/bin/env python3
"""Speed of the tokenizer beside the `tokenizers` package: one thread each, the same texts, one run.

    tokenizer.py BENCH MODEL --texts FILE.jsonl… [--repeats N] [--limit N] [--json]

BENCH is build/…/bench/tokenizer_bench. The ids are compared before anything is timed. Two kinds of
work: the texts one by one, and all of them as one document.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tools"))
from compare_tokenizers import Comparison, TokenizersReference, reference, words_of  # noqa: E402


def ours(bench, model, texts, repeats):
    out = subprocess.run([bench, model, "--time", str(repeats)], input="".join(json.dumps(t) + "\n" for t in texts),
                         capture_output=True, text=True, check=True)
    return json.loads(out.stdout)


def theirs(model, texts, repeats):
    begin = time.perf_counter()
    tokenizer = reference(model)
    load = time.perf_counter() - begin
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        tokens = sum(len(tokenizer.encode(t)) for t in texts)
        seconds.append(time.perf_counter() - begin)
    # Encoding with threads off, as a whole batch without offsets, is their fastest way.
    fast = []
    for _ in range(repeats):
        begin = time.perf_counter()
        tokenizer.encode_batch_fast(texts)
        fast.append(time.perf_counter() - begin)
    return {"load": load, "seconds": seconds, "fast": fast, "tokens": tokens}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("model")
    parser.add_argument("--texts", nargs="+", required=True)
    parser.add_argument("--limit", type=int, default=4300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()

    passages = [t for path in args.texts for t in words_of(path, args.limit)][:args.limit]
    compare = Comparison(args.bench, args.model, TokenizersReference(args.model))
    compare.texts(passages, offsets=False, decode=False)
    if compare.failed:
        sys.exit("the ids differ: nothing is timed")
    results = []
    for name, texts in (("passages", passages), ("one document", ["\n".join(passages)])):
        size = sum(len(t.encode()) for t in texts)
        a, b = ours(args.bench, args.model, texts, args.repeats), theirs(args.model, texts, args.repeats)
        rate = lambda seconds: size / statistics.median(seconds) / 1e6  # noqa: E731
        results.append({"work": name, "texts": len(texts), "bytes": size, "tokens": a["tokens"],
                        "dear_MBps": rate(a["seconds"]), "dear_spread": [min(a["seconds"]), max(a["seconds"])],
                        "tokenizers_MBps": rate(b["seconds"]), "tokenizers_batch_fast_MBps": rate(b["fast"]),
                        "dear_load_s": a["load"], "tokenizers_load_s": b["load"]})
    if args.json:
        print(json.dumps(results))
        return
    for r in results:
        print(f"{r['work']:>13}: {r['bytes'] / 1e6:.2f} MB  dear {r['dear_MBps']:.2f} MB/s  tokenizers {r['tokenizers_MBps']:.2f} MB/s "
              f"(encode_batch_fast {r['tokenizers_batch_fast_MBps']:.2f})  load {r['dear_load_s']:.3f} s / {r['tokenizers_load_s']:.3f} s")


if __name__ == "__main__":
    main()
