"""dear eval through the binary: options, forms of input, output, and what it says when it cannot."""
import gzip
import json
import unittest

import support

GOLDEN = support.SOURCE / "tests" / "golden" / "eval"

QRELS = "1 0 a 2\n1 0 b 0\n2 0 a 1\n2 0 c 1\n3 0 a 1\n"
RUN = "2 Q0 b 1 9 bm25\n2 Q0 a 2 8 bm25\n1 Q0 a 1 3.5 bm25\n1 Q0 b 2 3 bm25\n9 Q0 a 1 1 bm25\n"


class EvalTest(support.Case):
    def write(self, name, text):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def eval(self, *arguments, stdin=None):
        return support.dear("eval", *arguments, stdin=stdin)

    def figures(self, *arguments, stdin=None):
        done = self.eval(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {(c[0].strip(), c[1]): c[2] for c in (line.split("\t") for line in done.stdout.splitlines())}

    def setUp(self):
        super().setUp()
        self.qrels = self.write("qrels.txt", QRELS)
        self.run_file = self.write("run.txt", RUN)

    def test_options_give_what_trec_eval_prints(self):
        with gzip.open(GOLDEN / "trec_eval.jsonl.gz", "rt", encoding="utf-8", newline="\n") as file:
            cases = [json.loads(line) for line in file][1:60]
        for case in cases:
            qrels, run = self.write("q", case["qrels"]), self.write("r", case["run"])
            done = self.eval(*case["options"], qrels, run)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout, case["output"], case["options"])

    def test_layout_and_order(self):
        done = self.eval("-q", "-m", "recip_rank", "-mP.1", self.qrels, self.run_file)
        self.assertEqual(done.stdout, "recip_rank            \t1\t1.0000\nP_1                   \t1\t1.0000\n"
                                      "recip_rank            \t2\t0.5000\nP_1                   \t2\t0.0000\n"
                                      "recip_rank            \tall\t0.7500\nP_1                   \tall\t0.5000\n")
        self.assertIn("1 judged queries are not in the run (the first is '3')", done.stderr)
        self.assertEqual(self.eval("--quiet", self.qrels, self.run_file).stderr, "")

    def test_complete(self):
        self.assertEqual(self.figures("-c", "-m", "recip_rank", self.qrels, self.run_file),
                         {("recip_rank", "all"): "0.5000"})
        self.assertEqual(self.figures(self.qrels, self.run_file, "-m", "num_q", "-c")[("num_q", "all")], "3")

    def test_forms_of_input(self):
        expected = self.figures("-m", "all_trec", "-q", self.qrels, self.run_file)
        del expected[("runid", "all")]
        lines = [{"qid": "1", "model": "m", "results": [{"docid": "a", "rank": 1, "score": 1}, {"docid": "b", "rank": 2, "score": 1}]},
                 {"qid": "2", "results": [{"docid": "b", "rank": 1, "score": 0}, {"docid": "a", "rank": 2, "score": 5}]},
                 {"qid": "9", "results": [{"docid": "a"}]}]
        rankllm = [{"query": {"text": "?", "qid": line["qid"]}, "candidates": [{"docid": r["docid"], "score": 1, "doc": {"text": "}]"}} for r in line["results"]]}
                   for line in lines]
        rankgpt = [{"query": "?", "hits": [{"docid": r["docid"], "qid": line["qid"], "content": "x"} for r in line["results"]]} for line in lines]
        beir = "query-id\tcorpus-id\tscore\n" + "".join("\t".join([q, d, r]) + "\n" for q, _, d, r in (line.split() for line in QRELS.splitlines()))
        jsonl = "".join(json.dumps(line) + "\n" for line in lines)
        runs = {"run.jsonl": jsonl, "rankllm.json": json.dumps(rankllm, indent=1), "rankgpt.json": json.dumps(rankgpt),
                "requests.jsonl": "".join(json.dumps(line) + "\n" for line in rankllm), "crlf.txt": RUN.replace("\n", "\r\n"),
                "run.gz": gzip.compress(RUN.encode()), "packed.jsonl.gz": gzip.compress(jsonl.encode())}
        for name, text in runs.items():
            for qrels in (self.qrels, self.write("test.tsv", beir), self.write("q.gz", gzip.compress(QRELS.encode()))):
                figures = self.figures("-m", "all_trec", "-q", qrels, self.write(name, text))
                figures.pop(("runid", "all"))
                self.assertEqual(figures, expected, name)
        figures = self.figures("-m", "all_trec", "-q", self.qrels, "-", stdin=jsonl)
        figures.pop(("runid", "all"))
        self.assertEqual(figures, expected)

    def test_several_runs(self):
        other = self.write("other.txt", "1 Q0 b 1 2 x\n1 Q0 a 2 1 x\n")
        done = self.eval("-m", "recip_rank", self.qrels, self.run_file, other)
        self.assertEqual(done.stdout, "recip_rank            \tall\t0.7500\trun.txt\nrecip_rank            \tall\t0.5000\tother.txt\n")
        table = self.eval("--table", "-m", "recip_rank", "-m", "map", self.qrels, self.run_file, other).stdout
        self.assertEqual([line.split() for line in table.splitlines()],
                         [["run", "map", "recip_rank"], ["run.txt", "0.6250", "0.7500"], ["other.txt", "0.5000", "0.5000"]])
        tall = self.eval("--table", self.qrels, self.run_file, other).stdout.splitlines()
        self.assertEqual(tall[0].split(), ["measure", "run.txt", "other.txt"])

    def test_json(self):
        out = json.loads(self.eval("--json", "-q", "-m", "ndcg_cut.10", "-m", "relstring", self.qrels, self.run_file).stdout)
        run = out["runs"][0]
        self.assertEqual(run["num_q"], 2)
        self.assertEqual(run["missing"], ["3"])
        self.assertEqual(run["queries"]["1"], {"relstring": "20", "ndcg_cut_10": 1.0})
        self.assertEqual(run["summary"], {"ndcg_cut_10": (run["queries"]["1"]["ndcg_cut_10"] + run["queries"]["2"]["ndcg_cut_10"]) / 2})

    def test_exponential_gain(self):
        qrels = self.write("graded", "1 0 a 1\n1 0 b 3\n")
        run = self.write("r", "1 Q0 a 1 2 t\n1 Q0 b 2 1 t\n")
        self.assertEqual(self.figures("-m", "ndcg_cut.10", qrels, run)[("ndcg_cut_10", "all")], "0.7967")
        self.assertEqual(self.figures("--gain", "exp2", "-m", "ndcg_cut.10", qrels, run)[("ndcg_cut_10", "all")], "0.7098")

    def compared(self, *arguments):
        base = self.write("base.txt", "".join(f"{q} Q0 {d} 1 {s} b\n" for q in range(1, 13) for d, s in (("x", 2), ("a", 1))))
        better = self.write("better.txt", "".join(f"{q} Q0 {d} 1 {s} b\n" for q in range(1, 13)
                                                  for d, s in (("x", 2), ("a", 1 if q == 7 else 3))))
        qrels = self.write("many", "".join(f"{q} 0 a 1\n" for q in range(1, 13)))
        return self.eval(qrels, better, "--compare", base, *arguments)

    def test_compare(self):
        done = self.compared("-m", "recip_rank")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("better.txt against base.txt, 12 queries", done.stdout)
        self.assertIn("***", done.stdout)
        comparison = json.loads(self.compared("-m", "recip_rank", "-m", "P.1", "--json").stdout)["comparison"]
        rr = comparison["runs"][0]["measures"]["recip_rank"]
        self.assertEqual((rr["wins"], rr["ties"], rr["losses"]), (11, 1, 0))
        self.assertEqual(len(rr["gained"]), 10)
        self.assertEqual(rr["lost"], [])
        # scipy.stats.ttest_rel and wilcoxon; 2 of the 2**12 sign patterns of 11 equal differences and a zero.
        self.assertAlmostEqual(rr["t_test"]["p"], 2.8300281340979e-07, delta=1e-17)
        self.assertAlmostEqual(rr["wilcoxon"]["p"], 2 / 2 ** 11)
        self.assertAlmostEqual(rr["randomisation"]["p"], 2 / 2 ** 11)
        self.assertAlmostEqual(rr["t_test"]["p_holm"], 2 * rr["t_test"]["p"])
        self.assertEqual(self.compared("--permutations", "100", "--seed", "3").stdout,
                         self.compared("--permutations", "100", "--seed", "3", "--threads", "1").stdout)

    def test_compare_needs_another_run(self):
        done = self.eval(self.qrels, self.run_file, "--compare", self.run_file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no other run", done.stderr)

    def test_report(self):
        for name, words in (("r.html", ("<!doctype html>", "better.txt against base.txt", "<svg", "ndcg_cut_10")),
                            ("r.md", ("# Evaluation", "| better.txt", "Gained most"))):
            done = self.compared("--report", self.folder / name)
            self.assertEqual(done.returncode, 0, done.stderr)
            text = (self.folder / name).read_text(encoding="utf-8")
            for word in words:
                self.assertIn(word, text)
        self.assertEqual(self.compared("--report", self.folder / "r.pdf").returncode, 2)
        self.assertEqual(self.compared("--report", self.folder / "absent" / "r.html").returncode, 1)
        lines = "".join(json.dumps({"qid": str(q), "results": [{"docid": "a"}], "repair": "ok" if q else "missing",
                                    "seconds": {"total": 0.5 + q}}) + "\n" for q in range(4))
        self.assertEqual(self.eval(self.qrels, self.write("mine.jsonl", lines), "--report", self.folder / "m.html").returncode, 0)
        page = (self.folder / "m.html").read_text(encoding="utf-8")
        self.assertIn("How mine.jsonl was made", page)
        self.assertIn("Time a query", page)

    def test_rerank_and_evaluate(self):
        model = support.copy_model("llama", self.folder)
        jobs = self.write("jobs.jsonl", "".join(json.dumps({"query": {"qid": q, "text": "who"}, "candidates": [
            {"docid": d, "doc": {"text": t}} for d, t in (("a", "one two"), ("b", "three"))]}) + "\n" for q in ("1", "2")))
        ranked = self.folder / "ranked.jsonl"
        arguments = ("--model", model, "--jobs", jobs, "--qrels", self.qrels, "-m", "recip_rank",
                     "--rerank", "--recipe query-likelihood", "--ranked", ranked, "--quiet")
        done = self.eval(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(ranked.read_text().splitlines()), 2)
        self.assertEqual(done.stdout, self.eval(self.qrels, ranked, "-m", "recip_rank").stdout)
        self.assertEqual(self.eval(*arguments).stdout, done.stdout)  # goes on with what is there
        compared = self.eval(*arguments, "--compare", jobs)
        self.assertIn("ranked.jsonl against jobs.jsonl, 2 queries", compared.stdout)
        # Whatever fails is said once.
        for flags, code in ((("--model", self.folder / "absent"), 1), (("--model", model, "--rerank", "--nosuch"), 2)):
            broken = self.eval(*flags, "--jobs", jobs, "--qrels", self.qrels)
            self.assertEqual((broken.returncode, broken.stderr.count("dear: error:")), (code, 1), broken.stderr)
        other = self.eval("--model", model, "--jobs", jobs, "--qrels", self.write("other.txt", "7 0 a 1\n"))
        self.assertEqual(other.returncode, 1)
        self.assertIn("judges none of the passages of", other.stderr)

    def test_queries_that_fail_are_part_of_the_figures(self):
        model = support.copy_model("llama", self.folder)
        jobs = self.write("jobs.jsonl", "".join(json.dumps({"query": {"qid": q, "text": text}, "candidates": [
            {"docid": d, "doc": {"text": t}} for d, t in (("a", "one two"), ("b", "three"))]}) + "\n"
            for q, text in (("1", "who"), ("2", " "))))
        ranked = self.folder / "ranked.jsonl"
        arguments = ("--model", model, "--jobs", jobs, "--qrels", self.qrels, "-m", "recip_rank", "--quiet",
                     "--rerank", "--recipe query-likelihood", "--ranked", ranked)
        for _ in range(2):  # and again from what is there
            done = self.eval(*arguments)
            self.assertEqual((done.returncode, done.stderr.count("dear: error:")), (1, 1), done.stderr)
            self.assertIn("1 queries failed and keep the order", done.stderr)
            self.assertEqual(done.stdout, self.eval(self.qrels, ranked, "-m", "recip_rank").stdout)

    def test_an_output_never_is_an_input(self):
        data = self.run_file.read_bytes()
        page = self.write("page.md", self.run_file.read_text())
        for arguments in ((self.qrels, page, "--report", page), (page, self.run_file, "--report", page)):
            done = self.eval(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--report names the file of", done.stderr)
        self.assertEqual(page.read_bytes(), data)
        done = self.eval("--model", "any", "--jobs", page, "--qrels", self.qrels, "--ranked", page)
        self.assertIn("--ranked names the file of --jobs", done.stderr)

    def test_rerank_usage(self):
        model = support.copy_model("llama", self.folder)
        self.assertEqual(self.eval("--model", model, "--qrels", self.qrels).returncode, 2)
        self.assertEqual(support.dear("eval", self.qrels, self.run_file, env={"DEAR_MODEL": "any"}).returncode, 0)

    def test_published_tables(self):
        for name in ("dl19", "dl20", "beir", "noveleval"):
            done = self.eval("--published", name)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("DeAR-L-8B", done.stdout)
        missing = self.eval("--published", "beir", "--data", self.folder, "run.{set}.txt")
        self.assertEqual(missing.returncode, 1)
        self.assertRegex(missing.stderr, r"trec-covid/qrels/test.tsv: is not there .* normally had: https://")
        table = self.write("mine.yaml", "title: mine\nmeasures: [recip_rank, P.1]\nsets:\n"
                           "  - {name: one, qrels: [absent.txt, qrels.txt], where: here}\n"
                           "  - {name: two, qrels: [qrels.txt], where: here}\n"
                           "published:\n  - {system: other, values: ['1', '2', '3', '-']}\n")
        self.write("run.one", RUN)
        self.write("run.two", "1 Q0 a 1 1 t\n")
        out = json.loads(self.eval("--published", table, "--data", self.folder, self.folder / "run.{set}", "--json").stdout)
        self.assertEqual(out["columns"], ["one recip_rank", "one P_1", "two recip_rank", "two P_1"])
        self.assertEqual(out["rows"][0]["values"], ["1", "2", "3", "-"])
        self.assertEqual(out["rows"][1]["values"], ["50.00", "33.33", "33.33", "33.33"])
        for text, message in (("title: x\nmeasures: [nope]\nsets: []\n", "measure 'nope'"),
                              ("title: x\nmeasures: [map]\nsets: [{name: a, qrels: b, where: c}]\n"
                               "published: [{system: s, values: ['1', '2']}]\n", "2 figures, expected 1"),
                              ("title: x\nmeasures: [map]\nsets: [{name: a, qrels: b, where: c}]\ntypo: 1\n", "typo")):
            done = self.eval("--published", self.write("bad.yaml", text))
            self.assertEqual(done.returncode, 1, message)
            self.assertIn(message, done.stderr)
        self.assertEqual(self.eval("--published", "dl18").returncode, 1)
        self.assertEqual(self.eval("--published", "dl19", "--compare", self.run_file).returncode, 2)

    def test_errors_are_one_line_that_names_the_place(self):
        cases = [(QRELS, "1 Q0 a 1 1 t\n1 Q0 a 2 0 t\n", "query '1' retrieves document 'a' twice"),
                 (QRELS, "1 Q0 a 1 1 t\n1 Q0 b 2 NaN t\n", "r:2: score 'NaN' is no finite number"),
                 (QRELS, "1 Q0 a 1 1 t\n1 Q0 b 2 inf t\n", "r:2: score 'inf' is no finite number"),
                 (QRELS, "1 Q0 a 1 high t\n", "r:1: score 'high'"),
                 (QRELS, "1 Q0 a 1 1\n", "r:1: expected 6 columns"),
                 (QRELS, "", "r: is empty"),
                 (QRELS, "\x1f\x8bjunk", "gzip"),
                 ("", RUN, "q: holds no relevance judgements"),
                 ("1 0 a\n", RUN, "q:1: expected 4 columns"),
                 ("1 0 a 1\n1 0 a 1\n", RUN, "judges document 'a' twice"),
                 ("x 0 a 1\n", RUN, "no query in common")]
        for qrels, run, message in cases:
            run_bytes = run.encode("latin-1")
            done = self.eval(self.write("q", qrels), self.write("r", run_bytes))
            self.assertEqual(done.returncode, 1, message)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertTrue(done.stderr.startswith("dear: error: "), done.stderr)
            self.assertIn(message, done.stderr)

    def test_another_collections_qrels_are_said_loudly(self):
        done = self.eval("--quiet", "-m", "map", self.qrels, self.write("r", "1 Q0 zzz 1 1 t\n"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("WARNING", done.stderr)
        self.assertIn("none of the documents retrieved is judged", done.stderr)

    def test_usage(self):
        for arguments in ((), ("q",), (self.qrels, self.run_file, "--gain", "cubic"), (self.qrels, self.run_file, "-M", "-1")):
            self.assertEqual(self.eval(*arguments).returncode, 2, arguments)
        done = self.eval(self.qrels, self.run_file, "-m", "nDCG@10")
        self.assertEqual(done.returncode, 2)
        self.assertIn("measure 'nDCG@10': unknown", done.stderr)
        self.assertEqual(self.eval(self.folder / "absent", self.run_file).returncode, 1)
        text = self.eval("--help").stdout
        for word in ("ndcg_cut", "-c", "gzip", "ties by docid", "Examples"):
            self.assertIn(word, text)


if __name__ == "__main__":
    unittest.main()
