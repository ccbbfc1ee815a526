"""cmake --install into an empty folder, and the example built against what lies there."""
import os
import pathlib
import subprocess
import unittest

import support

BUILD = os.environ.get("DEAR_BUILD_DIR")


class Install(support.Case):
    def run_tool(self, *arguments, **options):
        done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False, timeout=600, **options)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-3000:])
        return done.stdout

    @unittest.skipUnless(BUILD, "no build folder is named")
    def test_the_example_builds_against_an_installed_dear(self):
        prefix = self.folder / "prefix"
        self.run_tool("cmake", "--install", BUILD, "--prefix", prefix)
        self.assertRegex(self.run_tool(prefix / "bin" / "dear", "--version"), r"^dear \d")
        headers = sorted(p.name for p in (prefix / "include" / "dear").iterdir())
        self.assertIn("error.h", headers)
        self.assertLessEqual(len(headers), 10)
        build = self.folder / "example"
        self.run_tool("cmake", "-G", "Ninja", "-S", support.SOURCE / "examples", "-B", build, f"-DCMAKE_PREFIX_PATH={prefix}")
        self.run_tool("cmake", "--build", build)
        example = build / "example_rerank"
        self.assertEqual(subprocess.run([example], capture_output=True, check=False).returncode, 2)
        if support.SMOLLM2.exists():
            lines = self.run_tool(example, support.QUERY, *support.PASSAGES).splitlines()
            self.assertIn(support.PASSAGES[4], lines[0])
            self.assertIn("-0.6415", lines[0])
            self.assertEqual(len(lines), 5)


if __name__ == "__main__":
    unittest.main()
