#!/usr/bin/env python3
"""What trec_eval 9.0.8 prints for random qrels and runs: tests/golden/eval/trec_eval.jsonl.gz.

    make_eval_goldens.py [OUT]

Seeded (tools/random_runs.py); needs pytrec_eval-terrier 0.5.11 (tools/trec_eval_oracle.py). One
case a line: seed, options, qrels, run, and the complete output. The first line names the versions.
"""
import gzip
import importlib.metadata
import io
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import random_runs  # noqa: E402
import trec_eval_oracle  # noqa: E402

CASES = 300
HERE = pathlib.Path(__file__).resolve().parent.parent


def cases():
    with tempfile.TemporaryDirectory() as folder:
        qrels_file, run_file = pathlib.Path(folder, "qrels"), pathlib.Path(folder, "run")
        for seed in range(100001, 100001 + CASES):
            qrels, run = random_runs.pair(seed)
            options = random_runs.options(seed)
            qrels_file.write_text(qrels, newline="")
            run_file.write_text(run, newline="")
            code, text, _ = trec_eval_oracle.evaluate(options + [str(qrels_file), str(run_file)])
            yield {"seed": seed, "options": options, "qrels": qrels, "run": run, "code": code, "output": text}


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "tests/golden/eval/trec_eval.jsonl.gz"
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = [{"pytrec_eval-terrier": importlib.metadata.version("pytrec_eval-terrier"), "trec_eval": "9.0.8"}]
    lines += cases()
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as file:
        file.write(text.encode())
    out.write_bytes(packed.getvalue())
    print(f"{out}: {len(lines) - 1} cases, {len(text)} bytes, {len(packed.getvalue())} packed")


if __name__ == "__main__":
    main()
