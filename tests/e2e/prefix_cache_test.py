"""--prefix-cache: beginnings of prompts are kept between calls of the model, and nothing of a result changes."""
import json
import random
import unittest

import support


def without_what_it_took(line):
    """A result without its seconds, and without the calls and cached tokens that the cache changes."""
    result = json.loads(line)
    result.pop("seconds")
    usage = result["usage"]
    cached, _ = usage.pop("cached_tokens"), usage.pop("forward_passes")
    return result, cached, usage["prompt_tokens"] - usage["shared_tokens"]


class PrefixCache(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        self.jobs = self.folder / "jobs.jsonl"
        # Queries that have passages in common, in different orders.
        chosen = random.Random(5)
        texts = [" ".join(chosen.choice(["cat", "dog", "lamp", "river", "stone"]) for _ in range(12)) for _ in range(25)]
        self.jobs.write_text("".join(json.dumps({
            "query": {"text": f"where in the old town is the {word}", "qid": f"q{i}"},
            "candidates": [{"docid": f"d{d}", "score": -d, "doc": {"text": texts[d]}} for d in chosen.sample(range(25), 14)],
        }) + "\n" for i, word in enumerate(["cat", "dog", "lamp", "river"])))

    def rank(self, *arguments, env=None, model=None):
        done = self.ok("rerank", "-m", model or self.model, "--jobs", self.jobs, "--threads", "1", *arguments, env=env)
        lines = [without_what_it_took(line) for line in done.stdout.splitlines()]
        cached = sum(line[1] for line in lines)
        self.assertLessEqual(cached, sum(line[2] for line in lines))
        return [line[0] for line in lines], cached, done.stderr

    def test_whole_outputs_are_the_same_with_and_without(self):
        classifier = support.copy_model("llama_classifier_1", self.folder)
        for flags in (["--recipe", "query-likelihood"],
                      ["--recipe", "rankllama"],
                      ["--recipe", "dear-card", "--window", "6", "--passes", "2", "--max-new-tokens", "30", "--decoding", "constrained"]):
            for compute in ("reference", "fast", "int8"):
                own = [*flags, "--compute", compute]
                model = classifier if "rankllama" in flags else None
                expected, cached, said = self.rank(*own, "--prefix-cache", "0", model=model)
                self.assertEqual(cached, 0)
                self.assertNotIn("cached", said)
                for size in ("64MiB", "100kB", "1"):
                    got, cached, said = self.rank(*own, "--prefix-cache", size, model=model)
                    self.assertEqual(got, expected, (own, size))
                    if size == "1":
                        self.assertEqual(cached, 0)
                    if size == "64MiB":
                        self.assertGreater(cached, 20, own)
                        self.assertRegex(said, r"tokens read \(.*\d+ cached\)")

    def test_adapters_of_one_job_file_keep_apart(self):
        adapter = support.GOLDEN / "adapters" / "lora_qv"
        jobs = [json.loads(line) for line in self.jobs.read_text().splitlines()]
        for i, job in enumerate(jobs):
            job["adapter"] = "a" if i % 2 else "base"
        self.jobs.write_text("\n".join(map(json.dumps, jobs)))
        own = ["--recipe", "query-likelihood", "--adapter", f"a={adapter}"]
        expected, _, _ = self.rank(*own, "--prefix-cache", "0")
        got, cached, _ = self.rank(*own, "--prefix-cache", "64MiB")
        self.assertEqual(got, expected)
        self.assertGreater(cached, 100)

    def test_the_size_decides_no_result_so_a_job_may_go_on_with_another(self):
        out = self.folder / "out.jsonl"
        whole = ["rerank", "-m", self.model, "--jobs", self.jobs, "--recipe", "query-likelihood", "-o", out]
        self.ok(*whole, "--prefix-cache", "1MiB")
        self.assertNotIn("prefix-cache", (self.folder / "out.jsonl.meta.json").read_text())
        lines = out.read_text().splitlines(keepends=True)
        out.write_text("".join(lines[:2]))
        self.ok(*whole, "--prefix-cache", "2MiB", "--resume")
        self.assertEqual([without_what_it_took(line)[0] for line in out.read_text().splitlines()],
                         [without_what_it_took(line)[0] for line in lines])

    def test_the_environment_names_it_too(self):
        _, cached, _ = self.rank("--recipe", "query-likelihood", env={"DEAR_PREFIX_CACHE": "64MiB"})
        self.assertGreater(cached, 0)

    def test_label_and_eval_take_it(self):
        rows = self.folder / "rows.jsonl"
        rows.write_text("".join(json.dumps({"query": query, "positive": "a cat", "negatives": ["one dog", "the lamp " * 9]}) + "\n"
                                for query in ("where is it", "who was it")))
        labels = []
        for size in ("0", "64MiB"):
            out = self.folder / f"labels{size}.jsonl"
            self.ok("label", "-m", self.model, "--recipe", "query-likelihood", rows, "-o", out, "--prefix-cache", size)
            labels.append(out.read_text())
        self.assertEqual(*labels)
        qrels = self.folder / "qrels.txt"
        qrels.write_text("".join(f"q{i} 0 d{d} {d % 3}\n" for i in range(4) for d in range(25)))
        figures = []
        for size in ("0", "64MiB"):
            ranked = self.folder / f"ranked{size}.jsonl"
            figures.append(self.ok("eval", qrels, "--model", self.model, "--jobs", self.jobs, "--rerank", "--recipe query-likelihood",
                                   "--prefix-cache", size, "--ranked", ranked).stdout)
            cached = sum(json.loads(line)["usage"]["cached_tokens"] for line in ranked.read_text().splitlines())
            (self.assertGreater if size != "0" else self.assertEqual)(cached, 0)
        self.assertEqual(figures[0].replace("ranked0", ""), figures[1].replace("ranked64MiB", ""))

    def test_a_size_that_is_none_is_refused_by_name(self):
        for size in ("-1", "many", "1.5GiB", "5 apples", "99999999999EiB"):
            done = support.dear("rerank", "-m", self.model, "-q", "q", "-d", "p", "--prefix-cache", size)
            self.assertEqual(done.returncode, 2, size)
            self.assertIn("--prefix-cache", done.stderr)


if __name__ == "__main__":
    unittest.main()
