#!/usr/bin/env python3
"""How long until a first logit in fast and int8 compute, and how much memory it takes: `dear logits` on one token with weights
packed at each start, at the start that keeps them, and mapped from where they were kept (bench/load_and_memory.py).

usage:  bench/packed_cache.py [--dear build/release/dear] [--runs 3] [--cache FOLDER] MODEL...

Checks that every run of a computation gives the same finite numbers before a time is printed. The kept files lie in FOLDER
(default: a temporary one) and are removed at the end.
"""
import argparse
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from load_and_memory import drop_from_page_cache, run


def median(runs, column):
    return statistics.median(r[column] for r in runs)


def measure(options, model, compute, folder):
    def runs(count, **environment):
        os.environ.update(environment)
        return [run(options.dear, model, folder / "ids", folder / "out.npy") for _ in range(count)]

    kept = folder / "dear" / "packed"
    os.environ.update(DEAR_COMPUTE=compute, XDG_CACHE_HOME=str(folder))
    packed = runs(options.runs + 1, DEAR_PACKED_CACHE="off")[1:]
    first = runs(1, DEAR_PACKED_CACHE="1TB")
    files = list(kept.glob("*.packed"))
    if len(files) != 1:
        sys.exit(f"{model}: nothing was kept in {kept}")
    mapped = runs(options.runs)
    drop_from_page_cache(files[0])
    cold = runs(1)
    if len({digest for *_, digest in packed + first + mapped + cold}) != 1:
        sys.exit(f"{model}: runs gave different logits")
    print(f"| {model.name} | {compute} | {files[0].stat().st_size / 1e9:.2f} | {median(packed, 0):.2f} | {first[0][0]:.2f} | "
          f"{median(mapped, 0):.2f} | {cold[0][0]:.2f} | {median(packed, 2):.2f} | {median(mapped, 2):.2f} |", flush=True)
    shutil.rmtree(kept)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(dir=options.cache))
    try:
        (folder / "ids").write_text("1\n")
        print("| model | compute | kept, GB | packed each time, s | first start, s | mapped, s | mapped, not in the page cache, s "
              "| anonymous when packed, GB | when mapped, GB |\n|---|---|---|---|---|---|---|---|---|")
        for model in options.models:
            for compute in ("fast", "int8"):
                measure(options, model, compute, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
