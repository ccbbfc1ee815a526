"""Random qrels and runs for comparing evaluators: small, seeded, full of what goes wrong in practice."""
import random


def identifier(rng):
    kind = rng.random()
    if kind < 0.5:
        return str(rng.randrange(1, 60))
    if kind < 0.8:
        return rng.choice("dDéZa_#-") + str(rng.randrange(40))
    return rng.choice(["FT911-", "msmarco_passage_", "WTX0"]) + f"{rng.randrange(90):03d}"


def score(rng, style):
    if style == "ties":
        return str(rng.choice([0, 1, 2, 2.5, -1]))
    if style == "float_ties":  # other doubles, the same float
        return repr(16777216 + rng.randrange(5)) if rng.random() < 0.6 else f"1.{rng.randrange(3):09d}"
    if style == "large":
        return rng.choice(["1e300", "-1e300", "3e38", "1e-60", "-0", "0.0", "1e39", "5"])
    return rng.choice([f"{rng.uniform(-20, 20):.6f}", f"{rng.gauss(0, 1):e}", repr(rng.random() * 100)])


def pair(seed):
    """(qrels, run) as texts. The first query is judged by one document at least: trec_eval reads
    memory of the query before where all judgements are negative."""
    rng = random.Random(seed)
    style = rng.choice(["plain", "plain", "ties", "float_ties", "large"])
    levels = rng.choice([[0, 1], [0, 1, 2, 3], [-1, 0, 1], [-2, -1, 0, 0, 0, 2], [0], [1, 4, 12], [0, 0, 0, 0, 1]])
    newline = rng.choice(["\n", "\n", "\n", "\r\n"])
    blank = rng.choice([" ", " ", "\t", "  ", " \t"])
    qids = sorted({identifier(rng) for _ in range(rng.randrange(1, 7))})
    qrels, run = [], []
    for qid in qids:
        pool = sorted({identifier(rng) for _ in range(rng.choice([1, 3, 10, 30, 60]))})
        judged = [d for d in pool if rng.random() < 0.7] or pool[:1]
        if rng.random() < 0.93:
            lines = [(qid, d, rng.choice(levels)) for d in judged]
            if all(rel < 0 for _, _, rel in lines):
                lines[0] = lines[0][:2] + (rng.choice([0, 1]),)
            qrels += lines
        if rng.random() < 0.93:
            retrieved = [d for d in pool if rng.random() < 0.8] or pool[:1]
            retrieved += [f"other{i}" for i in range(rng.choice([0, 0, 4, 15]))]
            rng.shuffle(retrieved)
            run += [(qid, d, i + 1, score(rng, style)) for i, d in enumerate(retrieved)]
    if not qrels:
        qrels.append((qids[0], "d1", 1))
    if not run:
        run.append((qids[0], "d1", 1, "1"))
    for rows in (qrels, run):
        if rng.random() < 0.3:
            rng.shuffle(rows)
    qrels_text = newline.join(blank.join([q, "0", d, str(r)]) for q, d, r in qrels) + newline
    run_text = newline.join(blank.join([q, "Q0", d, str(i), s, "tag"]) for q, d, i, s in run)
    if rng.random() < 0.8:
        run_text += newline
    if rng.random() < 0.2:
        run_text = run_text.replace(newline, newline + newline, 2)
    return qrels_text, run_text


def options(seed):
    rng = random.Random(seed * 7919 + 1)
    out = rng.choice([["-q"], ["-q", "-c"], ["-q", "-c"], ["-q", "-n"], []])[:]
    out += rng.choice([[], [], [], ["-l", "2"], ["-l", "3"], ["-l", "0"]])
    out += rng.choice([[], [], [], ["-M", "5"], ["-M", "1"], ["-J"], ["-J", "-M", "7"]])
    measures = rng.choice([["all_trec"], ["all_trec"], ["all_trec"], [], ["official"], ["set"], ["yaap"], [
        "ndcg.1=3.5,2=9,4=0.5", "P.1,3,7", "ndcg_cut.2,23.4,1", "set_F.2", "utility.2,-1,0.5,0.25",
        "11pt_avg.0.2,0.5,0.8", "iprec_at_recall..10,.25,.75", "relstring.25", "Rprec_mult.5.0,0.35"], [
        "G.0=-1,1=0.4,2=0.8,3=1.1", "ndcg_rel.1=0.5,2=0.25,3=7", "Rndcg.0=0.5,1=2", "map_cut.1,2", "success.3",
        "ndcg.0=1,1=0.2,3=0.9,2=1.9", "relative_P.2,4", "recall.1"]])
    if rng.random() < 0.2:
        out += ["-N", "1000"]
    for name in measures:
        out += ["-m", name]
    return out
