#!/usr/bin/env python3
"""p-values of scipy for paired differences: tests/golden/eval/significance.json. Seeded; needs scipy."""
import json
import pathlib
import sys
import warnings

import numpy
import scipy
from scipy import stats

HERE = pathlib.Path(__file__).resolve().parent.parent


def samples():
    rng = numpy.random.default_rng(20261124)
    for n in (2, 3, 5, 8, 13, 14, 20, 43, 50, 51, 97, 243):
        for kind in ("plain", "shifted", "tied", "zeros"):
            d = rng.normal(0.02 if kind != "plain" else 0, 0.1, n)
            if kind == "tied":
                d = numpy.round(d, 1) + rng.choice([0.05, -0.05], n)
            if kind == "zeros":
                d[rng.random(n) < 0.3] = 0
            yield kind, d
    yield "strong", rng.normal(0.5, 0.1, 60)


def exact_randomisation(d):
    """All sign patterns, for n <= 13."""
    signs = numpy.array([[1 - 2 * (i >> j & 1) for j in range(len(d))] for i in range(2 ** len(d))])
    sums = numpy.abs(signs @ d)
    return float(numpy.mean(sums >= abs(d.sum()) - 1e-12))


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "tests/golden/eval/significance.json"
    cases = []
    for kind, d in samples():
        if not numpy.any(d):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case = {"kind": kind, "differences": [float(v) for v in d],
                    "t": float(stats.ttest_1samp(d, 0).pvalue),
                    "wilcoxon": float(stats.wilcoxon(d, method="auto").pvalue)}
        if len(d) <= 13:
            case["randomisation"] = exact_randomisation(d)
        cases.append(case)
    p = [case["t"] for case in cases[:9]]
    order = numpy.argsort(p)
    holm = numpy.empty(len(p))
    holm[order] = numpy.minimum(1, numpy.maximum.accumulate([(len(p) - i) * p[j] for i, j in enumerate(order)]))
    beta = [[a, b, x, float(scipy.special.betainc(a, b, x))] for a in (0.5, 1, 6.5, 21, 3490) for b in (0.5, 2, 40)
            for x in (0, 1e-9, 0.01, 0.3, 0.7, 0.99, 0.9999999, 1)]
    text = json.dumps({"scipy": scipy.__version__, "numpy": numpy.__version__, "cases": cases,
                       "holm": {"p": p, "corrected": [float(v) for v in holm]}, "beta": beta})
    out.write_text(text + "\n")
    print(f"{out}: {len(cases)} cases, {len(text)} bytes")


if __name__ == "__main__":
    main()
