#!/usr/bin/env python3
"""Speed of `dear eval` beside trec_eval 9.0.8: the same files, one run after another, in turns.

    eval_speed.py DEAR [--runs 10] [--queries 6980] [--depth 1000] [--repeats 3] [--threads 2] [--folder DIR]

Makes seeded runs of MS MARCO's size (numeric docids, one or two relevant documents a query), checks
that both print the same figures, then times both as commands. trec_eval is its own C code inside
pytrec_eval-terrier 0.5.11, driven by tools/trec_eval_oracle.py, whose Python does no more than main()
does; it looks up a query's judgements in a dictionary where trec_eval searches a list, so the real
program is slower than what is timed here.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

TOOLS = pathlib.Path(__file__).resolve().parent.parent / "tools"


def make(folder, runs, queries, depth):
    rng = random.Random(20261124)
    qids = rng.sample(range(1, 1200000), queries)
    relevant = {q: rng.sample(range(8841823), rng.choice([1, 1, 1, 2])) for q in qids}
    qrels = folder / "qrels.txt"
    qrels.write_text("".join(f"{q} 0 {d} 1\n" for q in qids for d in relevant[q]))
    paths = []
    for r in range(runs):
        path = folder / f"run{r}.txt"
        paths.append(path)
        with open(path, "w", encoding="ascii") as file:
            for q in qids:
                docs = rng.sample(range(8841823), depth)
                for d in relevant[q]:
                    if d not in docs and rng.random() < 0.85:
                        docs[min(depth - 1, int(rng.expovariate(0.05)))] = d
                docs = list(dict.fromkeys(docs))
                score = 40.0
                lines = []
                for rank, d in enumerate(docs, 1):
                    score -= rng.random() * 0.03
                    lines.append(f"{q} Q0 {d} {rank} {score:.6f} run{r}\n")
                file.write("".join(lines))
    return qrels, paths


def timed(command):
    begin = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - begin, done.stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dear")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--queries", type=int, default=6980)
    parser.add_argument("--depth", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--measures", nargs="*", default=["official"])
    parser.add_argument("--folder")
    arguments = parser.parse_args()
    measures = [part for name in arguments.measures for part in ("-m", name)]
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        qrels, paths = make(pathlib.Path(name), arguments.runs, arguments.queries, arguments.depth)
        size = sum(p.stat().st_size for p in paths)
        ours = [arguments.dear, "eval", "--quiet", "--threads", str(arguments.threads), *measures, str(qrels)]
        theirs = [sys.executable, str(TOOLS / "trec_eval_oracle.py"), *measures, str(qrels)]
        for path in paths:  # also brings the files into memory
            a, b = timed([*ours, "-q", str(path)])[1], timed([*theirs, "-q", str(path)])[1]
            if a != b:
                raise SystemExit(f"{path}: the figures differ")
        seconds = {"dear": [], "trec_eval": []}
        for _ in range(arguments.repeats):
            seconds["dear"].append(timed([*ours, *map(str, paths)])[0])
            seconds["trec_eval"].append(sum(timed([*theirs, str(path)])[0] for path in paths))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    print(json.dumps({"runs": arguments.runs, "queries": arguments.queries, "depth": arguments.depth, "bytes": size,
                      "threads": arguments.threads, "cores": len(os.sched_getaffinity(0)), "seconds": seconds,
                      "median_s": medians, "times_faster": medians["trec_eval"] / medians["dear"]}, indent=1))


if __name__ == "__main__":
    main()
