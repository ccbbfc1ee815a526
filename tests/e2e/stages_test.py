"""dear rerank in two stages, fused with the first, and jobs in which a query fails."""
import json
import unittest

import support

FLOWS = support.SOURCE / "tests" / "golden" / "flows"
GOLDEN = json.loads((FLOWS / "flows.json").read_text())["cases"][0]


class Stages(support.Case):
    def setUp(self):
        super().setUp()
        self.documents = [x for p in GOLDEN["passages"] for x in ("-d", p)]

    def result(self, *arguments):
        return json.loads(self.ok("rerank", "-q", GOLDEN["query"], *self.documents, *arguments).stdout)

    def test_pointwise_then_listwise_over_one_base(self):
        alone = self.result("-m", FLOWS / "classifier")
        both = self.result("-m", FLOWS / "classifier", "--then", f"{FLOWS / 'listwise'}:3", "--max-new-tokens", "20")
        self.assertEqual([stage["recipe"] for stage in both["stages"]], ["dear-pointwise-card", "dear-card"])
        first, second = both["stages"]
        self.assertEqual(first["permutation"], alone["permutation"])
        self.assertEqual(first["scores"], [r["score"] for r in alone["results"]])
        self.assertEqual(second["passages"], 3)
        self.assertEqual(sorted(both["permutation"][:3]), sorted(alone["permutation"][:3]))
        self.assertEqual(both["permutation"][3:], alone["permutation"][3:])
        self.assertEqual(both["recipe"], "dear-pointwise-card > dear-card")
        self.assertEqual({r["score_kind"] for r in both["results"]}, {"position"})
        self.assertNotIn("stages", alone)

    def test_a_stage_by_an_adapters_name_and_a_recipe(self):
        both = self.result("-m", FLOWS / "base", "--recipe", "query-likelihood", "--adapter", f"mine={FLOWS / 'listwise'}",
                           "--use", "base", "--then", "mine:2", "--then-recipe", "query-likelihood")
        self.assertEqual([stage["passages"] for stage in both["stages"]], [5, 2])
        self.fails(1, "rerank", "-m", FLOWS / "base", "-q", "a", *self.documents, "--then", "absent", saying="absent")
        self.fails(2, "rerank", "-m", FLOWS / "base", "-q", "a", *self.documents, "--then", "x:0", saying="depth")
        self.fails(2, "rerank", "-m", FLOWS / "base", "-q", "a", *self.documents, "--then-recipe", "first", saying="--then")

    def test_fusion(self):
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text(json.dumps({"query": {"text": GOLDEN["query"], "qid": "1"}, "candidates": [
            {"docid": str(i), "score": 9.0 - i, "doc": {"text": text}} for i, text in enumerate(GOLDEN["passages"])]}))
        arguments = ["rerank", "-m", FLOWS / "classifier", "--jobs", jobs]
        first = json.loads(self.ok(*arguments, "--fuse", "minmax:1").stdout)
        self.assertEqual(first["permutation"], list(range(5)))
        self.assertEqual(first["results"][0]["score_kind"], "fused")
        model = json.loads(self.ok(*arguments, "--fuse", "minmax:0").stdout)
        self.assertEqual(model["permutation"], json.loads(self.ok(*arguments).stdout)["permutation"])
        self.assertEqual(sorted(json.loads(self.ok(*arguments, "--fuse", "rrf").stdout)["permutation"]), list(range(5)))
        self.fails(2, *arguments, "--fuse", "sum", saying="sum")
        out = self.folder / "out.jsonl"
        self.fails(1, *arguments, "--recipe", "dear-pointwise-card", "--skip", "2", "-o", out,
                   saying="--skip: belongs to listwise recipes")
        self.assertFalse(out.exists())
        # Passages from the command line have no scores.
        self.fails(1, "rerank", "-m", FLOWS / "classifier", "--recipe", "dear-pointwise-card", "-q", "a", *self.documents,
                   "--fuse", "minmax", saying="rrf")

    def test_every_window_order(self):
        for order in ("sliding", "partition", "tournament"):
            result = self.result("-m", FLOWS / "listwise", "--window", "2", "--order", order, "--max-new-tokens", "8")
            self.assertEqual(sorted(result["permutation"]), list(range(5)), order)
            self.assertGreater(result["windows"], 2)

    def test_the_first_places_settle_in_fewer_windows(self):
        listwise = ["-m", FLOWS / "listwise", "--window", "2", "--max-new-tokens", "8"]
        for more in (["--passes", "9"], ["--step", "2"], ["--step", "2", "--passes", "3"], ["--order", "partition"],
                     ["--order", "tournament"]):
            whole = self.result(*listwise, *more)
            self.assertNotIn("settled", whole)
            settled = self.result(*listwise, *more, "--settle", "2")
            self.assertEqual(settled["permutation"][:2], whole["permutation"][:2], more)
            self.assertEqual(settled["settled"], {"top": 2, "windows": settled["windows"], "of": whole["windows"]}, more)
            self.assertEqual(settled["windows"] < whole["windows"], "--order" not in more, more)
        # Of two stages it is the last one's, and none of a pointwise one.
        stages = ["-m", FLOWS / "classifier", "--then", FLOWS / "listwise", *listwise[2:], "--step", "2"]
        both = self.result(*stages, "--settle", "1")
        self.assertEqual(both["permutation"][0], self.result(*stages)["permutation"][0])
        self.assertEqual(both["settled"], {"top": 1, "windows": 0, "of": 2})  # five by two: the first is alone
        alone = self.result("-m", FLOWS / "classifier", "--settle", "1")
        self.assertNotIn("settled", alone)
        self.assertEqual(alone["results"], self.result("-m", FLOWS / "classifier")["results"])
        table = self.ok("rerank", "-q", "who", *self.documents, *listwise, "--step", "2", "--format", "table", "--settle", "2")
        self.assertIn("first 2 settled, 1 of 2 windows left out", table.stdout.splitlines()[-1])
        bad = ["rerank", "-q", "who", *self.documents, *listwise, "--settle"]
        self.fails(1, *bad, "2", "--temperature", "0.5", saying="settle: needs the same answer whenever the same is asked")
        self.fails(2, *bad, "2", "--fuse", "rrf", saying="--settle: leaves places unfinished")
        self.fails(2, *bad, "0", saying="--settle")
        self.fails(2, "label", "rows.jsonl", "-o", "out", "--settle", "2", saying="--settle")

    def test_a_job_that_settles_is_carried_on_as_one(self):
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("".join(json.dumps({"query": {"text": GOLDEN["query"], "qid": f"t{i}"}, "candidates": [
            {"docid": str(d), "score": 9.0 - d, "doc": {"text": text}} for d, text in enumerate(GOLDEN["passages"])]}) + "\n"
            for i in range(3)))
        out = self.folder / "out.jsonl"
        job = ["rerank", "-m", FLOWS / "listwise", "--jobs", jobs, "-o", out, "--window", "2", "--step", "2", "--max-new-tokens", "8"]
        done = self.ok(*job, "--settle", "2")
        self.assertIn("dear: 3 of 6 windows left out", done.stderr)
        whole = out.read_text()
        out.write_text("".join(whole.splitlines(keepends=True)[:1]))
        self.fails(1, *job, "--resume", saying="settle was '2' and is now not given")
        self.fails(1, *job, "--settle", "3", "--resume", saying="settle was '2' and is now '3'")
        self.ok(*job, "--resume", env={"DEAR_SETTLE": "2"})
        settled = [[json.loads(line)[field] for field in ("qid", "permutation", "settled")] for line in whole.splitlines()]
        self.assertEqual(settled, [[json.loads(line)[field] for field in ("qid", "permutation", "settled")]
                                   for line in out.read_text().splitlines()])

    def test_a_query_that_fails_keeps_its_order_and_costs_no_other(self):
        jobs = self.folder / "jobs.jsonl"
        # The second query alone is longer than the model's context.
        queries = ["who", "word " * 40000, "what"]
        jobs.write_text("\n".join(json.dumps({"query": {"text": q, "qid": f"t{i}"}, "candidates": [
            {"docid": d, "score": 1.0, "doc": {"text": f"{d} cats"}} for d in "abc"]}) for i, q in enumerate(queries)))
        out = self.folder / "out.jsonl"
        done = support.dear("rerank", "-m", FLOWS / "base", "--recipe", "query-likelihood", "--jobs", jobs, "-o", out)
        self.assertEqual(done.returncode, 1)
        warning, *_, error = done.stderr.splitlines()
        self.assertIn("dear: warning: query t1: query: of", warning)
        self.assertIn("1 of 3 queries failed", error)
        lines = [json.loads(line) for line in out.read_text().splitlines()]
        self.assertEqual([line["qid"] for line in lines], ["t0", "t1", "t2"])
        self.assertEqual([("error" in line) for line in lines], [False, True, False])
        self.assertEqual(lines[1]["permutation"], [0, 1, 2])


if __name__ == "__main__":
    unittest.main()
