#!/usr/bin/env python3
"""What queries gain by sharing calls of the model: each query as a job of its own, against all in one.

    bench/job_packing.py build/release/dear --model smollm2-135m-instruct --jobs wikiqa.jobs.jsonl --queries 12 \\
        -- --recipe query-likelihood

The rankings must be the same, scores included, before anything is timed. Both take turns; the time is that of
ranking alone (seconds.total of the results, which leaves loading out), and the median of the turns is given with
their spread.
"""
import argparse
import json
import statistics
import subprocess
import sys


def rank(arguments, lines, jobs):
    """The results of those queries, and the seconds that ranking them took."""
    done = subprocess.run([*arguments, "--jobs", "-"], input="".join(lines[i] for i in jobs), capture_output=True, text=True, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return results, sum(result["seconds"]["total"] for result in results)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dear")
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--jobs", required=True)
    parser.add_argument("--queries", type=int, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", default="2")
    own, _, flags = (" ".join(sys.argv[1:]) + " ").partition(" -- ")  # further flags of dear rerank stand behind --
    options = parser.parse_args(own.split())
    with open(options.jobs, encoding="utf-8") as file:
        lines = [line.rstrip("\n") + "\n" for line in file if line.strip()][: options.queries]
    arguments = [options.dear, "rerank", "-m", options.model, "--threads", options.threads, "--format", "jsonl", "--quiet", *flags.split()]
    times = {"alone": [], "together": []}
    for _ in range(options.repeats):
        alone = [rank(arguments, lines, [i]) for i in range(len(lines))]
        together, seconds = rank(arguments, lines, range(len(lines)))
        for one, of_all in zip((results[0] for results, _ in alone), together, strict=True):
            for field in ("qid", "results", "permutation", "text"):
                if one[field] != of_all[field]:
                    raise SystemExit(f"query {one['qid']}: {field} differs: {one[field]} alone, {of_all[field]} together")
        times["alone"].append(sum(seconds for _, seconds in alone))
        times["together"].append(seconds)
    for name, values in times.items():
        print(f"{name:9} {statistics.median(values):8.2f} s  ({', '.join(f'{value:.2f}' for value in values)})")
    print(f"ratio     {statistics.median(times['alone']) / statistics.median(times['together']):8.2f}")


if __name__ == "__main__":
    main()
