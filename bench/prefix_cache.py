#!/usr/bin/env python3
"""What the prefix cache saves on real jobs: the same queries without it and with it, in turns.

    bench/prefix_cache.py build/release/dear --jobs npl.jobs.jsonl --queries 10 --size 2GiB -- --recipe query-likelihood

Results must be the same, scores included, before anything is said. The time is that of ranking alone (seconds.total,
which leaves loading out) and, where other work shares the cores, the processor time of the whole process.
"""
import argparse
import json
import resource
import statistics
import subprocess
import sys


def rank(arguments, lines):
    """The results, the seconds that ranking them took, and the processor seconds of the process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(arguments, input="".join(lines), capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return results, sum(result["seconds"]["total"] for result in results), processor


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dear")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--jobs", required=True)
    parser.add_argument("--queries", type=int, default=10)
    parser.add_argument("--size", default="256MiB")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", default="2")
    own, _, flags = (" ".join(sys.argv[1:]) + " ").partition(" -- ")  # further flags of dear rerank stand behind --
    options = parser.parse_args(own.split())
    with open(options.jobs, encoding="utf-8") as file:
        lines = [line.rstrip("\n") + "\n" for line in file if line.strip()][: options.queries]
    arguments = [options.dear, "rerank", "-m", options.model, "--threads", options.threads, "--format", "jsonl", "--quiet",
                 "--jobs", "-", *flags.split(), "--prefix-cache"]
    seconds, processor, cached = {"0": [], options.size: []}, {"0": [], options.size: []}, {}
    expected = None
    for _ in range(options.repeats):
        for size in seconds:
            results, taken, worked = rank([*arguments, size], lines)
            plain = [[result[field] for field in ("qid", "results", "permutation", "text", "repair")] for result in results]
            if expected is None:
                expected = plain
            if plain != expected:
                raise SystemExit(f"results differ with --prefix-cache {size}")
            seconds[size].append(taken)
            processor[size].append(worked)
            usage = [result["usage"] for result in results]
            cached[size] = {field: sum(one[field] for one in usage) for field in ("prompt_tokens", "shared_tokens", "cached_tokens")}
    for size, values in seconds.items():
        print(f"{size:8} {statistics.median(values):8.2f} s, processor {statistics.median(processor[size]):8.2f} s  {cached[size]}")
    print(f"ratio of seconds {statistics.median(seconds['0']) / statistics.median(seconds[options.size]):.3f}, "
          f"of processor seconds {statistics.median(processor['0']) / statistics.median(processor[options.size]):.3f}")


if __name__ == "__main__":
    main()
