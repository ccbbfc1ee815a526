#!/usr/bin/env python3
"""Ranking quality of `dear rerank` over whole test sets: every form in which weights are held, beside the first stage
and transformers, with significance; and what the orders of windows can reach whatever the model. Makes docs/quality.md.

usage:  bench/quality.py DATA SET[:WAYS]... [--ways auto,bf16,auto-fast,…] [-m MODEL] [--recipe R] [--dear build/release/dear]
                         [--orders build/release/bench/window_orders_bench] [--keep FOLDER] [--out FILE.md]
                         [--reference FOLDER]

A way is a form of the weights (--dtype), with "-fast" behind it where it is computed fast. DATA holds SET.jobs.jsonl
(RankLLM requests, best first-stage hit first), SET.qrels.txt and SET.run.txt (TREC). Needs pytrec_eval (PyPI:
pytrec_eval-terrier), which also checks the figures of `dear eval`. Rankings in --keep are carried on where a run was
cut off. The way "auto" is the reference of Kendall's tau. Its orders are kept in --reference, which is bench/reference_orders
for the default model and recipe and a folder of --keep for others: they come from there when it is not among the ways, and
must agree with it when it is. Fails when a query is missing, an answer is no permutation, or the two evaluations differ.
"""
import argparse
import datetime
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

import pytrec_eval

# Query likelihood of SmolLM2-135M-Instruct (Q4_1, dequantised) by transformers in f32.
TRANSFORMERS = {"noveleval": 0.7023, "wikiqa": 0.7341, "dl19": 0.5831, "npl": 0.4038}
MAY_DIFFER = 0.001  # from them
FORM_NAMES = {"auto": "f32 (Q4_1 as in the file)", "f32": "f32", "bf16": "bf16", "int8": "int8", "nf4": "NF4", "fp4": "FP4",
              "q8": "Q8_0", "q4": "Q4_0"}


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


def as_run(orders):
    return {qid: {d: float(len(ids) - i) for i, d in enumerate(ids)} for qid, ids in orders.items()}


