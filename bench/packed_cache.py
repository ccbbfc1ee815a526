#!/usr/bin/env python3
"""How long until a first logit in fast and int8 compute, and how much memory it takes: `dear logits` on one token with weights
packed at each start, at the start that keeps them, and mapped from where they were kept (bench/load_and_memory.py).

usage:  bench/packed_cache.py [--dear build/release/dear] [--runs 3] [--cache FOLDER] MODEL...

Checks that every run of a computation gives the same finite numbers before a time is printed: seconds of the clock, and in
brackets of all processors, which other work on the machine changes less. The kept files lie in FOLDER (default: a temporary
one) and are removed at the end.
"""
import argparse
import os
import pathlib
import resource
import shutil
import statistics
import sys
import tempfile

from load_and_memory import drop_from_page_cache, run


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds(runs):
    return f"{statistics.median(r['seconds'] for r in runs):.2f} ({statistics.median(r['processors'] for r in runs):.2f})"


def anonymous(runs):
    return f"{max(r['anonymous'] for r in runs):.2f}"


def measure(options, model, compute, folder):
    def runs(count, **environment):
        os.environ.update(environment)
        done = []
        for _ in range(count):
            before = processor_seconds()
            clock, _, anonymous_gb, digest = run(options.dear, model, folder / "ids", folder / "out.npy")
            done.append({"seconds": clock, "processors": processor_seconds() - before, "anonymous": anonymous_gb, "digest": digest})
        return done

    kept = folder / "dear" / "packed"
    os.environ.update(DEAR_COMPUTE=compute, DEAR_QUIET="true", XDG_CACHE_HOME=str(folder))
    packed = runs(options.runs + 1, DEAR_PACKED_CACHE="off")[1:]
    first = runs(1, DEAR_PACKED_CACHE="1TB")
    files = list(kept.glob("*.packed"))
    if len(files) != 1:
        sys.exit(f"{model}: nothing was kept in {kept}")
    mapped = runs(options.runs)
    drop_from_page_cache(files[0])
    cold = runs(1)
    if len({r['digest'] for r in packed + first + mapped + cold}) != 1:
        sys.exit(f"{model}: runs gave different logits")
    print(f"| {model.name} | {compute} | {files[0].stat().st_size / 1e9:.2f} | {seconds(packed)} | {seconds(first)} | "
          f"{seconds(mapped)} | {seconds(cold)} | {anonymous(packed)} | {anonymous(mapped)} |", flush=True)
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
