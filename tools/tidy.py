#!/usr/bin/env python3
"""clang-tidy over the project, without the files that are known to pass.

usage:  tools/tidy.py [--all] [--record] [--deep] [FILE.cc…]

tools/tidy_passed.txt holds a hash of each file that passed: of its text, of every header of the project that it reaches,
of .clang-tidy and of clang-tidy's version. A file whose hash stands there is left out unless --all is given or the file
is named. --record writes the hashes of what passes. --deep asks for the slowest check alone, of every file. Compiler
flags and Debian's headers are in no hash: before a release, --all.

Headers that a build compiled beforehand are not used, so that a file which forgot an #include fails here.

Tests are left out: gtest's macros cost most of the time and find nothing.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RECORD = ROOT / "tools" / "tidy_passed.txt"
TIDY = "clang-tidy-14"
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def sources():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "--", "*.cc"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split("\n")
    return sorted(f for f in listed if f and (ROOT / f).exists() and not f.endswith("_test.cc")
                  and not f.startswith(("tests/golden/", "fuzz/", "bench/", "examples/")))


class Hashes:
    """Hashes of files with what they include, where clang-tidy and its configuration are as they are now."""

    def __init__(self):
        version = subprocess.run([TIDY, "--version"], check=True, capture_output=True).stdout
        self.common = hashlib.sha256(re.search(rb"version (\S+)", version).group(1) + (ROOT / ".clang-tidy").read_bytes())
        self.includes, self.digests = {}, {}

    def reached(self, file):
        found, waiting = set(), [file]
        while waiting:
            file = waiting.pop()
            if file in found:
                continue
            found.add(file)
            waiting += self.read(file)
        return found

    def read(self, file):
        if file not in self.includes:
            text = file.read_bytes()
            self.digests[file] = hashlib.sha256(text).digest()
            places = [file.parent, ROOT / "src", ROOT / "include", ROOT]
            candidates = ([p / name.decode() for p in places if (p / name.decode()).is_file()] for name in INCLUDE.findall(text))
            self.includes[file] = [pathlib.Path(os.path.normpath(c[0])) for c in candidates if c]
        return self.includes[file]

    def of(self, source):
        total = self.common.copy()
        for file in sorted(self.reached(ROOT / source)):
            total.update(str(file.relative_to(ROOT)).encode() + b"\0" + self.digests[file])
        return total.hexdigest()[:32]


def compiled(entry):
    """The entries of the files that one entry compiles: of a unity build, each by itself."""
    unity = pathlib.Path(entry["file"])
    if unity.parent.name != "Unity":
        return [entry]
    files = re.findall(r'#include "(.*)"', unity.read_text())
    return [{**entry, "file": file, "command": entry["command"].replace(str(unity), file)} for file in files]


def write_commands():
    """The compilation database without precompiled headers, a file an entry, in build/release/tidy."""
    built = json.loads((ROOT / "build/release/compile_commands.json").read_text())
    built = [single for entry in built for single in compiled(entry)]
    for entry in built:
        entry["command"] = re.sub(r" -Winvalid-pch| -include \S*/cmake_pch\.hxx", "", entry["command"])
    folder = ROOT / "build/release/tidy"
    folder.mkdir(exist_ok=True)
    (folder / "compile_commands.json").write_text(json.dumps(built))


def passes(files, deep):
    """Runs clang-tidy over some files; what it prints, and whether it found nothing."""
    run = subprocess.run([TIDY, "--quiet", *(["--checks=performance-unnecessary-value-param"] if deep else []),
                          "-p", "build/release/tidy", *files], cwd=ROOT, capture_output=True, text=True)
    noise = re.compile(r"\d+ warnings? (and \d+ errors? )?generated|^$")
    said = [line for line in (run.stdout + run.stderr).split("\n") if not noise.search(line)]
    return run.returncode == 0, "\n".join(said)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--all", action="store_true")
    options.add_argument("--record", action="store_true")
    options.add_argument("--deep", action="store_true")
    options.add_argument("files", nargs="*")
    arguments = options.parse_args()

    hashes = Hashes()
    known = dict(reversed(line.split(maxsplit=1)) for line in RECORD.read_text().splitlines()) if RECORD.exists() else {}
    everything = sources()
    now = {f: hashes.of(f) for f in everything}
    chosen = arguments.files or [f for f in everything if arguments.all or arguments.deep or known.get(f) != now[f]]
    if not arguments.files:
        print(f"clang-tidy: {len(chosen)} of {len(everything)} files to check"
              f"{'' if arguments.all else ', the others passed as they are (tools/tidy_passed.txt)'}", flush=True)

    write_commands()
    failed = 0
    kept = {f: known[f] for f in everything if f in known}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, (passed, said) in zip(chosen, pool.map(lambda f: passes([f], arguments.deep), chosen)):
            if said:
                print(said, flush=True)
            if not passed:
                failed += 1
                print(f"{file}: clang-tidy failed", flush=True)
                kept.pop(file, None)
            elif file in now:
                kept[file] = now[file]
            if arguments.record and not arguments.deep:  # at once: a run that is cut off goes on from here
                RECORD.write_text("".join(f"{digest} {file}\n" for file, digest in sorted(kept.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
