#!/usr/bin/env python3
"""One build of dear beside another by `dear bench`, by turns on the same machine: what a change of kernels is worth. First
both rerank the same passages in each computation, and continue a text: scores must be the same bits, or with --may-differ
within that part of the largest score, and the text the same. Prints a Markdown table of the ratios of each round.

usage:  bench/two_builds.py BEFORE AFTER [--work pointwise8x228,decode] [--compute int8,fast,reference] [-m MODEL]
                            [--rounds 3] [--may-differ 0]
"""
import argparse
import json
import subprocess
import sys

QUERY = "who made the first practical light bulb"
PASSAGES = [f"Passage {i}. " + "Edison tested carbon filaments in his laboratory. " * (1 + i % 7) for i in range(12)]


def scores(dear, options, compute):
    command = [dear, "rerank", "-m", options.model, "--recipe", "query-likelihood", "--compute", compute, "--format", "jsonl",
               "-q", QUERY]
    for passage in PASSAGES:
        command += ["-d", passage]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {r["docid"]: r["score"] for r in json.loads(out)["results"]}


def text(dear, options, compute):
    return subprocess.run([dear, "generate", "-m", options.model, "--compute", compute, "--text", QUERY, "--max-new-tokens", "32"],
                          check=True, capture_output=True, text=True).stdout


def require_same(options, compute):
    before, after = scores(options.before, options, compute), scores(options.after, options, compute)
    if before.keys() != after.keys() or len(before) != len(PASSAGES):
        sys.exit(f"{compute}: other passages")
    bound = options.may_differ * max(map(abs, before.values()))
    for passage in before:
        if not abs(before[passage] - after[passage]) <= bound:  # NaN too
            sys.exit(f"{compute}: {passage} has the scores {before[passage]} and {after[passage]}")
    if text(options.before, options, compute) != text(options.after, options, compute):
        sys.exit(f"{compute}: the greedy texts differ")


def rates(dear, options, compute):
    """{work: tokens a second}, of the fastest of two runs each."""
    out = subprocess.run([dear, "bench", "-m", options.model, "--compute", compute, "--work", options.work, "--repeat", "2",
                          "--json"], check=True, capture_output=True, text=True).stdout
    return {r["work"]: r["tokens"] / r["fastest_s"] for r in json.loads(out)["results"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--work", default="pointwise8x228")
    parser.add_argument("--compute", default="int8,fast,reference")
    parser.add_argument("-m", "--model", default="smollm2-135m-instruct")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--may-differ", type=float, default=0)
    options = parser.parse_args()

    computations = options.compute.split(",")
    for compute in computations:
        require_same(options, compute)
    rounds = [{compute: (rates(options.before, options, compute), rates(options.after, options, compute))
               for compute in computations} for _ in range(options.rounds)]
    print("| work | compute | before, tokens/s | after | ratio of each round |\n|---|---|---|---|---|")
    for work in options.work.split(","):
        for compute in computations:
            pairs = [(r[compute][0][work], r[compute][1][work]) for r in rounds]
            print(f"| {work} | {compute} | " + ", ".join(f"{b:.0f}" for b, _ in pairs) + " | " +
                  ", ".join(f"{a:.0f}" for _, a in pairs) + " | " + ", ".join(f"{a / b:.2f}" for b, a in pairs) + " |")


if __name__ == "__main__":
    main()
