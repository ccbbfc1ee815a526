"""The program on the oldest x86-64 processor, as qemu plays it: SSE2 and nothing newer. It must choose the scalar kernels
by itself, refuse wider ones by name, and give the bits that they give natively, in every compute mode.

    DEAR_BINARY=build/release/dear python3 tests/house/baseline_test.py
"""
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("DEAR_SOURCE_DIR", pathlib.Path(__file__).parents[2])).resolve()
sys.path.insert(0, str(SOURCE / "tests/e2e"))
from support import BINARY, copy_model  # noqa: E402  (the path comes first)

SKIPPED = 77  # what ctest takes for a skipped test
OLD = ["qemu-x86_64", "-cpu", "qemu64"]


def run(command, **variables):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DEAR_")}
    environment.update(DEAR_THREADS="1", **variables)
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)


def results(command, **variables):
    done = run(command, **variables)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)["results"]


def main():
    if platform.machine() != "x86_64" or shutil.which(OLD[0]) is None:
        print(f"{OLD[0]} is not here")
        return SKIPPED
    checks = json.loads(run([*OLD, BINARY, "doctor", "--json"]).stdout)["checks"]
    name = next(check["detail"] for check in checks if check["check"] == "instructions")
    if name != "scalar":
        sys.exit(f"the oldest processor runs '{name}'")
    refused = run([*OLD, BINARY, "doctor"], DEAR_ISA="avx2")
    if "avx2" not in refused.stdout + refused.stderr or "cannot run it" not in refused.stdout + refused.stderr:
        sys.exit(f"avx2 was not refused: {refused.stdout}{refused.stderr}")
    with tempfile.TemporaryDirectory() as folder:
        model = copy_model("llama_64_bf16", pathlib.Path(folder))
        for compute in ("reference", "fast", "int8"):
            rerank = [BINARY, "rerank", "-m", model, "--recipe", "query-likelihood", "--compute", compute, "--format", "json",
                      "--quiet", "-q", "light bulbs", "-d", "Edison's bulb of 1879", "-d", "a tulip's bulb"]
            old, here = results([*OLD, *rerank]), results(rerank, DEAR_ISA="scalar")
            if old != here:
                sys.exit(f"{compute}: {old} on the oldest processor, {here} here")
            print(f"{compute}: the same bits")
    return 0


if __name__ == "__main__":
    sys.exit(main())
