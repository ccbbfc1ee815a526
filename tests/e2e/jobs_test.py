"""dear rerank --jobs: many queries, some of which fail, in bounded memory, through kill -9."""
import gzip
import json
import os
import random
import signal
import subprocess
import time
import unittest

import support


def job(qid, query, passages):
    return json.dumps({"query": {"text": query, "qid": qid},
                       "candidates": [{"docid": f"p{i}", "score": -i, "doc": {"text": p}} for i, p in enumerate(passages)]})


def untimed(path):
    """What a run wrote, without the seconds that it took."""
    if path.suffix == ".trec":
        return path.read_bytes()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["seconds"]
    return lines


class Jobs(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        self.jobs = self.folder / "jobs.jsonl"
        self.arguments = ["rerank", "-m", self.model, "--jobs", self.jobs, "--recipe", "query-likelihood", "--threads", "1"]

    def write(self, count, passages=("one cat", "two dogs", "a bulb")):
        self.jobs.write_text("".join(job(f"t{i}", f"who was it {i}", passages) + "\n" for i in range(count)))

    def test_a_failed_query_keeps_its_order_and_the_job_goes_on(self):
        good = ["one", "two"]
        self.jobs.write_text("\n".join([job("a", "who", good), job("b", " ", good), job("c", "who", []), job("d", "who", good)]))
        out = self.folder / "out.jsonl"
        done = support.dear(*self.arguments, "-o", out)
        self.assertEqual(done.returncode, 1)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertEqual([line["qid"] for line in lines], ["a", "b", "c", "d"])
        self.assertEqual(["error" in line for line in lines], [False, True, True, False])
        self.assertEqual(lines[1]["permutation"], [0, 1])
        self.assertIn("query b:", done.stderr)
        self.assertIn("query c:", done.stderr)
        self.assertIn("2 of 4 queries failed", done.stderr.splitlines()[-1])
        # Carried on, it says the same, though nothing is left to do.
        again = support.dear(*self.arguments, "-o", out, "--resume")
        self.assertEqual(again.returncode, 1)
        self.assertIn("2 of 4 queries failed", again.stderr)

    def test_a_broken_line_is_said_before_any_work(self):
        self.write(3)
        with self.jobs.open("a") as file:
            file.write('{"query": {"text"\n')
        out = self.folder / "out.jsonl"
        self.fails(1, *self.arguments, "-o", out, saying="jobs.jsonl: line 4")
        self.assertFalse(out.exists())

    def test_gzip_and_batches_rank_as_single_queries_do(self):
        self.write(11)
        packed = self.folder / "packed.gz"
        packed.write_bytes(gzip.compress(self.jobs.read_bytes()))
        listwise = ["rerank", "-m", self.model, "--recipe", "dear-card", "--max-new-tokens", "6"]
        together = [json.loads(line) for line in self.ok(*listwise, "--jobs", packed).stdout.splitlines()]
        self.assertEqual([line["qid"] for line in together], [f"t{i}" for i in range(11)])
        for line, text in list(zip(together, self.jobs.read_text().splitlines()))[::5]:
            alone = json.loads(self.ok(*listwise, "--jobs", "-", stdin=text).stdout)
            self.assertEqual((alone["text"], alone["permutation"]), (line["text"], line["permutation"]))
        packed.write_bytes(packed.read_bytes()[:-20])
        self.fails(1, *listwise, "--jobs", packed, saying="packed.gz")

    def test_formats_of_others_are_read_back_in_the_new_order(self):
        self.write(3)
        expected = [[r["docid"] for r in json.loads(line)["results"]] for line in self.ok(*self.arguments).stdout.splitlines()]
        for name, hits in (("rankllm", "candidates"), ("rankgpt", "hits")):
            out = self.folder / name
            self.ok(*self.arguments, "--format", name, "-o", out)
            lines = [json.loads(line) for line in out.read_text().splitlines()]
            self.assertEqual([[hit["docid"] for hit in line[hits]] for line in lines], expected)
            for line in lines:
                scores = [hit["score"] for hit in line[hits]]
                self.assertEqual(scores, sorted(set(scores), reverse=True))
            data = out.read_bytes()
            out.write_bytes(data[:-5])
            self.ok(*self.arguments, "--format", name, "-o", out, "--resume")
            self.assertEqual(out.read_bytes(), data)
            again = self.ok("rerank", "-m", self.model, "--jobs", out, "--format", "jsonl").stdout.splitlines()
            self.assertEqual([json.loads(line)["qid"] for line in again], ["t0", "t1", "t2"])

    def test_kill_at_random_moments(self):
        self.write(120, ["word " * 30] * 4)
        rng = random.Random(7)
        for suffix, kills in (("jsonl", 25), ("trec", 25)):
            whole = self.folder / f"whole.{suffix}"
            begin = time.monotonic()
            self.ok(*self.arguments, "-o", whole)
            seconds = time.monotonic() - begin
            out = self.folder / f"killed.{suffix}"
            for _ in range(kills):
                with subprocess.Popen([support.BINARY, *map(str, self.arguments), "-o", str(out), "--resume"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(rng.uniform(0, seconds / 10))
                    os.kill(process.pid, signal.SIGKILL)
            self.ok(*self.arguments, "-o", out, "--resume")
            self.assertEqual(untimed(out), untimed(whole))

    def test_cut_at_any_byte(self):
        self.write(12)
        rng = random.Random(8)
        for suffix in ("jsonl", "trec"):
            whole = self.folder / f"whole.{suffix}"
            self.ok(*self.arguments, "-o", whole)
            data = whole.read_bytes()
            ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
            for cut in rng.sample(ends, 4) + [rng.randrange(len(data)) for _ in range(6)]:
                out = self.folder / f"cut.{suffix}"
                out.write_bytes(data[:cut])
                self.ok(*self.arguments, "-o", out, "--resume")
                self.assertEqual(untimed(out), untimed(whole), cut)

    def test_memory_does_not_grow_with_the_queries(self):
        peaks = []
        # (ru_maxrss would count this process, from which the other one was forked.)
        for count in (50, 2000):
            # The text is long and the depth small: reading is what is measured.
            line = job("QID", "who", ["word " * 600] * 10) + "\n"
            with self.jobs.open("w") as file:
                for i in range(count):
                    file.write(line.replace("QID", f"t{i}"))
            with subprocess.Popen([support.BINARY, *map(str, self.arguments), "--depth", "1", "--max-passage-words", "2",
                                   "-o", str(self.folder / f"{count}.jsonl")]) as process:
                peak = 0
                while process.poll() is None:
                    with open(f"/proc/{process.pid}/status") as status:
                        peak = max([peak] + [int(line.split()[1]) for line in status if line.startswith("VmHWM")])
                    time.sleep(0.01)
            self.assertEqual(process.returncode, 0)
            peaks.append(peak)
        self.assertLess(peaks[1], peaks[0] + 8 * 1024, "KiB; the larger file has 60 MB")


if __name__ == "__main__":
    unittest.main()
