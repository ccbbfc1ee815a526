"""tools/check_includes.py must find an upward include, and find none in a clean tree."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_includes.py"


def check(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, "src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)


class CheckIncludes(unittest.TestCase):
    def test_downward_is_fine(self):
        self.assertEqual(check({"model/a.cc": '#include "base/error.h"\n#include <vector>\n'}).returncode, 0)

    def test_upward_is_named(self):
        result = check({"base/a.cc": '#include "model/model.h"\n'})
        self.assertEqual(result.returncode, 1)
        self.assertIn("base/a.cc:1", result.stdout)

    def test_neighbours_do_not_meet(self):
        self.assertEqual(check({"hub/a.h": '#include "text/tokenizer.h"\n'}).returncode, 1)

    def test_public_api_is_above_all(self):
        self.assertEqual(check({"rank/a.h": "#include <dear/dear.h>\n"}).returncode, 1)

    def test_unknown_floor(self):
        self.assertEqual(check({"attic/a.h": "\n"}).returncode, 1)


if __name__ == "__main__":
    unittest.main()
