#!/usr/bin/env python3
"""nDCG@10 of `dear rerank` over whole test sets, beside the first stage and published figures.

usage:  bench/ranking_quality.py DATA_FOLDER SET... [--dear build/release/dear] [-m MODEL] [--recipe R] [--keep FOLDER]

DATA_FOLDER holds SET.jobs.jsonl (RankLLM requests) and SET.qrels.txt (TREC). Needs pytrec_eval
(PyPI: pytrec_eval-terrier). Fails when a query is missing or an answer is no permutation.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import pytrec_eval

# Query likelihood of SmolLM2-135M-Instruct (Q4_1, dequantised) by transformers in f32.
REFERENCE = {"noveleval": 0.7023, "wikiqa": 0.7341, "dl19": 0.5831, "npl": 0.4038}


def jobs(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            job = json.loads(line)
            yield str(job["query"]["qid"]), [str(c["docid"]) for c in job["candidates"]]


def ndcg(qrels, run):
    with open(qrels) as lines:
        judged = pytrec_eval.parse_qrel(lines)
    values = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut.10"}).evaluate(run)
    # As trec_eval -c: the mean over all topics of the judgements.
    return sum(v["ndcg_cut_10"] for v in values.values()) / len(judged)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("-m", "--model", default="smollm2-135m-instruct")
    parser.add_argument("--recipe", default="query-likelihood")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    folder = options.keep or pathlib.Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    print("| set | queries | first stage | dear | transformers, f32 | minutes |\n|---|---|---|---|---|---|")
    for name in options.sets:
        source = options.data / f"{name}.jobs.jsonl"
        first = {qid: {d: float(len(ids) - i) for i, d in enumerate(ids)} for qid, ids in jobs(source)}
        out = folder / f"{name}.jsonl"
        begun = time.time()
        subprocess.run([options.dear, "rerank", "-m", options.model, "--recipe", options.recipe, "--jobs", source,
                        "-o", out, "--overwrite"], check=True)
        minutes = (time.time() - begun) / 60
        ranked = {}
        for line in out.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            order = [r["docid"] for r in sorted(row["results"], key=lambda r: r["rank"])]
            if sorted(order) != sorted(first[row["qid"]]):
                sys.exit(f"{out}: query {row['qid']} is no permutation of its passages")
            ranked[row["qid"]] = {d: float(len(order) - i) for i, d in enumerate(order)}
        if ranked.keys() != first.keys():
            sys.exit(f"{out}: queries are missing")
        qrels = options.data / f"{name}.qrels.txt"
        reference = REFERENCE.get(name) if options.recipe == "query-likelihood" else None
        print(f"| {name} | {len(first)} | {ndcg(qrels, first):.4f} | {ndcg(qrels, ranked):.4f} | "
              f"{'' if reference is None else f'{reference:.4f}'} | {minutes:.1f} |", flush=True)


if __name__ == "__main__":
    main()
