"""bench/plots.py: the pictures of what ranking costs, from runs of a tiny model."""
import json
import os
import subprocess
import sys
import unittest
from xml.etree import ElementTree

import support

SCRIPT = support.SOURCE / "bench" / "plots.py"
SVG = "{http://www.w3.org/2000/svg}"


class Plots(support.Case):
    def run_plots(self, *arguments):
        return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True, check=False)

    def fake_dear(self, permutation, score, total):
        """A program that answers with these Python expressions, of the number of passages n and of each passage's index i."""
        path = self.folder / "dear"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys\nn = len(open(sys.argv[-1]).readlines())\n"
                        f"print(json.dumps({{'permutation': {permutation}, 'results': [{{'index': i, 'score': {score}}} for i in range(n)],"
                        f"'seconds': {{'total': {total}, 'load': 1}}, 'usage': {{'forward_passes': 1}}}}))\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_measures_and_draws_what_was_measured(self):
        model = support.copy_model("llama", self.folder)
        done = self.run_plots("--dear", os.path.abspath(support.BINARY), "-m", model, "--passages", "1,3", "--threads", "2", "--of-threads", "3",
                              "--repeats", "2", "--machine", "a <machine>", "--out", self.folder, "--json", self.folder / "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len([line for line in done.stdout.splitlines() if line.startswith("| ")]), 4)  # a head, three points
        report = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))
        points = [(row["kind"], row["passages"], row["threads"]) for row in report["rows"]]
        self.assertEqual(sorted(points), sorted((kind, *rest) for kind in ("listwise", "pointwise") for rest in ((1, 2), (3, 2), (3, 1))))
        for row in report["rows"]:
            self.assertEqual(len(row["seconds"]), 2)
            self.assertGreater(row["seconds"][0], 0)
            self.assertEqual(row["calls"] == 0, row["kind"] == "listwise" and row["passages"] == 1)
        for name in ("cost_passages", "cost_threads"):
            picture = ElementTree.parse(self.folder / f"{name}.svg").getroot()
            # Two panels, two kinds, two points, but a list of one passage needs no model.
            self.assertEqual(len(picture.findall(f"{SVG}circle")), 6 if name == "cost_passages" else 8)
            texts = [text.text for text in picture.findall(f"{SVG}text")]
            self.assertTrue(any("a <machine>" in text for text in texts), texts)
            self.assertIn("prefers-color-scheme:dark", picture.find(f"{SVG}style").text)

    def test_draws_a_former_measurement_again(self):
        rows = [{"kind": kind, "passages": passages, "threads": threads, "calls": 1, "seconds": [seconds]}
                for kind, cost in (("listwise", 2), ("pointwise", 1))
                for passages, threads, seconds in ((1, 2, 1.0 * cost), (10, 2, 8.0 * cost), (100, 2, 81.0 * cost), (10, 1, 12.0 * cost))]
        report = {"date": "2026-01-02", "machine": "m", "model": "n", "compute": "int8", "words_a_passage": 100, "repeats": 1,
                  "threads": [1, 2], "of_threads": 10, "rows": rows}
        former = self.folder / "report.json"
        former.write_text(json.dumps(report), encoding="utf-8")
        done = self.run_plots("--from", former, "--out", self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("| 10 | 1 | 24 | 2.4 | 12 | 1.2 |", done.stdout)
        self.assertEqual([line for line in done.stdout.splitlines() if line.startswith("a passage costs more")],
                         ["a passage costs more: listwise from 10 to 100 passages: 1.6 to 1.62 s",
                          "a passage costs more: pointwise from 10 to 100 passages: 0.8 to 0.81 s"])
        picture = ElementTree.parse(self.folder / "cost_passages.svg").getroot()
        heights = [float(circle.get("cy")) for circle in picture.findall(f"{SVG}circle")]
        self.assertGreater(heights[0], heights[1])  # more passages, more seconds: further up
        self.assertLess(heights[6], heights[7])  # a passage alone costs most
        labels = [text.text for text in picture.findall(f"{SVG}text") if "fill" in text.get("class", "")]
        self.assertEqual(labels, ["162", "81", "1.62", "0.81"])
        threads = ElementTree.parse(self.folder / "cost_threads.svg").getroot()
        labels = [text.text for text in threads.findall(f"{SVG}text") if "fill" in text.get("class", "")]
        self.assertEqual(labels, ["16", "8", "1.5", "1.5"])

    def test_points_that_took_long_are_not_repeated(self):
        fake = self.fake_dear("list(range(n))", "i", "n + 1")
        done = self.run_plots("--dear", fake, "--passages", "1,2,5", "--of-threads", "2", "--threads", "1", "--out", self.folder,
                              "--repeats", "4", "--seconds", "3", "--json", self.folder / "report.json")
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads((self.folder / "report.json").read_text(encoding="utf-8"))["rows"]
        self.assertEqual({(row["passages"], len(row["seconds"])) for row in rows}, {(1, 4), (2, 2), (5, 1)})

    def test_ends_where_an_answer_is_wrong(self):
        for permutation, score, saying in (("[0] * n", "1", "no permutation"), ("list(range(n))", "os.getpid()", "another score")):
            done = self.run_plots("--dear", self.fake_dear(permutation, score, "2"), "--passages", "2", "--threads", "1", "--repeats", "2",
                                  "--out", self.folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn(saying, done.stderr)
        done = self.run_plots("--passages", "0")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--passages: expected whole numbers", done.stderr)


if __name__ == "__main__":
    unittest.main()
