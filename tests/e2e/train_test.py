"""dear train: from a YAML file to an adapter that is served, on tiny models."""
import json
import pathlib
import random
import signal
import subprocess
import time
import unittest

import support

CONFIG = """model_name_or_path: {model}
stage: sft
do_train: true
finetuning_type: lora
lora_rank: 4
lora_target: q_proj,v_proj,down_proj
lora_dropout: 0.1
dataset: echo
dataset_dir: {folder}
template: default
cutoff_len: 64
output_dir: {folder}/out
overwrite_cache: true
logging_steps: 1
save_steps: 4
learning_rate: 1.0e-2
num_train_epochs: 3.0
per_device_train_batch_size: 2
gradient_accumulation_steps: 2
lr_scheduler_type: cosine
warmup_ratio: 0.1
"""


class Train(support.Case):
    def setUp(self):
        super().setUp()
        self.model = support.copy_model("llama", self.folder)
        words = random.Random(1)
        rows = []
        for _ in range(22):
            text = "".join(words.choice("abcde") for _ in range(6))
            rows.append({"instruction": "say", "input": text, "output": text})
        self.write_rows(rows)
        (self.folder / "dataset_info.json").write_text(json.dumps({"echo": {"file_name": "rows.json"}}))
        self.config = self.folder / "sft.yaml"
        self.config.write_text(CONFIG.format(model=self.model, folder=self.folder))
        self.out = self.folder / "out"

    def write_rows(self, rows):
        (self.folder / "rows.json").write_text(json.dumps(rows))

    def weights(self, folder="out"):
        return (self.folder / folder / "adapter_model.safetensors").read_bytes()

    def log(self, folder="out"):
        return [json.loads(line) for line in (self.folder / folder / "trainer_log.jsonl").read_text().splitlines()]

    def test_an_adapter_that_learned_and_is_served(self):
        result = json.loads(self.ok("train", self.config, "--json", "--quiet").stdout)
        self.assertEqual(result["steps"], 18)  # 22 rows in 2 x 2: 6 steps an epoch
        log = self.log()
        self.assertEqual([entry["current_steps"] for entry in log], list(range(1, 19)))
        self.assertEqual({entry["total_steps"] for entry in log}, {18})
        self.assertEqual(log[0]["lr"], 0)
        self.assertLess(sum(e["loss"] for e in log[-3:]), 0.9 * sum(e["loss"] for e in log[:3]))
        self.assertAlmostEqual(result["train_loss"], sum(e["loss"] for e in log) / 18, places=9)
        config = json.loads((self.out / "adapter_config.json").read_text())
        self.assertEqual((config["r"], config["lora_alpha"], config["peft_type"], config["task_type"]),
                         (4, 8, "LORA", "CAUSAL_LM"))
        self.assertEqual(pathlib.Path(config["base_model_name_or_path"]), self.model)
        for name in ["README.md", "trainer_state.json", "train_results.json", "all_results.json"]:
            self.assertTrue((self.out / name).exists(), name)
        # The adapter finds its base by itself, and changes what the model says.
        ids = ["--ids", "-", "-o", "-"]
        base = support.read_npy(self.ok("logits", "-m", self.model, *ids, stdin="[2, 3, 4]", binary=True).stdout)
        tuned = support.read_npy(self.ok("logits", "-m", self.out, *ids, stdin="[2, 3, 4]", binary=True).stdout)
        self.assertNotEqual(base, tuned)
        self.ok("rerank", "-m", self.out, "-q", "abc", "-d", "abc", "-d", "ecd", "--recipe", "query-likelihood")
        self.ok("merge", "-m", self.out, self.folder / "merged")

    def test_threads_and_memory_change_no_bit(self):
        self.ok("train", self.config, "--quiet", "max_steps=5", "threads=1")
        self.ok("train", self.config, "--quiet", "max_steps=5", "threads=2", "memory_budget=36MiB",
                f"output_dir={self.folder}/small")
        plan = json.loads(self.ok("train", self.config, "--dry-run", "--json", "memory_budget=36MiB").stdout)
        self.assertEqual(self.weights(), self.weights("small"))
        self.assertLessEqual(plan["kept_layers"], 2)

    def test_killed_and_gone_on_with_ends_in_the_same_bits(self):
        self.ok("train", self.config, "--quiet", f"output_dir={self.folder}/whole", "num_train_epochs=30")
        arguments = [support.BINARY, "train", str(self.config), "--quiet", "num_train_epochs=30"]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while not list(self.out.glob("checkpoint-*[0-9]")) and time.monotonic() < deadline:
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
        self.assertTrue(list(self.out.glob("checkpoint-*[0-9]")))
        self.assertFalse((self.out / "adapter_model.safetensors").exists())
        self.ok("train", self.config, "--quiet", "num_train_epochs=30", "resume_from_checkpoint=true")
        self.assertEqual(self.weights(), self.weights("whole"))
        losses = [entry["loss"] for entry in self.log()]
        self.assertEqual(losses, [entry["loss"] for entry in self.log("whole")])

    def test_interrupted_it_finishes_the_step_and_leaves_a_checkpoint(self):
        arguments = [support.BINARY, "train", str(self.config), "num_train_epochs=3000", "save_strategy=no"]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            deadline = time.monotonic() + 60
            log = self.out / "trainer_log.jsonl"
            while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            said = process.stderr.read().decode()
        self.assertEqual(process.returncode, 1)
        folder, = self.out.glob("checkpoint-*[0-9]")
        self.assertTrue((folder / "training_state.json").exists())
        self.assertIn(f"goes on from {folder}", said.splitlines()[-1])

    def test_dry_run_writes_nothing_and_shows_the_mask(self):
        plan = json.loads(self.ok("train", self.config, "--dry-run", "--json").stdout)
        self.assertEqual((plan["items"], plan["total_steps"], len(plan["examples"])), (22, 18, 3))
        self.assertEqual(plan["longest_item"] * 22 >= plan["epoch_tokens"], True)
        self.assertTrue(0 < plan["estimated_seconds"] < 60)
        masked = [part["trained"] for part in plan["examples"][0]]
        self.assertEqual(masked, [False, True])
        self.assertIn("</s>", plan["examples"][0][1]["text"])
        self.assertFalse(self.out.exists())
        self.assertIn("⟦", self.ok("train", self.config, "--dry-run").stdout)

    def test_rows_that_cannot_be_used_are_counted_and_named(self):
        rows = json.loads((self.folder / "rows.json").read_text())
        self.write_rows(rows[:4] + [{"instruction": "say"}, {"instruction": "", "output": ""}] + rows[4:])
        done = self.ok("train", self.config, "--dry-run", "--json")
        self.assertEqual(json.loads(done.stdout)["items"] + json.loads(done.stdout)["dropped"], 24)
        self.assertGreaterEqual(json.loads(done.stdout)["dropped"], 1)
        self.assertIn("rows.json", done.stderr)

    def test_evaluation_curves_and_events(self):
        self.ok("train", self.config, "--quiet", "val_size=4", "eval_strategy=steps", "eval_steps=5", "plot_loss=true",
                "report_to=tensorboard")
        evaluations = [e for e in self.log() if "eval_loss" in e]
        self.assertEqual([e["current_steps"] for e in evaluations], [5, 10, 15])  # 18 rows: 5 steps an epoch
        self.assertTrue((self.out / "training_loss.svg").read_text().startswith("<svg"))
        self.assertEqual(len(list(self.out.glob("runs/*/events.out.tfevents.*"))), 1)

    def test_what_is_wrong_is_named(self):
        train = ["train", self.config]
        self.fails(1, "train", self.folder / "absent.yaml", saying="absent.yaml")
        self.fails(1, *train, "learning_rat=1", saying="learning_rat")
        self.fails(1, *train, "stage=dpo", saying="stage")
        self.fails(1, *train, "template=no-such", saying="no-such")
        self.fails(1, *train, "dataset=absent", saying="absent")
        self.fails(1, *train, "finetuning_type=full", saying="finetuning_type")
        self.fails(1, *train, "lora_target=no_proj", saying="q_proj")
        self.fails(1, *train, "model_name_or_path=no/such", saying="no/such")
        self.fails(1, *train, "resume_from_checkpoint=true", saying="no checkpoint")
        self.fails(1, *train, "memory_budget=1MiB", saying="memory_budget")
        self.fails(1, *train, "cutoff_len=1", saying="cutoff_len")
        (self.folder / "rows.json").write_text('[{"instruction": "a", "output": "b"}, {"instr')
        self.fails(1, *train, saying="rows.json")
        self.assertFalse(self.out.exists())

    def test_another_training_is_not_written_over(self):
        self.ok("train", self.config, "--quiet", "max_steps=4")
        before = self.weights()
        self.fails(1, *["train", self.config, "--quiet"], saying="overwrite_output_dir")
        self.assertEqual(self.weights(), before)
        self.fails(1, "train", self.config, "--quiet", "max_steps=4", "resume_from_checkpoint=true", "seed=7",
                   saying="seed")
        for setting, saying in [("weight_decay=0.1", "weight_decay"), ("lora_alpha=3", "adapter's settings"),
                                ("train_on_prompt=true", "epoch trained tokens"), ("warmup_ratio=0.5", "warm-up")]:
            self.fails(1, "train", self.config, "--quiet", "max_steps=4", "resume_from_checkpoint=true", setting, saying=saying)
        other = support.copy_model("llama_biases", self.folder)
        self.fails(1, "train", self.config, "--quiet", "max_steps=4", "resume_from_checkpoint=true",
                   f"model_name_or_path={other}", saying="base model")
        self.ok("train", self.config, "--quiet", "max_steps=4", "overwrite_output_dir=true", "seed=7")
        self.assertNotEqual(self.weights(), before)

    def test_a_training_that_runs_away_stops(self):
        self.ok("train", self.config, "--quiet", "max_steps=4")
        line = self.fails(1, "train", self.config, "--quiet", "max_steps=400", "learning_rate=1e9", "max_grad_norm=0",
                          "overwrite_output_dir=true", "save_steps=1", "save_total_limit=1", "lr_scheduler_type=constant")
        self.assertRegex(line, r"step \d+: .*(overflow|NaN|infinite).*learning rate")
        self.assertGreaterEqual(len(list(self.out.glob("checkpoint-*[0-9]"))), 1)

    def test_goes_on_from_another_adapter_and_over_four_bits(self):
        self.ok("train", self.config, "--quiet", "max_steps=4")
        self.ok("train", self.config, "--quiet", "max_steps=4", f"adapter_name_or_path={self.out}", "learning_rate=0",
                f"output_dir={self.folder}/again")
        self.assertEqual(self.weights(), self.weights("again"))
        four = ["quantization_bit=4", "quantization_type=nf4", "double_quantization=true", f"output_dir={self.folder}/four"]
        self.ok("train", self.config, "--quiet", *four)
        losses = [entry["loss"] for entry in self.log("four")]
        self.assertLess(sum(losses[-3:]), 0.9 * sum(losses[:3]))
        gguf = self.folder / "base.gguf"
        self.ok("quantize", "-m", self.model, "--to", "q8_0", gguf)
        self.ok("train", self.config, "--quiet", f"model_name_or_path={gguf}", f"output_dir={self.folder}/gguf", "max_steps=3")

    def test_a_pointwise_reranker_that_is_served_by_the_recipe_it_learned(self):
        words = random.Random(2)
        rows = []
        for _ in range(24):
            letters = words.sample("abcdefgh", 4)
            rows.append({"query": letters[0] * 3, "positive": letters[0] * 6, "pos_scores": [3.0],
                         "negatives": [letter * 6 for letter in letters[1:]], "neg_scores": [0.5, -1.0, -2.0]})
        (self.folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        arguments = ["train", self.config, "--quiet", "--json", "stage=pointwise", f"dataset={self.folder}/pairs.jsonl",
                     "template=", "loss=ranknet_teacher", "kl_weight=0.1", "passages_per_query=4", "num_train_epochs=8"]
        self.ok(*arguments)
        log = self.log()
        self.assertLess(sum(e["loss"] for e in log[-5:]), 0.9 * sum(e["loss"] for e in log[:5]))
        config = json.loads((self.out / "adapter_config.json").read_text())
        self.assertEqual((config["task_type"], config["modules_to_save"]), ("SEQ_CLS", ["score"]))
        self.assertEqual(json.loads(self.ok("show", self.out, "--json").stdout)["recipe"], "dear-pointwise-card")
        ranked = json.loads(self.ok("rerank", "-m", self.out, "-q", "ccc", "-d", "aaaaaa", "-d", "cccccc").stdout)
        self.assertEqual(sorted(ranked["permutation"]), [0, 1])
        self.fails(1, *arguments, "loss=no_such", saying="no_such")
        self.fails(1, *arguments, "recipe=dear-card", saying="is of kind listwise, but the stage asks for pointwise")
        self.fails(1, *arguments, "recipe=query-likelihood", saying="asks for pointwise")

    def test_a_query_likelihood_that_learned_to_tell_passages_apart(self):
        words = random.Random(3)
        rows = []
        for _ in range(30):
            letters = words.sample("abcdefgh", 4)
            rows.append({"query": letters[0] * 3, "positive": letters[0] * 6, "negatives": [c * 6 for c in letters[1:]]})
        (self.folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        recipe = self.folder / "short.yaml"
        recipe.write_text('kind: query_likelihood\nprompt: {text: "{passage} ", special_tokens: true}\ncontinuation: "{query}"\n')
        arguments = ["train", self.config, "--quiet", "--json", "stage=likelihood", f"dataset={self.folder}/pairs.jsonl",
                     "template=", "loss=softmax_ce", "passages_per_query=4", "num_train_epochs=10", "lora_dropout=0",
                     f"recipe={recipe}"]
        dry = self.ok(*[a for a in arguments if a not in ("--json", "--quiet")], "--dry-run")
        self.assertRegex(dry.stdout, r"⟧<s>(\w)\1{5} ⟦(\w)\2{2} label 0.0")
        self.ok(*arguments)
        log = self.log()
        self.assertLess(sum(e["loss"] for e in log[-5:]), 0.8 * sum(e["loss"] for e in log[:5]))
        config = json.loads((self.out / "adapter_config.json").read_text())
        self.assertEqual((config["task_type"], config["modules_to_save"]), ("CAUSAL_LM", None))
        recipe.unlink()  # a copy of it stands beside the adapter
        # What it learned shows in the scores by which it is served.
        right = 0
        for letter in "abcdefgh":
            passages = [a for other in "hgfedcba" for a in ("-d", other * 6)]
            ranked = json.loads(self.ok("rerank", "-m", self.out, "-q", letter * 3, *passages).stdout)
            right += "hgfedcba"[ranked["permutation"][0]] == letter
        self.assertGreaterEqual(right, 6)
        self.fails(1, *arguments, "recipe=yes-no", saying="asks for query_likelihood")


if __name__ == "__main__":
    unittest.main()
