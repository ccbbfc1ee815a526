"""dear rerank --jobs: many queries, some of which fail, in bounded memory, through kill -9."""
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import time
import unittest

import support


def job(qid, query, passages):
    return json.dumps({"query": {"text": query, "qid": qid},
                       "candidates": [{"docid": f"p{i}", "score": -i, "doc": {"text": p}} for i, p in enumerate(passages)]})


def untimed_text(form, data):
    if form != "jsonl":
        return data
    lines = [json.loads(line) for line in data.splitlines()]
    for line in lines:
        del line["seconds"]
        del line["usage"]["forward_passes"], line["usage"]["shared_tokens"]
        line.get("trace", {}).pop("timings", None)
    return lines


def untimed(path):
    """What a run wrote, without the seconds that it took and what queries shared."""
    return untimed_text(path.suffix[1:], path.read_bytes())


def meta(path):
    """The settings that made an output."""
    return pathlib.Path(f"{path}.meta.json")


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

    def test_an_output_never_is_an_input(self):
        self.write(3)
        link = self.folder / "link.jsonl"
        link.symlink_to(self.jobs)
        data = self.jobs.read_bytes()
        for out in (self.jobs, link):
            self.fails(1, *self.arguments, "-o", out, "--overwrite", saying="-o names the file of --jobs")
        self.fails(1, *self.arguments, "-o", self.folder / "out.jsonl", "--overwrite", "--invocations", self.jobs,
                   saying="--invocations names the file of --jobs")
        both = self.folder / "both.jsonl"
        self.fails(1, *self.arguments, "-o", both, "--overwrite", "--invocations", self.folder / "." / "both.jsonl",
                   saying="--invocations names the file of -o")
        self.assertFalse(both.exists())
        self.assertEqual(self.jobs.read_bytes(), data)
        self.ok(*self.arguments, "-o", "/dev/null", "--overwrite", "--invocations", "/dev/null")

    def test_an_output_is_not_carried_on_for_other_queries_or_passages(self):
        for form in ("jsonl", "trec"):
            out = self.folder / f"out.{form}"
            self.write(3)
            self.ok(*self.arguments, "-o", out)
            data = out.read_bytes()
            self.write(3, ["another text"])
            self.fails(1, *self.arguments, "-o", out, "--resume", saying="queries and passages")
            self.write(2)
            self.fails(1, *self.arguments, "-o", out, "--resume", saying="queries and passages was '3 queries")
            self.assertEqual(out.read_bytes(), data)
            self.write(4)  # a job may grow
            self.ok(*self.arguments, "-o", out, "--resume")
            self.write(3)
            self.fails(1, *self.arguments, "-o", out, "--resume", saying="queries and passages was '4 queries")
            self.write(4)
            # An older version did not note what it ranked.
            record = out.with_name(out.name + ".meta.json")
            made = json.loads(record.read_text())
            del made["settings"]["queries and passages"]
            record.write_text(json.dumps(made))
            self.ok(*self.arguments, "-o", out, "--resume")

    def test_text_that_is_no_text_is_repaired(self):
        lines = [job("a", "who", ["one \ud800", "two"]), job("b", "who", ["three", "four"])]
        self.jobs.write_bytes("\n".join(lines).encode().replace(b"three", b"thr\xffee"))
        ranked = [json.loads(line) for line in self.ok(*self.arguments).stdout.splitlines()]
        self.assertEqual([line["qid"] for line in ranked], ["a", "b"])
        self.jobs.write_text("\n".join([job("a", "who", ["one \uFFFD", "two"]), job("b", "who", ["thr\uFFFDee", "four"])]))
        same = [json.loads(line) for line in self.ok(*self.arguments).stdout.splitlines()]
        self.assertEqual([line["results"] for line in ranked], [line["results"] for line in same])

    def test_ids_that_no_trec_line_can_hold_are_refused_there(self):
        for qid in ("a b", "a\tb", "a\n\u001b"):
            self.jobs.write_text(job(qid, "who", ["one", "two"]))
            out = self.folder / "out.trec"
            self.fails(1, *self.arguments, "-o", out, saying="has a blank or a control character")
            self.assertFalse(out.exists())
            self.assertEqual(json.loads(self.ok(*self.arguments).stdout)["qid"], qid)

    def test_failures_may_be_allowed(self):
        self.jobs.write_text("\n".join([job("a\u001b", " ", ["one", "two"]), job("b", "who", ["one", "two"])]))
        done = self.ok(*self.arguments, "--allow-failures")
        self.assertIn("1 ranked, 1 failed", done.stderr)
        self.assertNotIn("\x1b", done.stderr)
        self.jobs.write_text(job("a", " ", ["one", "two"]))
        self.assertEqual(self.ok(*self.arguments, "--allow-failures", "--format", "trec").stdout,
                         "a Q0 p0 1 2.0 dear\na Q0 p1 2 1.0 dear\n")

    def test_a_recipe_that_does_not_fit_the_model_is_said_before_any_work(self):
        self.write(3)
        out = self.folder / "out.jsonl"
        self.fails(1, *self.arguments[:-4], "--recipe", "qwen3-reranker", "-o", out, saying="recipe qwen3-reranker: the answer")
        self.assertFalse(out.exists())

    def test_a_broken_line_is_said_before_any_work(self):
        self.write(3)
        with self.jobs.open("a") as file:
            file.write('{"query": {"text"\n')
        out = self.folder / "out.jsonl"
        self.fails(1, *self.arguments, "-o", out, saying="jobs.jsonl: line 4")
        self.assertFalse(out.exists())

    def test_queries_that_share_calls_rank_as_alone_and_the_end_says_what_it_took(self):
        lines = [job(f"t{i}", f"who was it {i}", ["one cat", "two dogs", "a bulb " * (1 + i % 5)][: 1 + i % 3]) for i in range(40)]
        lines[7] = job("t7", " ", ["one"])
        self.jobs.write_text("\n".join(lines))
        together = support.dear(*self.arguments)
        self.assertEqual(together.returncode, 1)
        results = [json.loads(line)["results"] for line in together.stdout.splitlines()]
        self.assertEqual(len(results), 40)
        for i in (0, 6, 8, 20, 39):
            alone = json.loads(self.ok(*self.arguments[:4], "-", *self.arguments[5:], stdin=lines[i]).stdout)
            self.assertEqual(alone["results"], results[i])
        self.assertRegex(together.stderr, r"dear: 40 queries in [0-9.]+ s \([0-9.]+ a second\): 39 ranked, 1 failed")
        # 32 passages at most go to the model at once.
        self.assertRegex(together.stderr, r"dear: 77 prompts in 3 calls of the model, \d+ passes; \d+ tokens read")
        self.assertEqual(support.dear(*self.arguments, "--quiet").stderr.count("\n"), 2)  # the warning and the error
        listwise = ["rerank", "-m", self.model, "--recipe", "dear-card", "--max-new-tokens", "6", "--jobs", self.jobs]
        answers = [line for line in support.dear(*listwise).stderr.splitlines() if "answers:" in line]
        self.assertRegex(answers[0], r"^dear: \d+ answers: \d+ ok, \d+ wrong_format, \d+ missing, \d+ repetition$")

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
        for suffix, form, kills in (("jsonl", "jsonl", 20), ("trec", "trec", 15), ("json", "rankllm", 15)):
            history = self.folder / f"{suffix}.history"
            arguments = [*self.arguments, "--format", form, "--invocations", history]
            whole = self.folder / f"whole.{suffix}"
            begin = time.monotonic()
            self.ok(*arguments, "-o", whole)
            seconds = time.monotonic() - begin
            invocations = history.read_bytes()
            history.unlink()
            out = self.folder / f"killed.{suffix}"
            for _ in range(kills):
                with subprocess.Popen([support.BINARY, *map(str, arguments), "-o", str(out), "--resume"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(rng.uniform(0, seconds / 10))
                    os.kill(process.pid, signal.SIGKILL)
                if form == "rankllm" and out.exists() and out.stat().st_size > 0:
                    json.loads(out.read_text())
            self.ok(*arguments, "-o", out, "--resume")
            self.assertEqual(untimed(out), untimed(whole))
            self.assertEqual(history.read_bytes(), invocations)

    def test_cut_at_any_byte(self):
        self.write(12)
        rng = random.Random(8)
        for suffix, form in (("jsonl", "jsonl"), ("trec", "trec"), ("json", "rankllm"), ("json", "rankgpt")):
            arguments = [*self.arguments, "--format", form]
            whole = self.folder / f"whole.{suffix}"
            self.ok(*arguments, "-o", whole, "--overwrite")
            out = self.folder / f"cut.{suffix}"
            data = whole.read_bytes()
            ends = [i + 1 for i, byte in enumerate(data) if byte == 10]
            for cut in rng.sample(ends, 4) + [rng.randrange(len(data)) for _ in range(6)]:
                out.write_bytes(data[:cut])
                # With and without the settings that stand beside an output.
                meta(out).unlink(missing_ok=True)
                if cut % 2 == 0:
                    shutil.copy(meta(whole), meta(out))
                done = self.ok(*arguments, "-o", out, "--resume")
                self.assertEqual("nothing says with which settings" in done.stderr, cut % 2 == 1 and cut > 0)
                self.assertEqual(untimed(out), untimed(whole), cut)

    def test_resume_refuses_what_was_made_otherwise(self):
        self.write(3)
        for name, form in (("out.jsonl", "jsonl"), ("out.trec", "trec"), ("out.json", "rankllm")):
            out = self.folder / name
            arguments = [*self.arguments, "--format", form, "-o", out]
            self.ok(*arguments, "--depth", "2")
            data = out.read_bytes()
            self.fails(1, *arguments, "--resume", saying="depth was '2' and is now not given")
            self.fails(1, *arguments, "--depth", "2", "--dtype", "bf16", "--resume", saying="dtype was not given and is now 'bf16'")
            self.fails(1, *self.arguments, "--format", "rankgpt", "-o", out, "--depth", "2", "--resume", saying="format was")
            threads = ["2" if word == "1" else word for word in arguments]
            self.ok(*threads, "--depth", "2", "--resume")
            self.assertEqual(untimed(out), untimed_text(form, data))
            # Of a file that has lost its settings, results that are signed still tell.
            meta(out).unlink()
            if form == "jsonl":
                other = ["dear-card" if word == "query-likelihood" else word for word in arguments]
                self.fails(1, *other, "--depth", "2", "--resume", saying="was made with model")
            self.ok(*arguments, "--depth", "2", "--resume")
            self.assertEqual(untimed(out), untimed_text(form, data))
        # The flags are compared before a model is loaded, its weights afterwards.
        out = self.folder / "out.trec"
        arguments = [*self.arguments, "--format", "trec", "-o", out, "--depth", "2", "--resume"]
        weights = self.model / "model.safetensors"
        whole = weights.read_bytes()
        weights.write_bytes(b"none")
        self.fails(1, *arguments, "--dtype", "bf16", saying="dtype was not given")
        self.fails(1, *arguments, saying="model.safetensors")
        start = 8 + int.from_bytes(whole[:8], "little")
        weights.write_bytes(whole[:start] + bytes(b ^ 1 if i % 4 == 0 else b for i, b in enumerate(whole[start:])))
        self.fails(1, *arguments, saying="weights sha256 was")
        weights.write_bytes(whole)
        self.ok(*arguments)
        out = self.folder / "out.jsonl"
        arguments = [*self.arguments, "--format", "jsonl", "-o", out, "--depth", "2", "--resume"]
        self.assertIn("nothing was left to do: ", self.ok(*arguments).stderr)
        recipe = self.folder / "mine.yaml"
        recipe.write_text((support.SOURCE / "recipes" / "query-likelihood.yaml").read_text())
        arguments = ["rerank", "-m", self.model, "--jobs", self.jobs, "--recipe", recipe, "-o", self.folder / "own.jsonl"]
        self.ok(*arguments)
        self.ok(*arguments, "--resume")
        with recipe.open("a") as file:
            file.write("# changed\n")
        self.fails(1, *arguments, "--resume", saying="recipe sha256")

    def test_a_resumed_job_counts_the_failures_before_it(self):
        good = ["one", "two"]
        self.jobs.write_text("\n".join([job("a", "who", good), job("b", " ", good), job("c", "who", good), job("d", "who", good)]))
        for name, form in (("out.jsonl", "jsonl"), ("out.trec", "trec"), ("out.json", "rankllm"), ("o.json", "rankgpt")):
            out = self.folder / name
            arguments = [*self.arguments, "--format", form, "-o", out, "--resume"]

            def says_one_failed():
                done = support.dear(*arguments)
                self.assertEqual(done.returncode, 1)
                self.assertIn("1 of 4 queries failed", done.stderr.splitlines()[-1])

            says_one_failed()
            data = out.read_bytes()
            self.assertEqual(json.loads(meta(out).read_text())["failed"], ["b"])
            says_one_failed()
            self.assertEqual(untimed(out), untimed_text(form, data))
            if form == "trec":
                out.write_bytes(data[:data.index(b"\nd ") + 1])
                says_one_failed()
                self.assertEqual(out.read_bytes(), data)

    def test_a_list_can_be_read_at_any_time_and_read_back(self):
        self.write(3)
        out = self.folder / "out.json"
        self.ok(*self.arguments, "--format", "rankllm", "-o", out)
        data = out.read_text()
        queries = json.loads(data)
        # As Python's json.dump(..., indent=2, ensure_ascii=False) would lay it out.
        self.assertEqual(data, json.dumps(queries, indent=2, ensure_ascii=False) + "\n")
        self.assertEqual(list(queries[0]), ["query", "candidates"])
        self.assertEqual(list(queries[0]["candidates"][0]), ["docid", "score", "doc"])
        again = self.ok("rerank", "-m", self.model, "--jobs", out, "--format", "jsonl").stdout.splitlines()
        self.assertEqual([json.loads(line)["qid"] for line in again], ["t0", "t1", "t2"])
        qrels = self.folder / "qrels.txt"
        qrels.write_text("t0 0 p0 1\nt1 0 p1 1\nt2 0 p2 1\n")
        lines = self.folder / "out.jsonl"
        self.ok(*self.arguments, "--format", "rankllm", "-o", lines)
        measures = [self.ok("eval", qrels, run, "-m", "ndcg", "-q").stdout for run in (out, lines)]
        self.assertEqual(*[[line for line in text.splitlines() if line.startswith("ndcg")] for text in measures])
        # Carried on, it is closed again before the next query is ranked: here that query never comes.
        whole = out.read_bytes()
        out.write_bytes(whole[: whole.rindex(b"  {")])
        record = json.loads(meta(out).read_text())
        del record["settings"]["queries and passages"]
        meta(out).write_text(json.dumps(record))
        self.jobs.write_text("".join(self.jobs.read_text().splitlines(keepends=True)[:2]))
        self.ok(*self.arguments, "--format", "rankllm", "-o", out, "--resume")
        self.assertEqual(json.loads(out.read_text()), queries[:2])

    def test_invocation_history(self):
        self.write(5)
        arguments = ["rerank", "-m", self.model, "--jobs", self.jobs, "--recipe", "rank-zephyr", "--chat-format", "zephyr",
                     "--max-new-tokens", "6",
                     "--window", "2", "--step", "1"]
        out, history = self.folder / "out.jsonl", self.folder / "history.json"
        self.ok(*arguments, "-o", out, "--invocations", history, "--trace")
        entries = json.loads(history.read_text())
        self.assertEqual(history.read_text(), json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
        for entry, line in zip(entries, map(json.loads, out.read_text().splitlines()), strict=True):
            self.assertEqual(entry["query"], {"text": line["query"], "qid": line["qid"]})
            calls = entry["invocations_history"]
            self.assertEqual([call["prompt"] for call in calls], [call["prompt"] for call in line["trace"]["calls"]])
            self.assertEqual([call["output_token_count"] for call in calls],
                             [len(call["output_ids"]) for call in line["trace"]["calls"]])
            self.assertEqual(sum(call["input_token_count"] for call in calls), line["usage"]["prompt_tokens"])
            self.assertEqual("\n".join(call["response"] for call in calls if call["response"]), line["text"])
            self.assertRegex("[2] > [1]", calls[0]["output_validation_regex"])
        # Killed between the two files: the history has a query more than the output.
        whole = [untimed(out), history.read_bytes()]
        out.write_bytes(b"".join(out.read_bytes().splitlines(keepends=True)[:2]))
        self.ok(*arguments, "-o", out, "--invocations", history, "--trace", "--resume")
        self.assertEqual([untimed(out), history.read_bytes()], whole)
        history.unlink()
        self.fails(1, *arguments, "-o", out, "--invocations", history, "--trace", "--resume", saying="holds 0 of the 5")
        # Of scored prompts nothing is written by the model.
        lines = self.folder / "history.jsonl"
        self.ok(*self.arguments, "--invocations", lines)
        first = json.loads(lines.read_text().splitlines()[0])["invocations_history"]
        self.assertEqual([(call["response"], call["output_token_count"]) for call in first], [("", 0)] * 3)

    def test_memory_does_not_grow_with_the_queries(self):
        peaks = []
        for count in (50, 2000):
            # The text is long and the depth small: reading is what is measured.
            line = job("QID", "who", ["word " * 600] * 10) + "\n"
            with self.jobs.open("w") as file:
                for i in range(count):
                    file.write(line.replace("QID", f"t{i}"))
            peaks.append(support.peak_memory(*self.arguments, "--depth", "1", "--max-passage-words", "2", "--quiet",
                                             "-o", self.folder / f"{count}.jsonl"))
        self.assertLess(peaks[1], peaks[0] + 8 * 1024, "KiB; the larger file has 60 MB")


if __name__ == "__main__":
    unittest.main()
