#!/usr/bin/env python3
"""Compares `dear eval` with trec_eval 9.0.8 line by line, options included.

    compare_trec_eval.py DEAR [--pairs N] [--seed S] [QRELS RUN]...

N random pairs (tools/random_runs.py), then each QRELS RUN in several option settings. Needs
pytrec_eval-terrier 0.5.11 (tools/trec_eval_oracle.py). Prints how many lines were compared and every
difference; exits with 1 where there is one.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import random_runs  # noqa: E402
import trec_eval_oracle  # noqa: E402

REAL = [["-m", "all_trec", "-q", "-c"], ["-m", "all_trec", "-q", "-l", "2"], ["-q"], ["-J", "-q", "-m", "all_trec"],
        ["-M", "10", "-c", "-m", "all_trec"], ["-m", "ndcg.1=3,2=9,3=4.5", "-m", "ndcg_cut.1,3,7", "-q"]]


def ours(dear, arguments):
    done = subprocess.run([dear, "eval", "--quiet", "--threads", "2", *arguments], capture_output=True, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")


class Comparison:
    def __init__(self, dear):
        self.dear = dear
        self.cases = self.lines = self.values = self.differences = self.errors = 0

    def compare(self, name, arguments):
        self.cases += 1
        code, text, _ = trec_eval_oracle.evaluate(arguments)
        our_code, our_text, our_error = ours(self.dear, arguments)
        if code != 0:
            self.errors += 1
            if our_code == 0:
                self.differ(name, arguments, f"trec_eval fails ({code}), dear does not")
            return
        if our_code != 0:
            self.differ(name, arguments, f"dear fails: {our_error.strip()}")
            return
        a, b = text.split("\n"), our_text.split("\n")
        self.lines += len(a) - 1
        for i in range(max(len(a), len(b))):
            left, right = (a[i] if i < len(a) else None), (b[i] if i < len(b) else None)
            if left != right:
                self.differ(name, arguments, f"line {i + 1}: trec_eval {left!r}, dear {right!r}")
                break

    def differ(self, name, arguments, what):
        self.differences += 1
        if self.differences <= 20:
            print(f"{name} {' '.join(arguments)}: {what}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dear")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_intermixed_args()
    comparison = Comparison(arguments.dear)
    with tempfile.TemporaryDirectory() as folder:
        qrels_file, run_file = pathlib.Path(folder, "qrels"), pathlib.Path(folder, "run")
        for seed in range(arguments.seed, arguments.seed + arguments.pairs):
            qrels, run = random_runs.pair(seed)
            qrels_file.write_text(qrels, newline="")
            run_file.write_text(run, newline="")
            comparison.compare(f"pair {seed}", random_runs.options(seed) + [str(qrels_file), str(run_file)])
        for qrels, run in zip(arguments.files[::2], arguments.files[1::2]):
            for options in REAL:
                comparison.compare("file", options + [qrels, run])
    print(f"{comparison.cases} cases, {comparison.lines} lines, {comparison.errors} refused by both, "
          f"{comparison.differences} cases differ")
    return 1 if comparison.differences else 0


if __name__ == "__main__":
    sys.exit(main())
