"""dear rerank: sources, formats, files that are there already, interrupts."""
import json
import os
import signal
import subprocess
import time
import unittest

import support

FIELDS = ["qid", "query", "model", "recipe", "results", "permutation", "text", "reasoning", "repair",
          "windows", "usage", "seconds"]


def job(qid, query, passages):
    return json.dumps({"query": {"text": query, "qid": qid},
                       "candidates": [{"docid": f"p{i}", "score": -i, "doc": {"text": p}} for i, p in enumerate(passages)]})


class Rerank(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        self.arguments = ["rerank", "-m", self.model, "-q", "who was it"]
        self.passages = ["one cat", "two dogs", "a bulb"]

    def documents(self, passages=None):
        return [x for p in (self.passages if passages is None else passages) for x in ("-d", p)]

    def result(self, *arguments, **options):
        return json.loads(self.ok(*self.arguments, *arguments, **options).stdout)

    def test_json_has_every_field_in_order(self):
        done = self.ok(*self.arguments, *self.documents(), "--format", "json")
        result = json.loads(done.stdout)
        self.assertEqual(list(result), FIELDS)
        self.assertEqual(sorted(result["permutation"]), [0, 1, 2])
        self.assertEqual([r["index"] for r in result["results"]], result["permutation"])
        self.assertEqual(list(result["results"][0]), ["index", "docid", "rank", "score", "score_kind"])
        self.assertEqual([r["rank"] for r in result["results"]], [1, 2, 3])
        self.assertEqual(result["results"][0]["score_kind"], "log_likelihood")
        self.assertEqual(result["recipe"], "query-likelihood")
        self.assertEqual(list(result["usage"]), ["prompt_tokens", "completion_tokens", "forward_passes", "shared_tokens", "cached_tokens"])
        self.assertEqual(list(result["seconds"]), ["load", "prefill", "decode", "total"])
        scores = [r["score"] for r in result["results"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        # What was guessed is said, and nothing else.
        self.assertRegex(done.stderr, r"\Adear: note: ranking by the recipe query-likelihood: .*--recipe.*\n\Z")
        self.assertEqual(self.ok(*self.arguments, *self.documents(), "--recipe", "query-likelihood").stderr, "")

    def test_json_flag_is_a_word_for_the_format(self):
        self.assertEqual(list(self.result(*self.documents(), "--json")), FIELDS)
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("".join(job(name, "who", self.passages) + "\n" for name in "ab"))
        lines = self.ok("rerank", "-m", self.model, "--jobs", jobs, "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["qid"] for line in lines], ["a", "b"])
        self.assertIn("rank ", self.ok(*self.arguments, *self.documents(), "--json", "--format", "table").stdout)

    def test_compute_is_named_wherever_the_model_is(self):
        exact = self.result(*self.documents(), "--format", "json")
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text(job("a", "who", self.passages) + "\n")
        for compute in ("fast", "int8"):
            flags = ("--compute", compute)
            done = self.ok(*self.arguments, *self.documents(), "--format", "json", *flags)
            other = json.loads(done.stdout)
            self.assertEqual(other["model"], f"{exact['model']} ({compute})")
            self.assertIn(f"dear: note: computing {compute}\n", done.stderr)
            scores = [sorted((r["index"], r["score"]) for r in result["results"]) for result in (exact, other)]
            self.assertNotEqual(scores[0], scores[1])
            for (_, one), (_, rounded) in zip(*scores):
                self.assertAlmostEqual(one, rounded, delta=0.1 * abs(one))
            table = self.ok(*self.arguments, *self.documents(), "--format", "table", *flags).stdout
            self.assertIn(f"({compute})", table.splitlines()[-1])
            # Results of one mode are not carried on in another.
            out = self.folder / f"{compute}.jsonl"
            self.ok("rerank", "-m", self.model, "--jobs", jobs, "-o", out, *flags)
            self.fails(1, "rerank", "-m", self.model, "--recipe", "query-likelihood", "--jobs", jobs, "-o", out, "--resume",
                       saying="compute")

    def test_sources_of_passages_agree(self):
        expected = self.result(*self.documents(), "--format", "jsonl")["results"]
        lines = "\n".join(self.passages) + "\n\n"
        file = self.folder / "passages.txt"
        file.write_text(lines)
        self.assertEqual(self.result(file, "--format", "jsonl")["results"], expected)
        self.assertEqual(self.result("-", stdin=lines.replace("\n", "\r\n"))["results"], expected)

    def test_same_bits_with_any_number_of_threads(self):
        one = self.result(*self.documents(), "--threads", "1")["results"]
        self.assertEqual(self.result(*self.documents(), "--threads", "2")["results"], one)

    def test_table_and_trec(self):
        table = self.ok(*self.arguments, *self.documents(), "--format", "table").stdout
        self.assertRegex(table.splitlines()[0], r"^rank +score +index +passage$")
        self.assertEqual(len(table.splitlines()), 5)
        self.assertNotIn("\x1b", table)
        self.assertIn("query-likelihood", table.splitlines()[-1])
        trec = self.ok(*self.arguments, *self.documents(), "--format", "trec").stdout.splitlines()
        self.assertRegex(trec[0], r"^q1 Q0 d\d 1 -?[0-9.]+ dear$")

    def test_a_passage_cannot_drive_the_terminal(self):
        table = self.ok(*self.arguments, "-d", "a\x1b[31mred\nline", "-d", "b", "--format", "table").stdout
        self.assertNotIn("\x1b", table)
        self.assertEqual(len(table.splitlines()), 4)

    def test_top_and_depth(self):
        result = self.result(*self.documents(), "--top", "1")
        self.assertEqual(len(result["results"]), 1)
        self.assertEqual(sorted(result["permutation"]), [0, 1, 2])
        result = self.result(*self.documents(), "--depth", "2")
        self.assertEqual(result["permutation"][2], 2)
        self.assertIsNone(result["results"][2]["score"])

    def test_trace_only_when_asked_for(self):
        trace = self.result(*self.documents(), "--trace")["trace"]
        self.assertIn("Passage: one cat", trace["prompt"])
        self.assertEqual(trace["prompt_ids"][0], 0)
        self.assertEqual(len(trace["calls"]), 3)
        self.assertEqual([call["prompts"] for call in trace["timings"]], [3])
        self.assertGreater(trace["timings"][0]["prefill"], 0)

    def test_recipe_files(self):
        recipe = self.folder / "mine.yaml"
        recipe.write_text("kind: pointwise\nprompt: {text: '{query} {passage}'}\n"
                          "score: {head: tokens, positive: 'b', negative: 'a', transform: sigmoid}\n")
        result = self.result(*self.documents(), "--recipe", str(recipe), "--format", "json")
        self.assertEqual((result["recipe"], result["results"][0]["score_kind"]), ("mine", "probability"))
        self.assertEqual(sorted(result["permutation"]), [0, 1, 2])
        self.fails(1, *self.arguments, "-d", "a", "--recipe", str(recipe), "--instruction", "x", saying="takes none")
        recipe.write_text(recipe.read_text().replace("positive", "postive"))
        self.fails(1, *self.arguments, "-d", "a", "--recipe", str(recipe), saying="mine.yaml:3: field 'score.positive' is missing")
        # RankLLM's own files.
        recipe.write_text("method: pairwise\nbody: '{query}'\n")
        self.fails(1, *self.arguments, "-d", "a", "--recipe", str(recipe), saying="mine.yaml:1: field 'method' is 'pairwise'")

    def test_listwise(self):
        result = self.result(*self.documents(), "--recipe", "dear-card", "--max-new-tokens", "5", "--trace")
        self.assertEqual(sorted(result["permutation"]), [0, 1, 2])
        self.assertEqual(result["results"][0]["score_kind"], "position")
        self.assertIn(result["repair"], ("wrong_format", "missing", "repetition", "ok"))
        self.assertEqual(result["windows"], 1)
        self.assertEqual(result["usage"]["completion_tokens"], len(result["trace"]["output_ids"]))
        self.assertIn("Rank the passages", result["trace"]["prompt"])
        again = ["--recipe", "dear-card", "--max-new-tokens", "8", "--decoding", "sample", "--temperature", "1.5"]
        texts = [self.result(*self.documents(), *again, "--seed", seed)["text"] for seed in (1, 1, 2)]
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_adapters_by_name(self):
        adapters = support.GOLDEN / "adapters"
        base = self.model
        arguments = ["rerank", "-m", base, "-q", "who", *self.documents(), "--recipe", "query-likelihood"]
        both = ["--adapter", f"x={adapters / 'lora_qv'}", "--adapter", f"y={adapters / 'lora_rslora'}"]
        scores = {}
        for name in ("x", "y", "base"):
            scores[name] = json.loads(self.ok(*arguments, *both, "--use", name).stdout)["results"]
        self.assertNotEqual(scores["x"], scores["y"])
        self.assertNotEqual(scores["x"], scores["base"])
        alone = json.loads(self.ok(*arguments, "--adapter", adapters / "lora_rslora").stdout)
        self.assertEqual(alone["results"], scores["y"])
        self.assertTrue(alone["model"].endswith("+lora_rslora"))
        self.assertEqual(json.loads(self.ok(*arguments).stdout)["results"], scores["base"])
        self.fails(1, *arguments, *both, "--use", "z", saying="base, x, y")
        jobs = self.folder / "jobs.jsonl"
        lines = [dict(json.loads(job(n, "who", self.passages)), adapter=n) for n in ("x", "y", "base")]
        jobs.write_text("\n".join(json.dumps(line) for line in lines))
        done = self.ok("rerank", "-m", base, *both, "--recipe", "query-likelihood", "--jobs", jobs)
        for line in map(json.loads, done.stdout.splitlines()):
            self.assertEqual([(r["index"], r["score"]) for r in line["results"]],
                             [(r["index"], r["score"]) for r in scores[line["qid"]]])
        out = self.folder / "mixed.jsonl"
        mixed = ["rerank", "-m", base, *both, "--recipe", "query-likelihood", "--jobs", jobs, "-o", out]
        self.ok(*mixed)
        out.write_text("".join(out.read_text().splitlines(keepends=True)[:2]))
        self.ok(*mixed, "--resume")
        self.assertEqual([json.loads(line)["results"] for line in out.read_text().splitlines()],
                         [json.loads(line)["results"] for line in done.stdout.splitlines()])

    def test_bad_input(self):
        self.fails(1, "rerank", "-m", self.model, "-q", " ", *self.documents(), saying="query")
        self.fails(1, *self.arguments, saying="passages")
        self.fails(1, *self.arguments, "-", stdin="\n\n", saying="passages")
        self.fails(1, *self.arguments, self.folder / "absent.txt", saying="absent.txt")
        self.fails(1, *self.arguments, "-d", "a", "--recipe", "absent", saying="absent")
        self.fails(1, "rerank", "-m", support.SOURCE / "README.md", "-q", "a", "-d", "b", saying="README.md")
        self.fails(2, "rerank", "-m", self.model, "-d", "a", saying="-q")
        self.assertEqual(self.result("-d", "alone")["permutation"], [0])
        self.assertEqual(sorted(self.result("-d", b"\xff\xfe".decode("latin1"), "-d", "b")["permutation"]), [0, 1])

    def test_arguments_that_are_no_utf8(self):
        done = subprocess.run([support.BINARY, "rerank", "-m", str(self.model), "-q", b"caf\xe9", "-d", b"\xff one", "-d", "b"],
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\ufffd", json.loads(done.stdout.decode())["query"])

    def test_large_input(self):
        result = self.result("-", stdin="x " * (5 << 20) + "\nsmall\n")
        self.assertEqual(sorted(result["permutation"]), [0, 1])
        many = "\n".join(f"passage {i}" for i in range(10000))
        result = self.result("-", "--depth", "50", stdin=many)
        self.assertEqual(sorted(result["permutation"]), list(range(10000)))

    def test_jobs(self):
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("\n".join(job(f"t{i}", f"who {i}", self.passages) for i in range(3)) + "\n")
        arguments = ["rerank", "-m", self.model, "--jobs", jobs]
        lines = self.ok(*arguments).stdout.splitlines()
        self.assertEqual([json.loads(line)["qid"] for line in lines], ["t0", "t1", "t2"])
        self.assertEqual(json.loads(lines[0])["results"][0]["docid"][0], "p")

        out = self.folder / "out.jsonl"
        self.ok(*arguments, "-o", out)
        whole = [json.loads(line)["results"] for line in out.read_text().splitlines()]
        self.assertEqual(len(whole), 3)
        self.fails(1, *arguments, "-o", out, saying="already there")
        # A run that was cut off in its third line.
        first = "".join(line + "\n" for line in out.read_text().splitlines()[:2])
        out.write_text(first + '{"qid": "t2", "que')
        self.ok(*arguments, "-o", out, "--resume")
        self.assertTrue(out.read_text().startswith(first))
        self.assertEqual([json.loads(line)["results"] for line in out.read_text().splitlines()], whole)
        self.fails(1, *arguments, "-o", out, "--resume", "--recipe", "dear-card", saying="recipe")
        self.ok(*arguments, "-o", out, "--overwrite")
        self.assertEqual(len(out.read_text().splitlines()), 3)
        trec = self.folder / "out.trec"
        self.ok(*arguments, "-o", trec)
        self.assertEqual(len(trec.read_text().splitlines()), 9)

    def test_jobs_of_rankgpt(self):
        jobs = self.folder / "jobs.json"
        jobs.write_text(json.dumps([{"query": "who", "hits": [{"content": "one", "qid": 7, "docid": "a", "rank": 1, "score": 2.0},
                                                              {"content": "two", "qid": 7, "docid": "b", "rank": 2, "score": 1.0}]}]))
        result = json.loads(self.ok("rerank", "-m", self.model, "--jobs", jobs).stdout)
        self.assertEqual(result["qid"], "7")
        self.assertEqual(sorted(r["docid"] for r in result["results"]), ["a", "b"])
        jobs.write_text('{"query": "who"}')
        self.fails(1, "rerank", "-m", self.model, "--jobs", jobs, saying="jobs.json")
        jobs.write_text("")
        self.fails(1, "rerank", "-m", self.model, "--jobs", jobs, saying="no queries")

    def test_an_interrupt_says_what_was_done(self):
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("\n".join(job(f"t{i}", "who " * 20, ["word " * 100] * 60) for i in range(400)))
        out = self.folder / "out.jsonl"
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([support.BINARY, "rerank", "-m", str(self.model), "--jobs", str(jobs), "-o", str(out),
                                   "--overwrite"], stderr=subprocess.PIPE) as process:
                deadline = time.monotonic() + 60
                while (not out.exists() or b"\n" not in out.read_bytes()) and time.monotonic() < deadline:
                    time.sleep(0.02)
                begin = time.monotonic()
                os.kill(process.pid, number)
                error = process.stderr.read().decode()
                self.assertEqual(process.wait(), 1)
                self.assertLess(time.monotonic() - begin, 3)
                self.assertRegex(error, r"dear: error: interrupted; \d+ of 400 queries are written to .*out.jsonl")
            written = out.read_bytes()
            self.assertTrue(written.endswith(b"\n"))
            for line in written.splitlines():
                json.loads(line)
            out.unlink()


@unittest.skipUnless(support.SMOLLM2.exists(), "the default model is not fetched")
class Edison(support.Case):
    def test_the_example_of_the_model_card(self):
        documents = [x for p in support.PASSAGES for x in ("-d", p)]
        result = json.loads(self.ok("rerank", "-q", support.QUERY, *documents).stdout)
        self.assertEqual(result["permutation"], [4, 1, 0, 3, 2])
        self.assertEqual(result["model"], "smollm2-135m-instruct")
        scores = {r["index"]: r["score"] for r in result["results"]}
        # transformers in f32.
        for index, expected in enumerate([-2.079428, -0.817563, -2.367007, -2.355529, -0.641523]):
            self.assertAlmostEqual(scores[index], expected, delta=2e-5)

    def test_the_adapter_that_ships(self):
        documents = [x for p in support.PASSAGES for x in ("-d", p)]
        result = json.loads(self.ok("rerank", "-m", "dear-135m-pointwise", "-q", support.QUERY, *documents).stdout)
        self.assertEqual(result["permutation"], [4, 1, 3, 0, 2])
        scores = {r["index"]: r["score"] for r in result["results"]}
        # transformers and peft in f32.
        for index, expected in enumerate([-4.659748, -2.72463, -5.734131, -4.505727, -1.781829]):
            self.assertAlmostEqual(scores[index], expected, delta=2e-5)


if __name__ == "__main__":
    unittest.main()
