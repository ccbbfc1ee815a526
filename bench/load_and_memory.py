#!/usr/bin/env python3
"""How long until a first logit, and how much memory it takes: `dear logits` on one token of each model,
first with its file out of the page cache where that is allowed, then with it in.

usage:  bench/load_and_memory.py [--dear build/release/dear] [--runs 3] MODEL...

Checks that every run gives the same finite numbers before a time is printed. Resident memory is what
the process touches, mapped files included; anonymous memory is what it allocated itself.
"""
import argparse
import array
import hashlib
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import process_memory


def drop_from_page_cache(model):
    files = [model] if model.is_file() else [f for f in model.rglob("*") if f.is_file()]
    for file in files:
        with open(file, "rb") as handle:
            os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def run(dear, model, ids, out):
    begun = time.perf_counter()
    process = subprocess.Popen([dear, "logits", "-m", model, "--ids", ids, "-o", out], stdout=subprocess.DEVNULL)
    resident, anonymous = process_memory.watch(process)
    seconds = time.perf_counter() - begun
    if process.returncode:
        sys.exit(f"{model}: dear logits failed")
    data = pathlib.Path(out).read_bytes()
    header = 10 + int.from_bytes(data[8:10], "little")
    values = array.array("f", data[header:])
    if not values or not all(map(math.isfinite, values)):
        sys.exit(f"{model}: logits are not finite numbers")
    return seconds, resident / 1e9, anonymous / 1e9, hashlib.sha256(data).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "ids").write_text("1\n")
    print("| model | size, GB | first run, s | warm, s (median) | resident, GB | anonymous, GB |\n|---|---|---|---|---|---|")
    for model in options.models:
        size = sum(f.stat().st_size for f in ([model] if model.is_file() else model.rglob("*")) if f.is_file()) / 1e9
        drop_from_page_cache(model)
        runs = [run(options.dear, model, folder / "ids", folder / "out.npy") for _ in range(options.runs + 1)]
        if len({digest for *_, digest in runs}) != 1:
            sys.exit(f"{model}: runs gave different logits")
        warm = statistics.median(seconds for seconds, *_ in runs[1:])
        print(f"| {model.name} | {size:.2f} | {runs[0][0]:.2f} | {warm:.2f} | {max(r[1] for r in runs):.2f} | "
              f"{max(r[2] for r in runs):.2f} |", flush=True)


if __name__ == "__main__":
    main()
