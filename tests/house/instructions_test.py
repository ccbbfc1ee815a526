"""Instructions that fixed small work takes, counted by valgrind, against tests/house/instructions.json: one that grew by
more than 5 % fails. Counts do not depend on the machine or its load; they do on the compiler, which the file names.

    DEAR_BINARY=build/release/dear python3 tests/house/instructions_test.py [--update]
"""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("DEAR_SOURCE_DIR", pathlib.Path(__file__).parents[2])).resolve()
sys.path.insert(0, str(SOURCE / "tests/e2e"))
from support import BINARY, copy_model  # noqa: E402  (the path comes first)

COUNTS = pathlib.Path(__file__).with_name("instructions.json")
MAY_GROW = 0.05
SKIPPED = 77  # what ctest takes for a skipped test


def count(arguments, stdin=""):
    """Instructions of one run of the program, on one thread and with AVX2, which valgrind knows."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEAR_")}
    environment.update(DEAR_ISA="avx2", DEAR_THREADS="1")
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", BINARY, *map(str, arguments)],
                          input=stdin, capture_output=True, text=True, env=environment, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"{arguments}: {done.stderr}")
    return int(collected.group(1))


def works(folder):
    """name: the same work small and large; their difference is free of what starting takes."""
    model = copy_model("llama_64_bf16", folder)
    words = random.Random(1)
    text = ["".join(words.choices("abcdefghij0123  [].,", k=60)) for _ in range(2000)]
    ids = [words.randrange(2, 40) for _ in range(600)]
    for size in (100, 600):
        (folder / f"ids{size}").write_text(json.dumps(ids[:size]), encoding="utf-8")
    qrels, run = [], []
    for query in range(60):
        for document in words.sample(range(1000), 200):
            run.append(f"{query} Q0 d{document} 0 {words.random():.6f} x")
            if document % 3 == 0:
                qrels.append(f"{query} 0 d{document} {document % 4}")
    (folder / "qrels").write_text("\n".join(qrels) + "\n", encoding="utf-8")
    for queries in (10, 60):
        (folder / f"run{queries}").write_text("\n".join(run[:queries * 200]) + "\n", encoding="utf-8")
    passages = [f"passage {i} about light bulbs" for i in range(40)]

    def rerank(n):
        documents = [part for text in passages[:n] for part in ("-d", text)]
        return ["rerank", "-m", model, "--recipe", "query-likelihood", "-q", "light bulbs", *documents]

    return {
        "tokenize": [(["tokenize", "-m", model], "\n".join(text[:n]) + "\n") for n in (200, 2000)],
        "prefill": [(["logits", "-m", model, "--ids", folder / f"ids{n}", "-o", folder / "out.npy"], "") for n in (100, 600)],
        "generate": [(["generate", "-m", model, "--text", "the light", "--max-new-tokens", n], "") for n in (8, 64)],
        "rerank": [(rerank(n), "") for n in (8, 40)],
        "evaluate": [(["eval", folder / "qrels", folder / f"run{n}", "-m", "all_trec"], "") for n in (10, 60)],
    }


def compiler():
    build = pathlib.Path(BINARY).resolve().parent / "CMakeCache.txt"
    path = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.*)$", build.read_text(encoding="utf-8"), re.MULTILINE).group(1)
    return subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def main():
    update = "--update" in sys.argv[1:]
    known = {} if update else json.loads(COUNTS.read_text(encoding="utf-8"))
    if not update and known["compiler"] != compiler():
        print(f"skipped: the counts are those of {known['compiler']}, this build is by {compiler()}")
        return SKIPPED
    counts = {}
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (small, large) in works(pathlib.Path(folder)).items():
            counts[name] = count(*large) - count(*small)
            if update:
                print(f"{name}: {counts[name]:,}")
                continue
            growth = counts[name] / known["instructions"][name] - 1
            print(f"{name}: {counts[name]:,} instructions, {growth:+.1%}")
            if growth > MAY_GROW:
                failed = True
                print(f"{name}: more than {MAY_GROW:.0%} over {known['instructions'][name]:,}; find out why, or where it has "
                      "to be, say so with --update")
    if update:
        COUNTS.write_text(json.dumps({"compiler": compiler(), "instructions": counts}, indent=1) + "\n", encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
