"""dear rerank --run --topics --corpus: a TREC run whose queries and passages stand in files of their own."""
import gzip
import json
import os
import random
import signal
import subprocess
import time
import unittest

import support

TEXTS = {"d1": "one cat", "d2": "two dogs", "d3": "a bulb", "d4": "the light in 1879", "d5": "it failed"}
QUERIES = {"q2": "who invented it", "q1": "what is a cat"}
RUN = [("q2", "d4", 9.5), ("q2", "d1", 8.25), ("q2", "d5", 7), ("q1", "d1", 3), ("q1", "d3", 2.5), ("q1", "d2", 1)]


def untimed(text):
    """JSON lines without seconds, and without what queries of a batch share."""
    lines = [json.loads(line) for line in text.splitlines()]
    for line in lines:
        line.pop("seconds", None)
        for shared in ("forward_passes", "shared_tokens"):  # by the queries of a batch
            line["usage"].pop(shared, None)
    return lines


class RunJobs(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        self.base = ["rerank", "-m", self.model, "--recipe", "query-likelihood", "--threads", "1"]
        self.run_file = self.write("bm25.run", self.run_text(RUN))
        self.topics = self.write("topics.tsv", "".join(f"{i}\t{t}\n" for i, t in QUERIES.items()))
        self.corpus = self.write("corpus.tsv", "".join(f"{i}\t{t}\n" for i, t in TEXTS.items()))
        self.arguments = self.files()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def files(self, **others):
        """The command line, with other files in place of some."""
        files = {"run": self.run_file, "topics": self.topics, "corpus": self.corpus, **others}
        return [*self.base, *(word for kind, path in files.items() for word in (f"--{kind}", path))]

    @staticmethod
    def run_text(rows):
        return "".join(f"{qid} Q0 {docid} {i + 1} {score} bm25\n" for i, (qid, docid, score) in enumerate(rows))

    def expected(self):
        """The same queries and passages as a file of jobs."""
        lines = []
        for qid, query in QUERIES.items():
            candidates = [{"docid": d, "score": s, "doc": {"text": TEXTS[d]}} for q, d, s in RUN if q == qid]
            lines.append(json.dumps({"query": {"qid": qid, "text": query}, "candidates": candidates}))
        jobs = self.write("jobs.jsonl", "\n".join(lines))
        return [*self.base, "--jobs", jobs]

    def test_every_form_ranks_as_jobs_do(self):
        expected = untimed(self.ok(*self.expected()).stdout)
        self.assertEqual([line["qid"] for line in expected], ["q2", "q1"])
        topics = {"topics.tsv": self.topics.read_text(), "header.tsv": "qid\tquery\n" + self.topics.read_text(),
                  "beir/queries.jsonl": "".join(json.dumps({"_id": i, "text": t, "metadata": {}}) + "\n" for i, t in QUERIES.items()),
                  "topics.jsonl": "".join(json.dumps({"qid": i, "query": t}) + "\n" for i, t in QUERIES.items()),
                  "topics.trec": "".join(f"<top>\n<num> Number: {i}\n<title> {t}\n<desc> Description:\nx\n</top>\n"
                                         for i, t in QUERIES.items())}
        corpora = {"corpus.tsv": "\ufeff" + self.corpus.read_text().replace("\n", "\r\n"),
                   "header.tsv": "title\tid\ttext\n" + "".join(f"\t{i}\t\"{t}\"\n" for i, t in TEXTS.items()),
                   "documents.tsv": "".join(f"{i}\thttps://a.b/{i}\t\t{t}\n" for i, t in TEXTS.items()),
                   "beir/corpus.jsonl": "".join(json.dumps({"_id": i, "title": "", "text": t}) + "\n" for i, t in TEXTS.items()),
                   "pyserini.jsonl": "".join(json.dumps({"contents": t, "id": i}) + "\n" for i, t in TEXTS.items()),
                   "segments.jsonl": "".join(json.dumps({"docid": i, "url": "u", "segment": t}) + "\n" for i, t in TEXTS.items())}
        for kind, files in (("topics", topics), ("corpus", corpora)):
            for name, text in files.items():
                for packed in (False, True):
                    path = self.write(kind + "/" + name, gzip.compress(text.encode()) if packed else text)
                    done = self.ok(*self.files(**{kind: path}))
                    self.assertEqual(untimed(done.stdout), expected, (kind, name, packed))
                    self.assertNotIn("note:", done.stderr, (kind, name))
        # Lines of queries that stand among each other; a gzipped run under any name.
        mixed = [RUN[i] for i in (2, 5, 0, 4, 1, 3)]
        for text in (self.run_text(mixed), gzip.compress(self.run_text(RUN).encode())):
            self.write("bm25.run", text)
            self.assertEqual(untimed(self.ok(*self.arguments).stdout), expected)
        # As environment variables.
        done = self.ok(*self.base, env={"DEAR_RUN": str(self.run_file), "DEAR_TOPICS": str(self.topics), "DEAR_CORPUS": str(self.corpus)})
        self.assertEqual(untimed(done.stdout), expected)

    def test_beirs_folder(self):
        self.write("scifact/queries.jsonl", "".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in QUERIES.items()))
        self.write("scifact/corpus.jsonl", "".join(json.dumps({"_id": i, "title": "t", "text": t}) + "\n" for i, t in TEXTS.items()))
        qrels = self.write("scifact/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td5\t1\n")
        out = self.folder / "ranked.trec"
        folder = self.folder / "scifact"
        self.ok(*self.base, "--run", self.run_file, "--corpus", folder, "-o", out)
        self.assertEqual([line.split()[0] for line in out.read_text().splitlines()], ["q2"] * 3 + ["q1"] * 3)
        again = self.ok(*self.base, "--run", self.run_file, "--topics", folder, "--corpus", folder, "--format", "trec")
        self.assertEqual(again.stdout, out.read_text())
        figures = self.ok("eval", qrels, out, "-m", "num_q", "-m", "recip_rank").stdout
        self.assertIn("num_q                 \tall\t2\n", figures)
        both = self.ok("eval", "--model", self.model, "--rerank", "--recipe query-likelihood --threads 1 --quiet", "--run", self.run_file,
                       "--corpus", folder, "--qrels", qrels, "-m", "num_q", "-m", "recip_rank").stdout
        self.assertEqual(both, figures)
        (folder / "corpus.jsonl").unlink()
        self.fails(1, *self.base, "--run", self.run_file, "--corpus", folder, saying="scifact: a folder as BEIR lays it out holds a corpus.jsonl")

    def test_depth_top_ties_and_scores(self):
        self.run_file.write_text(self.run_text([("q1", "d5", 1), ("q1", "d4", 1), ("q1", "d3", 5)]) + "q1 Q0 d2 0 1 bm25\n")
        found = untimed(self.ok(*self.arguments, "--quiet", "--depth", "1").stdout)[0]
        # Ties go by the rank column, not by docid as in trec_eval.
        self.assertEqual([hit["docid"] for hit in found["results"]], ["d3", "d2", "d5", "d4"])
        exchanged = json.loads(self.ok(*self.arguments, "--quiet", "--top", "2", "--format", "rankllm").stdout)
        self.assertEqual(len(exchanged["candidates"]), 2)

    def test_wrong_usage(self):
        for wrong, saying in ((["--jobs", "x"], "--jobs and --run exclude each other"), (["-q", "x"], "take no -q"),
                              (["-d", "x"], "take no -q"), (["--format", "json"], "use jsonl"), (["--resume"], "--resume needs -o")):
            self.fails(2, *self.arguments, *wrong, saying=saying)
        self.fails(2, *self.base, "--run", self.run_file, "--topics", self.topics, saying="--run needs --corpus")
        self.fails(2, *self.base, "--run", self.run_file, "--corpus", self.corpus, saying="--run needs --topics")
        self.fails(2, *self.base, "--topics", self.topics, "-q", "x", saying="belong to --run")
        self.fails(2, "eval", "--model", self.model, "--run", self.run_file, "--jobs", "x", "--qrels", "x", saying="exclude each other")

    def test_bad_input_is_said_before_the_model_is_loaded(self):
        arguments = ["/absent/model" if word == self.model else word for word in self.arguments]
        out = self.folder / "out.jsonl"
        cut = gzip.compress(random.Random(1).randbytes(9999).hex().encode())[:-50]
        cases = [
            ("bm25.run", "", "bm25.run: is empty"),
            ("bm25.run", "q1 Q0 d1 1 nan t\n", "bm25.run:1: score 'nan' is no finite number"),
            ("bm25.run", "q1 Q0 d1 1 2 t\nq1 Q0 d2 2 -inf t\n", "bm25.run:2: score '-inf'"),
            ("bm25.run", "q1 Q0 d1 1 9\n", "bm25.run:1: expected 6 columns"),
            ("bm25.run", "q1 Q0 d1 1 9 t\nq2 Q0 d1 1 9 t\nq1 Q0 d1 2 8 t\n", "bm25.run:3: query 'q1' has the document 'd1' twice"),
            ("bm25.run", "q1 Q0 d1 1 9 t\nq1 Q0 d8 1 9 t\nq2 Q0 d9 2 8 t\n",
             "corpus.tsv: lacks 2 of the 3 documents of " + str(self.run_file) + ": 'd8' (query 'q1'), 'd9' (query 'q2')"),
            ("bm25.run", "q1 Q0 d1 1 9 t\nq7 Q0 d1 1 9 t\n", "topics.tsv: has no topic for 1 of the 2 queries"),
            ("bm25.run", b"q1 Q0 d\xff 1 9 t\n", "is not valid UTF-8"),
            ("bm25.run", self.expected()[-1].read_text(), "bm25.run: is JSON"),
            ("bm25.run", cut, "bm25.run: the gzip archive ends too early"),
            ("topics.tsv", "", "topics.tsv: is empty"),
            ("topics.tsv", "q1\ta\nq2 no tab\n", "topics.tsv: line 2: expected an id, a tab and a text"),
            ("topics.tsv", "q1\ta\nq2\tb\nq1\tc\n", "topics.tsv: line 3: 'q1' has another text than on line 1"),
            ("topics.tsv", b"q1\ta\nq2\t\xff\n", "topics.tsv: line 2: is not valid UTF-8"),
            ("topics.tsv", cut, "topics.tsv: the gzip archive ends too early"),
            ("topics.tsv", '{"_id": "q1", "txt": "a"}\n', "topics.tsv: line 1: 'q1' is a topic without a text"),
            ("corpus.tsv", "", "corpus.tsv: is empty"),
            ("corpus.tsv", "d1\n", "corpus.tsv: line 1: expected an id, a tab and a text"),
            ("corpus.tsv", self.corpus.read_text() + "d3\tanother\n", "corpus.tsv: line 6: 'd3' has another text than on line 3"),
            ("corpus.tsv", b"d9\tx\nd1\t\xc3\n", "corpus.tsv: line 2: is not valid UTF-8"),
            ("corpus.tsv", '{"_id": "d9", "text": "x"}\n{"_id": "d1", "title": "x"}\n', "corpus.tsv: line 2: 'd1' is a passage without a text"),
            ("corpus.tsv", '{"_id": "d9", "text": "x"}\n{"text": "x"}\n', "corpus.tsv: line 2: no id"),
            ("corpus.tsv", cut, "corpus.tsv: the gzip archive ends too early"),
        ]
        for name, text, saying in cases:
            path = self.folder / name
            kept = path.read_bytes()
            self.write(name, text)
            with self.subTest(name=name, saying=saying):
                self.fails(1, *arguments, "-o", out, saying=saying)
            path.write_bytes(kept)
        for kind in ("run", "topics", "corpus"):
            self.fails(1, *self.files(**{kind: self.folder / "absent"}), saying="absent")
        self.assertFalse(out.exists())
        # A passage that comes twice with the same text harms nothing.
        self.write("corpus.tsv", self.corpus.read_text() * 2)
        self.ok(*self.arguments)

    def test_jobs_refuse_a_document_twice_too(self):
        hit = {"docid": "d1", "doc": {"text": "x"}}
        jobs = self.write("twice.jsonl", json.dumps({"query": {"qid": "7", "text": "x"}, "candidates": [hit, hit]}))
        self.fails(1, *self.base, "--jobs", jobs, saying="twice.jsonl: line 1: query '7' has the document 'd1' twice")

    def test_topics_without_candidates_are_noted(self):
        self.run_file.write_text("q1 Q0 d1 1 9 t\n")
        done = self.ok(*self.arguments)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn("1 topics have no candidates", done.stderr)
        self.assertIn("(the first: 'q2')", done.stderr)
        self.assertNotIn("no candidates", self.ok(*self.arguments, "--quiet").stderr)

    def many(self, queries, words):
        """A run of that many queries, each with three passages of that many words of its own."""
        with self.topics.open("w") as topics, self.run_file.open("w") as run, self.corpus.open("w") as corpus:
            for i in range(queries):
                topics.write(f"q{i}\twho was it {i}\n")
                for rank in range(3):
                    run.write(f"q{i} Q0 d{i}.{rank} {rank + 1} {9 - rank} bm25\n")
                    corpus.write(f"d{i}.{rank}\tpassage {rank} " + "word " * words + "\n")
        return [*self.arguments, "--max-passage-words", "8"]

    def test_resume_after_a_kill(self):
        arguments = self.many(300, 20)
        for suffix in ("jsonl", "trec"):
            whole = self.folder / f"whole.{suffix}"
            begin = time.monotonic()
            self.ok(*arguments, "-o", whole)
            seconds = time.monotonic() - begin
            self.fails(1, *arguments, "-o", whole, saying="--resume")
            out = self.folder / f"killed.{suffix}"
            rng = random.Random(7)
            for _ in range(6):
                with subprocess.Popen([support.BINARY, *map(str, arguments), "-o", str(out), "--resume"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(rng.uniform(0, seconds / 2))
                    os.kill(process.pid, signal.SIGKILL)
            self.ok(*arguments, "-o", out, "--resume")
            if suffix == "trec":
                self.assertEqual(out.read_text(), whole.read_text())
            else:
                self.assertEqual(untimed(out.read_text()), untimed(whole.read_text()))

    def test_memory_holds_ids_not_texts(self):
        peaks = []
        for queries, words in ((50, 20), (4000, 800)):
            arguments = self.many(queries, words)
            out = self.folder / f"{queries}.trec"
            peaks.append(support.peak_memory(*arguments, "--depth", "1", "-o", out, "--overwrite", runs=5 if queries < 100 else 1))
        self.assertLess(peaks[1], peaks[0] + 8 * 1024, "KiB; the corpus has 48 MB")


if __name__ == "__main__":
    unittest.main()
