#!/usr/bin/env python3
"""What queries gain by sharing calls of the model: each query as a job of its own, against all in one.

    bench/job_packing.py build/release/dear --model smollm2-135m-instruct --jobs wikiqa.jobs.jsonl --queries 12 \\
        -- --recipe query-likelihood

The rankings must be the same, scores included, before anything is timed. Both take turns; the time is that of
ranking alone (seconds.total of the results, which leaves loading out), and the median of the turns is given with
their spread.
"""
import statistics

import job_runs


def main():
    options, lines, command = job_runs.parse(__doc__, queries=12, repeats=3)
    times = {"alone": [], "together": []}
    for _ in range(options.repeats):
        alone = [job_runs.rank(command, [line]) for line in lines]
        together, seconds, _ = job_runs.rank(command, lines)
        for one, of_all in zip((results[0] for results, *_ in alone), together, strict=True):
            for field in ("qid", "results", "permutation", "text"):
                if one[field] != of_all[field]:
                    raise SystemExit(f"query {one['qid']}: {field} differs: {one[field]} alone, {of_all[field]} together")
        times["alone"].append(sum(taken for _, taken, _ in alone))
        times["together"].append(seconds)
    for name, values in times.items():
        print(f"{name:9} {statistics.median(values):8.2f} s  ({', '.join(f'{value:.2f}' for value in values)})")
    print(f"ratio     {statistics.median(times['alone']) / statistics.median(times['together']):8.2f}")


if __name__ == "__main__":
    main()