def rankings(path, first):
    """The order of each query's documents, checked to be a permutation of what went in."""
    orders, tokens = {}, 0
    with open(path, encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            order = [r["docid"] for r in sorted(row["results"], key=lambda r: r["rank"])]
            if sorted(order) != sorted(first[row["qid"]]):
                sys.exit(f"{path}: query {row['qid']} is no permutation of its passages")
            orders[row["qid"]] = order
            tokens += row["usage"]["prompt_tokens"]
    if orders.keys() != first.keys():
        sys.exit(f"{path}: queries are missing")
    return orders, tokens


def kept_orders(path, first):
    """The orders of a file of kept ones; None where there is none."""
    if not path.exists():
        return None
    places = json.loads(path.read_text(encoding="utf-8"))
    if places.keys() != first.keys() or any(sorted(places[q]) != list(range(len(first[q]))) for q in first):
        sys.exit(f"{path}: not the orders of these queries and passages")
    return {q: [first[q][i] for i in places[q]] for q in first}


def keep_orders(path, orders, first):
    """A line for each query: the places in the first stage of its passages, the best first."""
    lines = []
    for qid, order in orders.items():
        place = {d: i for i, d in enumerate(first[qid])}
        lines.append(f"{json.dumps(qid)}: {json.dumps([place[d] for d in order], separators=(',', ':'))}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def kendall(one, other):
    """Kendall's tau of two orders of the same documents."""
    place = {d: i for i, d in enumerate(other)}
    pairs = len(one) * (len(one) - 1) // 2
    if pairs == 0:
        return 1.0
    discordant = sum(place[a] > place[b] for a, b in itertools.combinations(one, 2))
    return 1 - 2 * discordant / pairs


def evaluate(options, qrels, ranked, base):
    out = subprocess.run([options.dear, "eval", qrels, ranked, "--compare", base, "-m", "ndcg_cut.10", "-c", "--json"],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["comparison"]["runs"][0]["measures"]["ndcg_cut_10"]


def p_value(p):
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def require_f32(options, source, compute, ranked):
    """Weights as in the file and the same weights as f32 numbers are one way: they give the same scores of a query."""
    with open(source, encoding="utf-8") as lines, open(ranked, encoding="utf-8") as rows:
        job, row = next(lines), json.loads(next(rows))
    out = subprocess.run([options.dear, "rerank", "-m", options.model, "--recipe", options.recipe, "--dtype", "f32", "--compute",
                          compute, "--jobs", "-", "--format", "jsonl"], input=job, check=True, capture_output=True, text=True).stdout
    if [(r["docid"], r["score"]) for r in json.loads(out)["results"]] != [(r["docid"], r["score"]) for r in row["results"]]:
        sys.exit(f"{ranked}: the weights as f32 give other scores ({compute})")


def measure(options, name, way, reference):
    form, _, compute = way.partition("-")
    compute = compute or "reference"
    source = options.data / f"{name}.jobs.jsonl"
    qrels = options.data / f"{name}.qrels.txt"
    first = dict(jobs(source))
    out = options.folder / f"{name}.{way}.jsonl"
    subprocess.run([options.dear, "rerank", "-m", options.model, "--recipe", options.recipe, "--dtype", form,
                    "--compute", compute, "--jobs", source, "-o", out, "--resume"], check=True)
    orders, tokens = rankings(out, first)
    if form == "auto" and compute != "int8":  # which multiplies the file's own codes
        require_f32(options, source, compute, out)
    value = ndcg(qrels, as_run(orders))
    tests = evaluate(options, qrels, out, options.data / f"{name}.run.txt")
    for ours, theirs in [(tests["run"], value), (tests["base"], ndcg(qrels, as_run(first)))]:
        if abs(ours - theirs) > 1e-9:
            sys.exit(f"{out}: dear eval says {ours}, pytrec_eval {theirs}")
    known = TRANSFORMERS.get(name) if options.recipe == "query-likelihood" and way in ("auto", "f32") else None
    if known is not None and abs(value - known) > MAY_DIFFER:
        sys.exit(f"{out}: nDCG@10 is {value:.4f}, transformers' is {known:.4f}")
    tau = sum(kendall(orders[q], reference[q]) for q in orders) / len(orders) if reference else 1.0
    label = "Q4_1 as in the file" if way == "auto-int8" else FORM_NAMES[form]
    row = [label + (f", {compute}" if compute != "reference" else ""), f"{tests['base']:.4f}"[1:], f"{value:.4f}"[1:], "" if known is None else f"{known:.4f}"[1:],
           f"{tests['difference']:+.4f}", p_value(tests["t_test"]["p"]), p_value(tests["wilcoxon"]["p"]),
           p_value(tests["randomisation"]["p"]), f"{tests['wins']} / {tests['ties']} / {tests['losses']}", f"{tau:.4f}"]
    return orders, tokens, row


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def quality_of_forms(options):
    parts = []
    head = ["weights", "first stage", "dear", "transformers, f32", "gain", "t-test", "Wilcoxon", "randomisation",
            "won / tied / lost", "Kendall's tau"]
    for name, _, ways in (text.partition(":") for text in options.sets):
        ways = (ways or options.ways).split(",")
        first = dict(jobs(options.data / f"{name}.jobs.jsonl"))
        kept_file = options.reference / f"{name}.json"
        kept = kept_orders(kept_file, first)
        if kept is None and ways[0] != "auto":
            sys.exit(f"{name}: the first way must be auto, as {kept_file} is missing")
        reference, rows, tokens = kept, [], 0
        for way in ways:
            orders, tokens, row = measure(options, name, way, reference)
            if way == "auto" and kept is None:
                keep_orders(kept_file, orders, first)
                reference = orders
            elif way == "auto" and orders != kept:
                sys.exit(f"{name}: the reference orders other than {kept_file}")
            rows.append(row)
            print(f"{name}: " + " | ".join(row), flush=True)
        passages = sum(map(len, reference.values()))
        parts.append(f"### {name}: {len(reference)} queries, {passages:,} passages, {tokens:,} tokens\n\n"
                     + table(head, rows))
    return "\n\n".join(parts)


def span_of(values):
    """"9.0", or "9.9–10.4" where they differ."""
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low}–{high}"


def window_orders(options, name):
    """The table of the orders, and that of what settling the first places leaves out."""
    out = subprocess.run([options.orders, options.data / f"{name}.qrels.txt", options.data / f"{name}.run.txt"],
                         check=True, capture_output=True, text=True).stdout
    settings, settled = {}, {}
    for line in map(json.loads, out.splitlines()):
        key = (line["order"], line["size"], line["step"], line["passes"])
        (settled if "settle" in line else settings).setdefault(key, []).append(line)
    rows = []
    for (order, size, step, passes), lines in settings.items():
        fixed = order in ("first stage", "all in one")
        sliding = order == "sliding"
        values = [f"{line['ndcg_cut_10']:.4f}"[1:] for line in lines]
        rows.append([order, "" if fixed else str(size), str(step) if sliding else "", str(passes) if sliding else "",
                     f"{lines[0]['calls']:.1f}", f"{lines[0]['rounds']:.1f}"] + values + [""] * (3 - len(values)))
    saved = []
    for (order, size, step, passes), lines in settled.items():
        sliding = order == "sliding"
        values = [f"{line['settled_calls']:.1f} / {line['settled_rounds']:.1f}" for line in lines]
        saved.append([order, str(size), str(step) if sliding else "", str(passes) if sliding else "",
                      " / ".join(span_of([line[what] for line in lines]) for what in ("calls", "rounds"))] + values)
    noises = ["sure", "noise 0.5", "noise 1.0"]
    return (table(["order", "window", "step", "passes", "calls", "rounds"] + noises, rows),
            table(["order", "window", "step", "passes", "all windows"] + noises, saved))


def cpu():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("sets", nargs="+")
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--orders", default="build/release/bench/window_orders_bench")
    parser.add_argument("-m", "--model", default="smollm2-135m-instruct")
    parser.add_argument("--recipe", default="query-likelihood")
    parser.add_argument("--ways", default="auto,bf16,int8,nf4,q4,auto-fast,bf16-fast,int8-fast,nf4-fast,q4-fast,auto-int8,bf16-int8,int8-int8,nf4-int8,q4-int8")
    parser.add_argument("--keep", dest="folder", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    options.folder = options.folder or pathlib.Path(tempfile.mkdtemp())
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.reference is None:
        # Orders of another model or recipe are neither compared with those of the default nor put in their place.
        is_default = all(getattr(options, name) == parser.get_default(name) for name in ("model", "recipe"))
        options.reference = (pathlib.Path(__file__).resolve().parent if is_default else options.folder) / "reference_orders"
    forms = quality_of_forms(options)
    names = [text.partition(":")[0] for text in options.sets]
    oracle_set = "dl19" if "dl19" in names else names[0]
    orders, settled = window_orders(options, oracle_set)
    text = f"""# Ranking quality

Made by `bench/quality.py` on {datetime.date.today()} ({cpu()}); every figure is nDCG@10 as trec_eval -c gives it, computed
by pytrec_eval and by `dear eval`, which must agree.

## Weight forms

`dear rerank -m {options.model} --recipe {options.recipe} --dtype FORM [--compute fast|int8]`. The first line of a table is the reference: Kendall's tau is
that of each form's order of a query's passages against it, averaged over the queries. The p-values are two-sided,
paired by query, against the first stage (`dear eval --compare`). Where transformers' figure in f32 is known, the run
fails if ours is further than {MAY_DIFFER} from it.

The file holds Q4_1; the same weights as f32 numbers (`--dtype f32`) give the same scores bit for bit, which the script
checks on a query of each set, so that line stands for both; int8 compute multiplies the file's codes. The other forms
are made from it, and lose a second time.

{forms}

## Window orders under a ranker that knows

`window_orders_bench` on {oracle_set}: a ranker that orders each window by the judgements, surely or with Gaussian noise of that
standard deviation on the relevance level at every look, so that this is about the orders and no model. Calls and rounds
(windows of one round go through the model side by side) are means a query.

{orders}

What `--settle 10` needs of it, as calls / rounds: here the ranker errs alike whenever it is shown the same window, as
greedy decoding does, and in a way of its own on each other one. The first ten places are those of all windows, which the
run checks. A ranker that has one order in mind comes to it, and the passes behind that are left out; one that errs on
every window anew never does, and its windows are never the same. Windows that do not overlap are left out under any. Every
other window can bring a passage to the front, so one pass of windows that overlap and the other two orders take what they
took.

{settled}
"""
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
