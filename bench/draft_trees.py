#!/usr/bin/env python3
"""Whether drafts of a ranking should branch: what a tree of drafts saves in calls of the model, and costs in rows.

usage:  bench/draft_trees.py [--passages 20] [--answers 200] [--tokens-an-id 4.3] [--whims W…] [--seed 1]

Imitates models that have learnt the format. At each place of its ranking such a model takes the passage with the largest
logit, which is the passage's own (normal, deviation 1) and a whim of that very place (normal, of --whims). A draft is the
order of the means of the logits seen so far; the tree adds, at the places where the draft's next two passages lie closest,
a branch that takes the other one and then goes on as the draft, for so many passages. A call checks all of it, keeps the
longest path that the model would have written itself, and shows the logits at every place of it. That the answer is the
model's own ranking is checked of each.

An answer's cost is its calls, at what a call costs besides its rows (bench/pass_cost.cc measures it), and its rows. The
table has the cheapest tree for each cost of a call, and how many times as much an answer costs without branches.
"""
import argparse
import itertools
import sys

import numpy

KEPT = 60  # places whose logits the draft is a mean of, the latest ones
CALLS = (9, 20, 40, 100, 300, 1000)
TREES = ((0, 0), *itertools.product((1, 2, 4), (1, 3, 6, 20)))  # branches, passages of each


class Model:
    def __init__(self, passages, whim, seed):
        self.own, self.whim, self.seed = numpy.random.default_rng(seed).standard_normal(passages), whim, seed
        self.asked = {}

    def logits(self, written):
        """A place has its own whim, whenever it is asked for."""
        place = tuple(written)
        if place not in self.asked:
            numbers = numpy.random.default_rng([*self.seed, 1, *place])
            self.asked[place] = self.own + self.whim * numbers.standard_normal(len(self.own))
        return self.asked[place]

    def next(self, written):
        logits = self.logits(written)
        return max((i for i in range(len(self.own)) if i not in written), key=lambda i: logits[i])


    def ranking(self):
        written = []
        while len(written) < len(self.own):
            written.append(self.next(written))
        return written


def tree(guess, written, branches, length):
    """Paths behind `written`: the draft, then its branches; and the rows of each that are its own."""
    draft = sorted((i for i in range(len(guess)) if i not in written), key=lambda i: -guess[i])
    closest = sorted(range(len(draft) - 1), key=lambda k: guess[draft[k]] - guess[draft[k + 1]])
    paths, own = [draft], len(draft)
    for k in closest[:branches]:
        path = [*draft[:k], draft[k + 1], draft[k], *draft[k + 2:]][:k + length]
        paths.append(path)
        own += len(path) - k
    return paths, own


def answer(model, passages, branches, length):
    """Calls behind the prompt, and rows of them counted in passages."""
    written, seen, calls, rows = [model.next([])], [model.logits([])], 0, 0
    while len(written) < passages - 1:
        paths, own = tree(numpy.mean(seen[-KEPT:], axis=0), written, branches, length)
        calls, rows, best = calls + 1, rows + 1 + own, []
        for path in paths:
            kept = 0
            while kept < len(path) and model.next(written + path[:kept]) == path[kept]:
                kept += 1
            best = max(best, path[:kept], key=len)
            seen += [model.logits(written + path[:k]) for k in range(len(path))]
        written += best
        if len(written) < passages:
            written.append(model.next(written))
    if written != model.ranking()[:len(written)]:
        sys.exit("draft_trees: error: a draft changed the answer")
    return calls, rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=20)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--tokens-an-id", type=float, default=4.3, help="of [12] > and the like, on average")
    parser.add_argument("--whims", type=float, nargs="+", default=[0.05, 0.1, 0.2, 0.4])
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| whim | calls, rows without branches | " + " | ".join(f"a call costs {cost} rows" for cost in CALLS) + " |")
    print("|---|---" + "|---" * len(CALLS) + "|")
    for whim in options.whims:
        means = {}
        for shape in TREES:  # each tree is tried on the same models
            means[shape] = numpy.mean([answer(Model(options.passages, whim, [options.seed, number]), options.passages, *shape)
                                       for number in range(options.answers)], axis=0)
        cells = []
        for cost in CALLS:
            price = {shape: calls * cost + rows * options.tokens_an_id for shape, (calls, rows) in means.items()}
            best = min(TREES, key=price.get)
            cells.append("none" if best == (0, 0) else f"{best[0]} of {best[1]}: {price[0, 0] / price[best]:.2f}")
        calls, rows = means[0, 0]
        print(f"| {whim} | {calls:.1f}, {rows * options.tokens_an_id:.0f} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
