#!/usr/bin/env python3
"""What the prefix cache saves on real jobs: the same queries without it and with it, in turns.

    bench/prefix_cache.py build/release/dear --jobs npl.jobs.jsonl --queries 10 --size 2GiB -- --recipe query-likelihood

Says how often passages come again. Results must be the same, scores included, before a time is said: that of ranking alone
(seconds.total, which leaves loading out) and, where other work shares the cores, the processor time of the whole process.
"""
import json
import statistics

import job_runs


def passages_of(lines):
    """How many passages the queries name, each counted once, and in how many places."""
    names = [candidate["docid"] for line in lines for candidate in json.loads(line)["candidates"]]
    return len(set(names)), len(names)


def main():
    options, lines, command = job_runs.parse(__doc__, lambda parser: parser.add_argument("--size", default="256MiB"),
                                             queries=10, repeats=1)
    print("{} passages in {} places".format(*passages_of(lines)))
    seconds, processor, cached = {"0": [], options.size: []}, {"0": [], options.size: []}, {}
    expected = None
    for _ in range(options.repeats):
        for size in seconds:
            results, taken, worked = job_runs.rank([*command, "--prefix-cache", size], lines)
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
