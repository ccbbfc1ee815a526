#!/usr/bin/env python3
"""tools/tidy.py on a small project: it fails where clang-tidy does, leaves out what passed as it is, and looks again at a
file whose header changed."""
import importlib.util
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[2]


class Tidy(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="dear-tidy-")
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        subprocess.run(["git", "init", "-q"], cwd=self.root, check=True)
        (self.root / "tools").mkdir()
        (self.root / ".clang-tidy").write_text("Checks: '-*,modernize-use-nullptr'\nWarningsAsErrors: '*'\n")
        self.write("src/a.h", "inline int* A() { return nullptr; }\n")
        self.write("src/b.cc", '#include "a.h"\nint* B() { return A(); }\n')
        self.write("src/c.cc", "int* C() { return nullptr; }\n")
        commands = [{"directory": str(self.root), "file": str(self.root / f), "command": f"c++ -Isrc -c {f}"}
                    for f in ("src/b.cc", "src/c.cc")]
        self.write("build/release/compile_commands.json", json.dumps(commands))
        (self.root / ".gitignore").write_text("build\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def tidy(self, *arguments):
        """Exit code, and the files that were looked at."""
        spec = importlib.util.spec_from_file_location("tidy", SOURCE / "tools" / "tidy.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.ROOT, module.RECORD = self.root, self.root / "tools" / "tidy_passed.txt"
        seen, check = [], module.passes
        module.passes = lambda files, deep: seen.extend(files) or check(files, deep)
        sys.argv = ["tidy.py", *arguments]
        return module.main(), sorted(seen)

    def test_what_passed_is_left_out_until_it_or_a_header_changes(self):
        self.assertEqual(self.tidy(), (0, ["src/b.cc", "src/c.cc"]))
        self.assertEqual(self.tidy(), (0, ["src/b.cc", "src/c.cc"]))  # nothing was recorded
        self.assertEqual(self.tidy("--record"), (0, ["src/b.cc", "src/c.cc"]))
        self.assertEqual(self.tidy(), (0, []))
        self.assertEqual(self.tidy("--all"), (0, ["src/b.cc", "src/c.cc"]))
        self.write("src/a.h", "inline int* A() { return 0; }\n")
        code, seen = self.tidy()
        self.assertEqual(seen, ["src/b.cc"])
        (self.root / ".clang-tidy").write_text("Checks: '-*,modernize-use-override'\n")
        self.assertEqual(self.tidy()[1], ["src/b.cc", "src/c.cc"])

    def test_a_precompiled_header_hides_no_missing_include(self):
        self.write("build/release/x/cmake_pch.hxx", '#include "a.h"\n')
        commands = [{"directory": str(self.root), "file": str(self.root / f),
                     "command": f"c++ -Isrc -Winvalid-pch -include {self.root}/build/release/x/cmake_pch.hxx -c {f}"}
                    for f in ("src/b.cc", "src/c.cc")]
        self.write("build/release/compile_commands.json", json.dumps(commands))
        self.assertEqual(self.tidy()[0], 0)
        self.write("src/c.cc", "int* C() { return A(); }\n")
        self.assertEqual(self.tidy()[0], 1)

    def test_what_fails_is_not_recorded(self):
        self.write("src/c.cc", "int* C() { return 0; }\n")
        self.assertEqual(self.tidy("--record"), (1, ["src/b.cc", "src/c.cc"]))
        self.assertEqual(self.tidy("--record"), (1, ["src/c.cc"]))
        self.write("src/c.cc", "int* C() { return nullptr; }\n")
        self.assertEqual(self.tidy(), (0, ["src/c.cc"]))


if __name__ == "__main__":
    unittest.main()
