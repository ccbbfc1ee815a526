"""dear mine: hard negatives that dear train reads, and a BM25 run that dear rerank and dear eval read."""
import json
import random
import signal
import subprocess
import time
import unittest

import support

TOPICS = {"1": "cats that purr", "2": "barking dogs", "3": "nothing of this"}
CORPUS = {"a": "A cat purrs, and cats purr.", "b": "The dog barks.", "c": "Dogs bark at cats.", "d": "Fish swim.",
          "e": "A cat is not a dog."}


def pairs(count, seed=1):
    rng = random.Random(seed)
    words = [f"w{i}" for i in range(300)]
    rows = []
    for i in range(count):
        text = rng.choices(words, [1 / (j + 5) for j in range(300)], k=30)
        rows.append({"query": " ".join(rng.sample(text, 4)), "positive": " ".join(text), "topic": f"t{i % 5}", "source": {"row": i}})
    return rows


class Mine(support.Case):
    def setUp(self):
        super().setUp()
        self.rows = pairs(600)
        self.pairs = self.write("pairs.jsonl", self.rows)
        self.out = self.folder / "out.jsonl"
        self.corpus = self.folder / "corpus.tsv"
        self.corpus.write_text("".join(f"{i}\t{t}\n" for i, t in CORPUS.items()))
        self.topics = self.folder / "topics.tsv"
        self.topics.write_text("".join(f"{i}\t{t}\n" for i, t in TOPICS.items()))
        self.run_file = self.folder / "bm25.trec"

    def write(self, name, rows):
        path = self.folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def mined(self, path=None):
        return [json.loads(line) for line in (path or self.out).read_text().splitlines()]

    def test_an_output_never_is_an_input(self):
        for arguments, name in (((self.pairs, "-o", self.pairs), "the pairs"),
                                ((self.pairs, "--corpus", self.corpus, "-o", self.corpus), "--corpus"),
                                (("--run", self.topics, "--topics", self.topics, "--corpus", self.corpus), "--topics")):
            before = [path.read_bytes() for path in (self.pairs, self.corpus, self.topics)]
            self.fails(1, "mine", *arguments, "--overwrite", saying=f"the output names the file of {name}")
            self.assertEqual([path.read_bytes() for path in (self.pairs, self.corpus, self.topics)], before)

    def test_rows_that_are_trained_on(self):
        done = self.ok("mine", self.pairs, "-o", self.out, "-n", "3", "--json")
        facts = json.loads(done.stdout)
        self.assertEqual((facts["rows"], facts["passages"], facts["dropped"]), (600, 600, 0))
        self.assertIn("600 rows written", done.stderr)
        rows = self.mined()
        self.assertEqual(len(rows), 600)
        self.assertEqual(facts["fewer"], sum(len(row["negatives"]) < 3 for row in rows))
        texts = {row["positive"] for row in self.rows}
        for given, row in zip(self.rows, rows):
            self.assertEqual({key: row[key] for key in given}, given)
            self.assertEqual(set(row) - set(given), {"negatives", "bm25_scores"})
            self.assertLessEqual(set(row["negatives"]), texts - {row["positive"]})
            self.assertEqual(len(set(row["negatives"])), len(row["negatives"]))
            self.assertEqual(row["bm25_scores"], sorted(row["bm25_scores"], reverse=True))
        config = self.folder / "pointwise.yaml"
        model = support.copy_model("llama", self.folder)
        config.write_text(f"model_name_or_path: {model}\nstage: pointwise\nrecipe: dear-pointwise-card\nloss: softmax_ce\n"
                          f"passages_per_query: 4\ndataset: {self.out}\noutput_dir: {self.folder}/adapter\n"
                          "lora_target: q_proj\nlora_rank: 2\n")
        plan = json.loads(self.ok("train", config, "--dry-run", "--json").stdout)
        self.assertEqual((plan["items"], plan["dropped"]), (600, 0))

    def test_threads_change_nothing(self):
        options = ["--sample", "--fill-random", "--depth", "20", "--same-topic"]
        for threads in ("1", "3"):
            self.ok("mine", self.pairs, "-o", self.folder / f"{threads}.jsonl", *options, "--threads", threads, "--quiet")
        self.assertEqual((self.folder / "1.jsonl").read_bytes(), (self.folder / "3.jsonl").read_bytes())
        topic = {row["positive"]: row["topic"] for row in self.rows}
        for row in self.mined(self.folder / "1.jsonl"):
            self.assertEqual(len(row["negatives"]), 15)
            self.assertEqual({topic[text] for text in row["negatives"]}, {row["topic"]})

    def test_a_corpus_and_rows_that_cannot_be_used(self):
        rows = [{"query": "cat", "positive": "a CAT is  not a dog."}, {"query": "no positive"},
                {"query": {"text": "dogs", "qid": 7}, "positive_passages": [{"text": "The dog barks."}], "negatives": []}]
        path = self.write("few.jsonl", rows)
        done = self.ok("mine", path, "-o", self.out, "--corpus", self.corpus, "-n", "2")
        self.assertIn("1 rows cannot be used", done.stderr)
        self.assertIn("few.jsonl:2", done.stderr)
        first, second = self.mined()
        self.assertEqual(first["negatives"], [CORPUS["a"], CORPUS["c"]])
        self.assertEqual(second["negatives"], [CORPUS["e"], CORPUS["c"]])
        self.ok("mine", path, "-o", self.out, "--corpus", self.corpus, "-n", "9", "--overwrite")
        self.assertLess(len(self.mined()[0]["negatives"]), 9)

    def test_an_existing_output_is_kept_carried_on_or_replaced(self):
        self.ok("mine", self.pairs, "-o", self.out, "--quiet")
        whole = self.out.read_bytes()
        self.fails(1, "mine", self.pairs, "-o", self.out, "--quiet", saying="is already there")
        self.fails(1, "mine", self.pairs, "-o", self.out, "--quiet", "--resume", "--k1", "1.2", saying="made with other settings")
        for size in (0, 100, len(whole) // 2, len(whole)):
            self.out.write_bytes(whole[:size])
            facts = json.loads(self.ok("mine", self.pairs, "-o", self.out, "--quiet", "--resume", "--json").stdout)
            self.assertEqual(facts["before"], whole[:size].count(b"\n"))
            self.assertEqual(facts["fewer"], sum(len(row["negatives"]) < 15 for row in self.mined()))
            self.assertEqual(self.out.read_bytes(), whole)
        # Other pairs of the same passages.
        other = self.write("pairs.jsonl", self.rows[::-1])
        self.out.write_bytes(whole[:len(whole) // 2])
        self.fails(1, "mine", other, "-o", self.out, "--quiet", "--resume", saying="line 1: is not what dear mine makes")
        self.assertEqual(self.out.read_bytes(), whole[:len(whole) // 2])
        other = self.write("pairs.jsonl", self.rows[:-1])
        self.fails(1, "mine", other, "-o", self.out, "--quiet", "--resume", saying="index was '600 passages")
        self.ok("mine", self.pairs, "-o", self.out, "--quiet", "--overwrite", "--k1", "1.2")
        self.assertNotEqual(self.out.read_bytes(), whole)

    def test_interrupted_it_can_go_on(self):
        path = self.write("many.jsonl", pairs(6000, seed=2))
        options = ["--threads", "1", "-n", "2", "--depth", "10"]
        with subprocess.Popen([support.BINARY, "mine", str(path), "-o", str(self.out), *options], stderr=subprocess.PIPE,
                              stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 120
            while not (self.out.exists() and self.out.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.001)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read().decode()
        self.assertEqual(process.returncode, 1, said)
        done = self.out.read_bytes().count(b"\n")
        self.assertIn(f"{done} of 6000 rows are written", said.splitlines()[-1])
        self.assertLess(done, 6000)
        self.ok("mine", path, "-o", self.out, *options, "--quiet", "--resume")
        self.ok("mine", path, "-o", self.folder / "whole.jsonl", *options, "--quiet")
        self.assertEqual(self.out.read_bytes(), (self.folder / "whole.jsonl").read_bytes())

    def test_a_run(self):
        done = self.ok("mine", "--run", self.run_file, "--topics", self.topics, "--corpus", self.corpus, "--json")
        facts = json.loads(done.stdout)
        self.assertEqual((facts["rows"], facts["fewer"], facts["passages"]), (3, 1, 5))
        self.assertIn("1 topics found no passage", done.stderr)
        whole = self.run_file.read_text()
        lines = [line.split() for line in whole.splitlines()]
        self.assertEqual([(line[0], line[2], line[3], line[5]) for line in lines],
                         [("1", "a", "1", "dear-bm25"), ("1", "e", "2", "dear-bm25"), ("1", "c", "3", "dear-bm25"),
                          ("2", "b", "1", "dear-bm25"), ("2", "c", "2", "dear-bm25"), ("2", "e", "3", "dear-bm25")])
        # Cut off within the second topic.
        self.run_file.write_text("\n".join(whole.splitlines()[:4]) + "\n2 Q0")
        self.ok("mine", "--run", self.run_file, "--topics", self.topics, "--corpus", self.corpus, "--resume", "--quiet")
        self.assertEqual(self.run_file.read_text(), whole)
        self.ok("mine", "--run", self.run_file, "--topics", self.topics, "--corpus", self.corpus, "--overwrite", "--quiet",
                "--depth", "1")
        self.assertEqual(self.run_file.read_text(), "".join(line + "\n" for line in whole.splitlines() if line.split()[3] == "1"))
        qrels = self.folder / "qrels"
        qrels.write_text("1 0 a 1\n2 0 b 1\n")
        self.assertIn("1.0000", self.ok("eval", qrels, self.run_file, "-m", "recip_rank").stdout)
        model = support.copy_model("llama", self.folder)
        ranked = self.ok("rerank", "-m", model, "--recipe", "query-likelihood", "--run", self.run_file, "--topics", self.topics,
                         "--corpus", self.corpus, "--quiet").stdout
        self.assertEqual([json.loads(line)["qid"] for line in ranked.splitlines()], ["1", "2"])

    def test_a_folder_of_beir(self):
        beir = self.folder / "beir"
        beir.mkdir()
        (beir / "corpus.jsonl").write_text("".join(json.dumps({"_id": i, "title": "Of", "text": t}) + "\n" for i, t in CORPUS.items()))
        (beir / "queries.jsonl").write_text("".join(json.dumps({"_id": i, "text": t}) + "\n" for i, t in TOPICS.items()))
        self.ok("mine", "--run", self.run_file, "--corpus", beir, "--quiet")
        self.assertTrue(self.run_file.read_text().startswith("1 Q0 a 1 "))
        self.ok("mine", self.pairs, "-o", self.out, "--corpus", beir, "--quiet", "--fill-random", "-n", "1")
        self.assertEqual(set(self.mined()[0]["negatives"][0]), {"docid", "title", "text"})

    def test_errors(self):
        self.fails(2, "mine", saying="one of the two")
        self.fails(2, "mine", self.pairs, saying="-o is missing")
        self.fails(2, "mine", self.pairs, "--run", self.run_file, saying="one of the two")
        self.fails(2, "mine", "--run", self.run_file, "--topics", self.topics, saying="needs --corpus")
        self.fails(2, "mine", "--run", self.run_file, "--corpus", self.corpus, saying="needs --topics")
        self.fails(2, "mine", "--run", self.run_file, "--corpus", self.corpus, "--topics", self.topics, "--skip", "1", saying="--skip")
        self.fails(2, "mine", self.pairs, "-o", self.out, "--resume", "--overwrite", saying="exclude")
        self.fails(2, "mine", self.pairs, "-o", self.out, "-n", "0", saying="--negatives")
        self.fails(1, "mine", self.pairs, "-o", self.out, "--skip", "100", saying="skip: expected less than the depth")
        self.fails(1, "mine", self.pairs, "-o", self.out, "--b", "2", saying="b: expected a number in 0..1")
        self.fails(1, "mine", self.pairs, "-o", self.out, "--corpus", self.corpus, "--same-topic", saying="same_topic")
        self.fails(1, "mine", self.folder / "absent.jsonl", "-o", self.out, saying="absent.jsonl")
        self.fails(1, "mine", self.pairs, "-o", self.out, "--corpus", self.folder / "absent.tsv", saying="absent.tsv")
        broken = self.folder / "broken.jsonl"
        broken.write_text('{"query": "q", "positive": "p"}\n{"query": \n')
        self.fails(1, "mine", broken, "-o", self.out, saying="broken.jsonl:2")
        self.assertFalse(self.out.exists())


if __name__ == "__main__":
    unittest.main()
