"""dear label: a teacher makes training data, which dear train takes; killed and carried on to the same bytes."""
import json
import os
import random
import signal
import subprocess
import time
import unittest

import support

FLOWS = support.SOURCE / "tests" / "golden" / "flows"
LETTERS = "abcdefgh"


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


class Label(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        self.rows = self.folder / "rows.jsonl"
        self.out = self.folder / "out.jsonl"
        self.scored = ["label", "-m", self.model, "--recipe", "query-likelihood", "--threads", "1"]
        self.listwise = ["label", "-m", FLOWS / "listwise", "--decoding", "constrained", "--threads", "1"]
        self.write(6)

    def write(self, count, broken=()):
        rng = random.Random(3)
        rows = []
        for i in range(count):
            letters = rng.sample(LETTERS, 4)
            rows.append({"query": letters[0] * 3, "query_id": i, "positive": letters[0] * 6,
                         "negatives": [letter * 6 for letter in letters[1:]]})
            if i in broken:
                del rows[-1]["positive"], rows[-1]["negatives"]
        self.rows.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return rows

    def test_an_output_never_is_an_input(self):
        before = self.rows.read_bytes()
        self.fails(1, *self.scored, self.rows, "-o", self.rows, "--overwrite", saying="-o names the file of the rows")
        self.assertEqual(self.rows.read_bytes(), before)

    def train(self, *arguments):
        config = self.folder / "train.yaml"
        config.write_text(f"model_name_or_path: {self.model}\nfinetuning_type: lora\nlora_rank: 2\ntemplate: plain\n"
                          f"dataset: {self.out}\nper_device_train_batch_size: 2\ngradient_accumulation_steps: 1\n"
                          f"max_steps: 2\noutput_dir: {self.folder}/adapter\noverwrite_output_dir: true\n")
        plan = json.loads(self.ok("train", config, "--dry-run", "--json", *arguments).stdout)
        self.ok("train", config, "--quiet", *arguments)
        self.assertTrue((self.folder / "adapter/adapter_model.safetensors").exists())
        return plan

    def test_scores_are_those_of_the_ranking_and_are_trained_on(self):
        rows = self.write(6)
        report = json.loads(self.ok(*self.scored, self.rows, "-o", self.out, "--json").stdout)
        self.assertEqual((report["form"], report["rows"], report["written"], report["dropped"]), ("scores", 6, 6, {}))
        self.assertGreater(report["prompt_tokens"], 0)
        for row, labelled in zip(rows, lines(self.out)):
            self.assertEqual({key: labelled[key] for key in row}, row)
            passages = [row["positive"], *row["negatives"]]
            documents = [word for passage in passages for word in ("-d", passage)]
            ranked = json.loads(self.ok("rerank", *self.scored[1:], "-q", row["query"], *documents).stdout)
            scores = {result["index"]: result["score"] for result in ranked["results"]}
            self.assertEqual(labelled["pos_scores"] + labelled["neg_scores"], [scores[i] for i in range(4)])
        plan = self.train("stage=pointwise", "loss=ranknet_teacher", "kl_weight=0.1", "passages_per_query=4")
        self.assertEqual((plan["items"], plan["dropped"]), (6, 0))

    def test_an_order_of_a_listwise_teacher_keeps_labels_and_is_trained_on(self):
        report = json.loads(self.ok(*self.listwise, self.rows, "-o", self.out, "--shuffle", "1", "--json").stdout)
        self.assertEqual((report["form"], report["written"]), ("order", 6))
        for row in lines(self.out):
            self.assertEqual(sorted(row["order"]), [0, 1, 2, 3])
            self.assertEqual((row["labels"], len(row["passages"])), ([1, 0, 0, 0], 4))
            self.assertEqual(row["teacher"]["recipe"], "dear-card")
        plan = self.train("stage=pointwise", "loss=list_mle", "passages_per_query=4")
        self.assertEqual((plan["items"], plan["dropped"]), (6, 0))

    def test_a_shuffled_list_is_labelled_in_the_words_of_the_row(self):
        # Scores depend on the passages alone, and so do orders by score.
        mixed = self.folder / "mixed.jsonl"
        for form in ("scores", "order"):
            self.ok(*self.scored, self.rows, "-o", self.out, "--form", form, "--overwrite")
            self.ok(*self.scored, self.rows, "-o", mixed, "--form", form, "--shuffle", "5", "--overwrite")
            self.assertEqual(mixed.read_bytes(), self.out.read_bytes())

    def test_prompts_and_answers_of_a_scoring_teacher(self):
        arguments = [*self.scored, self.rows, "--form", "sft"]
        done = self.ok(*arguments, "-o", self.out)
        self.assertIn("template: plain", done.stderr)
        self.assertIn("--shuffle", done.stderr)
        orders = self.folder / "orders.jsonl"
        self.ok(*self.scored, self.rows, "-o", orders, "--form", "order")
        for sft, order in zip(lines(self.out), lines(orders)):
            self.assertEqual(sft["output"], " > ".join(f"[{i}]" for i in order["order"]))
            shown = [line for line in sft["instruction"].splitlines() if line.startswith("[")]
            self.assertEqual(shown, [f"[{i}] {passage}" for i, passage in enumerate(order["passages"])])
        plan = self.train("stage=sft", "cutoff_len=600")
        self.assertEqual((plan["items"], plan["dropped"]), (6, 0))
        # Mixed: the answer names the same passages by other numbers.
        mixed = self.folder / "mixed.jsonl"
        self.ok(*arguments, "-o", mixed, "--shuffle", "1", "--prompt-recipe", "rank-gpt")
        first = set()
        for sft, order in zip(lines(mixed), lines(orders)):
            shown = [question.split("] ")[1] for question, _ in sft["history"][1:]]
            first.add(order["passages"].index(shown[0]))
            answer = [shown[int(word[1:-1]) - 1] for word in sft["output"].split(" > ")]
            self.assertEqual(answer, [order["passages"][i] for i in order["order"]])
        self.assertGreater(len(first), 1)

    def test_reasoning_stands_before_the_answer(self):
        # Whatever the model writes, its last letter ends the reasoning.
        teacher = self.folder / "teacher.yaml"
        marks = ", ".join(f'"{letter}"' for letter in "zyxwvutsrqponmlkjihgfedcba")
        teacher.write_text("description: d\nkind: listwise\nids: zero_based\npassage: {cut: {chars: 99}}\n"
                           "prompt: {text: 'Rank for {query}.\n\n{passages}', passage: '[{id}] {passage}'}\n"
                           "decoding: {enough_for_ranking: {}}\nanswer: {pattern: '\\[(\\d+)\\]'}\n"
                           f"reasoning: {{always: true, after: [{marks}], max_new_tokens: 40}}\n")
        arguments = [*self.listwise[:3], "--recipe", teacher, self.rows, "--form", "sft", "-o", self.out]
        self.ok(*arguments, "--keep-repaired")
        reasoned = [row for row in lines(self.out) if not row["output"].startswith("[")]
        self.assertGreater(len(reasoned), 0)
        for row in reasoned:
            self.assertRegex(row["output"], r"(?s)^.+\n### Final Reranking: \[\d\]( > \[\d\]){3}$")
        for changes, saying in ((["--prompt-recipe", "rank-zephyr"], "numbers the passages from 1"), (["--fuse", "rrf"], "--fuse")):
            self.fails(1, *arguments, "--overwrite", "--quiet", *changes, saying=saying)
        self.fails(1, *self.scored, self.rows, "--form", "sft", "--prompt-recipe", "reason-rank", "--quiet", "--overwrite",
                   "-o", self.out, saying="demands reasoning")

    def test_answers_that_are_no_permutation_are_counted(self):
        arguments = [*self.listwise[:3], "--max-new-tokens", "3", self.rows, "-o", self.out]
        line = self.fails(1, *arguments, "--quiet", saying="not one of 6 rows")
        self.assertIn("out.jsonl", line)
        self.assertEqual(self.out.read_text(), "")
        done = self.ok(*arguments, "--overwrite", "--keep-repaired", "--json")
        report = json.loads(done.stdout)
        self.assertEqual((report["written"], report["repaired"]), (6, 6))
        self.assertTrue(all(row["teacher"]["repair"] in ("wrong_format", "missing") for row in lines(self.out)))
        self.assertIn("(6 repaired)", done.stderr)

    def test_rows_that_hold_no_ranking_are_dropped_and_named(self):
        self.write(5, broken={1, 3})
        done = self.ok(*self.scored, self.rows, "-o", self.out, "--json")
        self.assertEqual(json.loads(done.stdout)["dropped"], {"not_a_ranking": 2})
        self.assertEqual([row["teacher"]["row"] for row in lines(self.out)], [1, 3, 5])
        self.assertIn("rows.jsonl:2: ", done.stderr)
        self.assertIn("3 written", done.stderr)
        with self.rows.open("a") as file:
            file.write('{"query": \n')
        self.fails(1, *self.scored, self.rows, "-o", self.folder / "other", saying="rows.jsonl:6")
        self.assertFalse((self.folder / "other").exists())

    def test_carried_on_with_the_same_settings_and_no_others(self):
        self.ok(*self.scored, self.rows, "-o", self.out)
        whole = self.out.read_bytes()
        self.fails(1, *self.scored, self.rows, "-o", self.out, saying="already there")
        self.out.write_bytes(whole[: len(whole) // 2])
        self.ok(*self.scored, self.rows, "-o", self.out, "--resume")
        self.assertEqual(self.out.read_bytes(), whole)
        again = self.ok(*self.scored, self.rows, "-o", self.out, "--resume", "--json")
        self.assertEqual(json.loads(again.stdout)["rows_before"], 6)
        self.assertIn("nothing was left to do", again.stderr)
        for change, saying in ((["--form", "order"], "form"), (["--instruction", "cats"], "instruction"),
                               (["--shuffle", "1"], "shuffle"), (["--max-query-words", "2"], "max-query-words")):
            self.fails(1, *self.scored, self.rows, "-o", self.out, "--resume", *change, saying=saying)
        other = support.copy_model("qwen2", self.folder)
        self.fails(1, *self.scored[:2], other, *self.scored[3:], self.rows, "-o", self.out, "--resume", saying="model")
        self.write(7)
        self.fails(1, *self.scored, self.rows, "-o", self.out, "--resume", saying="rows sha256")
        self.write(6)
        os.remove(f"{self.out}.meta.json")
        self.fails(1, *self.scored, self.rows, "-o", self.out, "--resume", saying="how it was made")
        self.assertEqual(self.out.read_bytes(), whole)
        self.ok(*self.scored, self.rows, "-o", self.out, "--overwrite", "--form", "order")
        self.assertNotEqual(self.out.read_bytes(), whole)

    def test_a_limit_may_grow(self):
        self.ok(*self.scored, self.rows, "-o", self.folder / "whole")
        self.ok(*self.scored, self.rows, "-o", self.out, "--limit", "2")
        self.assertEqual(len(lines(self.out)), 2)
        self.ok(*self.scored, self.rows, "-o", self.out, "--limit", "4", "--resume")
        self.ok(*self.scored, self.rows, "-o", self.out, "--resume")
        self.assertEqual(self.out.read_bytes(), (self.folder / "whole").read_bytes())

    def test_killed_at_random_moments_it_ends_in_the_same_bytes(self):
        self.write(300, broken={0, 1, 50, 299})
        rng = random.Random(7)
        for form in ("scores", "sft"):
            arguments = [*self.scored, self.rows, "--form", form, "--shuffle", "3"]
            whole = self.folder / f"whole.{form}"
            begin = time.monotonic()
            self.ok(*arguments, "-o", whole)
            seconds = time.monotonic() - begin
            out = self.folder / f"killed.{form}"
            for _ in range(8):
                with subprocess.Popen([support.BINARY, *map(str, arguments), "-o", str(out), "--resume"],
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
                    time.sleep(rng.uniform(0, seconds / 3))
                    process.send_signal(signal.SIGKILL)
            self.ok(*arguments, "-o", out, "--resume")
            self.assertEqual(out.read_bytes(), whole.read_bytes())

    def test_interrupted_it_says_what_is_done(self):
        self.write(3000)
        arguments = [support.BINARY, *map(str, self.scored), str(self.rows), "-o", str(self.out)]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 60
            while not (self.out.exists() and self.out.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read().decode()
        self.assertEqual(process.returncode, 1)
        self.assertRegex(said.splitlines()[-1], r"\d+ of 3000 rows are done and written to .*--resume carries on")
        for line in self.out.read_text().splitlines():
            json.loads(line)

    def test_a_run_and_requests_give_the_same_labels(self):
        texts = {"d1": "aaaa", "d2": "bbbb", "d3": "cccc"}
        (self.folder / "run").write_text("q1 Q0 d2 1 9 t\nq1 Q0 d1 2 8 t\nq2 Q0 d3 1 5 t\nq2 Q0 d1 2 4 t\n")
        (self.folder / "topics.tsv").write_text("q1\tab\nq2\tca\n")
        (self.folder / "corpus.tsv").write_text("".join(f"{i}\t{text}\n" for i, text in texts.items()))
        self.ok(*self.scored, "--run", self.folder / "run", "--topics", self.folder / "topics.tsv",
                "--corpus", self.folder / "corpus.tsv", "-o", self.out)
        labelled = lines(self.out)
        self.assertEqual([row["query"]["qid"] for row in labelled], ["q1", "q2"])
        self.assertEqual([c["previous_score"] for c in labelled[0]["candidates"]], [9, 8])
        requests = [{"query": row["query"], "candidates": [{"docid": c["docid"], "score": c["previous_score"], "doc": c["doc"]}
                                                           for c in row["candidates"]]} for row in labelled]
        jobs = self.folder / "jobs.jsonl"
        jobs.write_text("".join(json.dumps(request) + "\n" for request in requests))
        self.ok(*self.scored, jobs, "-o", self.folder / "again")
        self.assertEqual([row["scores"] for row in lines(self.folder / "again")], [row["scores"] for row in labelled])
        # By the judgements of a qrels file they are training data.
        (self.folder / "qrels").write_text("q1 0 d1 1\nq2 0 d3 1\n")
        entry = {"labelled": {"file_name": self.out.name, "qrels": "qrels"}}
        (self.folder / "dataset_info.json").write_text(json.dumps(entry))
        plan = self.train("stage=pointwise", "loss=ranknet_teacher", "dataset=labelled", f"dataset_dir={self.folder}")
        self.assertEqual(plan["items"], 2)

    def test_several_rows_share_calls_and_threads_change_no_byte(self):
        self.write(40)
        self.ok(*self.scored, self.rows, "-o", self.out)
        other = self.folder / "other.jsonl"
        done = self.ok(*self.scored[:-1], "2", self.rows, "-o", other)
        self.assertEqual(other.read_bytes(), self.out.read_bytes())
        self.assertRegex(done.stderr, r"160 prompts in 5 calls of the model")

    def test_what_is_wrong_is_named(self):
        out = ["-o", self.out]
        self.fails(2, *self.scored, self.rows, saying="--output")
        self.fails(2, *self.scored, *out, saying="--run")
        self.fails(2, *self.scored, self.rows, "--run", "x", "--corpus", "y", *out, saying="--run")
        self.fails(2, *self.scored, "--run", "x", *out, saying="--corpus")
        self.fails(2, *self.scored, self.rows, *out, "--prompt-recipe", "dear-card", saying="--form sft")
        self.fails(2, *self.scored, self.rows, *out, "--resume", "--overwrite", saying="--overwrite")
        self.fails(2, *self.scored, self.rows, *out, "--depth", "3", saying="--depth")
        self.fails(1, *self.scored, self.folder / "absent", *out, saying="absent")
        self.fails(1, *self.listwise, "--form", "scores", self.rows, *out, saying="--form scores")
        self.fails(1, *self.scored, "--quiet", "--form", "sft", "--prompt-recipe", "first", self.rows, *out, saying="first")
        self.fails(1, *self.scored, "--quiet", "--form", "sft", "--prompt-recipe", "yes-no", self.rows, *out, saying="listwise")
        self.fails(1, *self.scored, "--quiet", "--form", "sft", "--prompt-recipe", "no-such", self.rows, *out, saying="no-such")
        self.assertFalse(self.out.exists())


@unittest.skipUnless(support.SMOLLM2.exists(), "the default model is not there")
class LabelWithTheDefaultModel(support.Case):
    def test_the_trained_prompt_is_the_one_that_ranks(self):
        rows = self.folder / "rows.jsonl"
        out = self.folder / "sft.jsonl"
        passages = support.PASSAGES
        rows.write_text(json.dumps({"query": support.QUERY, "passages": passages}) + "\n")
        self.ok("label", "-m", "smollm2-135m-instruct", "--recipe", "query-likelihood", rows, "-o", out, "--form", "sft",
                "--prompt-recipe", "rank-zephyr", "--quiet")
        row, = lines(out)
        self.assertTrue(row["output"].startswith("[5] > "), row["output"])  # the one that says so
        config = self.folder / "sft.yaml"
        config.write_text(f"model_name_or_path: smollm2-135m-instruct\nstage: sft\ndataset: {out}\ntemplate: auto\n"
                          f"output_dir: {self.folder}/adapter\nper_device_train_batch_size: 1\nmax_steps: 2\nlora_rank: 2\n")
        plan = json.loads(self.ok("train", config, "--dry-run", "--json").stdout)
        prompt, answer = plan["examples"][0]
        self.assertEqual((prompt["trained"], answer["trained"]), (False, True))
        documents = [word for passage in passages for word in ("-d", passage)]
        ranked = self.ok("rerank", "-q", support.QUERY, *documents, "--recipe", "rank-zephyr", "--max-new-tokens", "1",
                         "--trace", "--quiet")
        trace = json.loads(ranked.stdout)["trace"]
        ids = self.ok("tokenize", "--json-lines", "--no-special", stdin=json.dumps(prompt["text"]) + "\n").stdout
        self.assertEqual(json.loads(ids), trace["prompt_ids"])
        self.assertEqual(prompt["text"], trace["prompt"])
        self.assertTrue(answer["text"].startswith(row["output"] + "<|im_end|>"))
        self.ok("train", config, "--quiet", "gradient_accumulation_steps=1")
        self.assertTrue((self.folder / "adapter/adapter_model.safetensors").exists())


if __name__ == "__main__":
    unittest.main()
