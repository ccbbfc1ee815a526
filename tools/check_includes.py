#!/usr/bin/env python3
"""Fails when a floor of src/ includes a header of a floor above it (or beside it).

The order below is that of the dear_floor() lines in CMakeLists.txt; docs/architecture.md tells why.
"""
import pathlib
import re
import sys

# floor -> every floor that it may include
BELOW = {
    "base": [],
    "tensor": ["base"],
    "formats": ["base", "tensor"],
    "eval": ["base"],
    "hub": ["base", "tensor", "formats"],
    "text": ["base", "tensor", "formats"],
    "search": ["base", "tensor", "formats", "text"],
    "kernels": ["base", "tensor"],
    "model": ["base", "tensor", "formats", "kernels"],
    "generate": ["base", "tensor", "formats", "kernels", "model", "text"],
    "rank": ["base", "tensor", "formats", "hub", "text", "kernels", "model", "generate"],
    "train": ["base", "tensor", "formats", "eval", "hub", "text", "kernels", "model", "generate", "rank"],
    "api": ["base", "tensor", "formats", "eval", "hub", "text", "search", "kernels", "model", "generate", "rank", "train",
            "dear"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([a-z_0-9]+)/')


def violations(root: pathlib.Path):
    for floor, below in BELOW.items():
        for path in sorted((root / "src" / floor).rglob("*")):
            if path.suffix not in (".h", ".cc", ".cu", ".cuh"):
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                match = INCLUDE.match(line)
                if not match:
                    continue
                target = match.group(1)
                if target in BELOW and target != floor and target not in below:
                    yield f"{path.relative_to(root)}:{number}: floor '{floor}' reaches up to '{target}'"
                if target == "dear" and "dear" not in below:
                    yield f"{path.relative_to(root)}:{number}: floor '{floor}' includes the public API"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    floors = {p.name for p in (root / "src").iterdir() if p.is_dir()}
    problems = list(violations(root))
    problems += [f"src/{name}: a floor that tools/check_includes.py does not know" for name in floors - BELOW.keys()]
    for problem in problems:
        print(problem)
    print(f"{len(problems)} upward includes in {len(floors)} floors")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
