#!/usr/bin/env python3
"""Turns the JSON lines that the parity tests write into the tables of docs/parity.md.

usage:  DEAR_PARITY_OUT=/tmp/parity.jsonl ctest --test-dir build/release
        tools/make_parity_report.py /tmp/parity.jsonl [-o docs/parity.md]

A line is {"suite", "case", "max_rel_diff", "tolerance", "greedy_equal", "greedy_tokens", "note"}; only
"case" and "max_rel_diff" must be there. Of several lines about one case the worst counts.
"""
import argparse
import datetime
import json
import pathlib
import subprocess
import sys

HEAD = """# Parity with the references

Every case of the parity tests with its largest difference: max |ours - reference| over all compared logits, divided
by the largest |logit| of the row (classifiers: the absolute difference of the score). Greedy: whether the continued tokens
are the same, and how many were compared. Made by `tools/make_parity_report.py` from a test run; the goldens name the
versions of the reference libraries.
"""


def read(path):
    worst = {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        try:
            row = json.loads(line)
            key = (row.get("suite", ""), row["case"])
            difference = float(row["max_rel_diff"])
        except (ValueError, KeyError) as error:
            sys.exit(f"{path}:{number}: {error!r}")
        old = worst.get(key)
        if old is None or difference > old["max_rel_diff"] or row.get("greedy_equal") is False:
            worst[key] = {**row, "max_rel_diff": difference}
    return worst


def table(rows):
    yield "| case | largest difference | allowed | greedy tokens |"
    yield "|---|---|---|---|"
    for row in rows:
        greedy = row.get("greedy_equal")
        count = row.get("greedy_tokens")
        shown = "" if greedy is None else ("equal" if greedy else "**DIFFER**") + (f" ({count})" if count else "")
        allowed = row.get("tolerance")
        yield f"| {row['case']} | {row['max_rel_diff']:.2e} | {'' if allowed is None else f'{allowed:.0e}'} | {shown} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lines")
    parser.add_argument("-o", "--output", default="docs/parity.md")
    options = parser.parse_args()
    worst = read(options.lines)
    if not worst:
        sys.exit(f"{options.lines}: no cases")
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    parts = [HEAD, f"Run of {datetime.date.today()} at commit {commit} on {cpu}; {len(worst)} cases."]
    for suite in sorted({key[0] for key in worst}):
        rows = [worst[key] for key in sorted(worst) if key[0] == suite]
        parts.append(f"\n## {suite or 'model'}\n")
        parts.extend(table(rows))
    pathlib.Path(options.output).write_text("\n".join(parts) + "\n")
    print(f"{options.output}: {len(worst)} cases")


if __name__ == "__main__":
    main()
