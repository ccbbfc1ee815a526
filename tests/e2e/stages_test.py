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
        self.fails(1, "rerank", "-m", FLOWS / "base", "-q", "a", *self.documents, "--then", "x:0", saying="depth")
        self.fails(1, "rerank", "-m", FLOWS / "base", "-q", "a", *self.documents, "--then-recipe", "first", saying="--then")

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
        self.fails(1, *arguments, "--fuse", "sum", saying="sum")
        # Passages from the command line have no scores.
        self.fails(1, "rerank", "-m", FLOWS / "classifier", "--recipe", "dear-pointwise-card", "-q", "a", *self.documents,
                   "--fuse", "minmax", saying="rrf")

    def test_every_window_order(self):
        for order in ("sliding", "partition", "tournament"):
            result = self.result("-m", FLOWS / "listwise", "--window", "2", "--order", order, "--max-new-tokens", "8")
            self.assertEqual(sorted(result["permutation"]), list(range(5)), order)
            self.assertGreater(result["windows"], 2)

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
