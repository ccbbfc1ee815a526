"""dear train: from a YAML file to an adapter that is served, on tiny models."""
import array
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

    def magnitudes(self, folder):
        data = self.weights(folder)
        start = 8 + int.from_bytes(data[:8], "little")
        numbers = array.array("f")
        for name, entry in json.loads(data[8:start]).items():
            if name.endswith(".lora_magnitude_vector"):
                first, last = entry["data_offsets"]
                numbers.frombytes(data[start + first:start + last])
        return numbers

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

    def test_packed_rows_learn_what_their_examples_would(self):
        rows = json.loads((self.folder / "rows.json").read_text())
        self.write_rows([*rows, {"instruction": "say", "input": "a" * 300, "output": "b" * 300}])
        one = ["--quiet", "per_device_train_batch_size=64", "gradient_accumulation_steps=1", "max_steps=4",
               "lora_dropout=0", "cutoff_len=255", "lr_scheduler_type=constant", "warmup_ratio=0"]
        self.ok("train", self.config, *one)
        # A packed row ends one token before cutoff_len, as in LLaMA-Factory, and so does an example.
        self.ok("train", self.config, *one, "cutoff_len=256", "packing=true", f"output_dir={self.folder}/packed")
        for plain, packed in zip(self.log(), self.log("packed"), strict=True):
            self.assertAlmostEqual(packed["loss"], plain["loss"], delta=1e-6 * plain["loss"])
        plain = json.loads(self.ok("train", self.config, "--dry-run", "--json", "cutoff_len=255").stdout)
        done = self.ok("train", self.config, "--dry-run", "--json", "packing=true", "cutoff_len=256")
        self.assertIn("packing: the examples of a row do not see each other", done.stderr)
        plan = json.loads(done.stdout)
        self.assertEqual((plain["packed"], plain["items"], plan["packed"]), (0, 23, 23))
        for key in ["epoch_tokens", "epoch_trained_tokens", "examples"]:
            self.assertEqual(plan[key], plain[key])
        self.assertEqual(plan["longest_item"], 255)
        self.assertTrue(plan["epoch_tokens"] / 255 <= plan["items"] <= 8, plan)
        micro = -(-plan["items"] // 2)
        self.assertEqual(plan["total_steps"], 3 * -(-micro // 2))
        # Fewer examples are packed together, and those of the evaluation apart.
        few = self.ok("train", self.config, "--dry-run", "neat_packing=true", "preprocessing_batch_size=1", "val_size=5")
        self.assertNotIn("do not see each other", few.stderr)
        self.assertIn("18, packed from 18 examples, and 5, packed from 5 examples to evaluate on", few.stdout)
        self.assertIn("preprocessing_batch_size changes nothing here",
                      self.ok("train", self.config, "--dry-run", "preprocessing_batch_size=10").stderr)
        held = json.loads(self.ok("train", self.config, "--dry-run", "--json", "packing=true", "val_size=5",
                                  "cutoff_len=256").stdout)
        self.assertTrue(held["packed"] == 18 and held["eval_packed"] == 5 and held["eval_items"] < 5, held)

    def test_a_packed_training_goes_on_as_packed(self):
        self.ok("train", self.config, "--quiet", "packing=true", "cutoff_len=128", "save_steps=3")
        whole = self.weights()
        again = ["train", self.config, "--quiet", "cutoff_len=128", f"resume_from_checkpoint={self.out}/checkpoint-3",
                 f"output_dir={self.folder}/again"]
        self.ok(*again, "packing=true", "save_steps=3")
        self.assertEqual(self.weights("again"), whole)
        self.fails(1, *again, saying="was written with packing groups of 1000, now it is none")
        self.fails(1, *again, "packing=true", "preprocessing_batch_size=5", saying="now it is groups of 5")
        self.fails(1, *again, "stage=pointwise", "packing=true", saying="packing")
        self.assertIn("| training | 22 | 0 |", (self.out / "README.md").read_text())  # rows of the dataset

    def test_what_is_wrong_is_named(self):
        train = ["train", self.config]
        self.fails(1, "train", self.folder / "absent.yaml", saying="absent.yaml")
        self.fails(1, *train, "learning_rat=1", saying="learning_rat")
        self.fails(1, *train, "stage=dpo", saying="stage")
        self.fails(1, *train, "template=no-such", saying="no-such")
        self.fails(1, *train, "dataset=absent", saying="absent")
        self.fails(1, *train, "finetuning_type=freeze", saying="finetuning_type")
        self.fails(1, *train, "finetuning_type=full", "compute=fast", saying="compute: is fast")
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

    def test_dora_is_trained_gone_on_with_and_served_as_it_is_merged(self):
        dora = ["train", self.config, "--quiet", "use_dora=true", "weight_decay=0.01"]
        self.ok(*dora, "threads=1")
        log = self.log()
        self.assertLess(sum(e["loss"] for e in log[-3:]), 0.9 * sum(e["loss"] for e in log[:3]))
        config = json.loads((self.out / "adapter_config.json").read_text())
        self.assertEqual((config["use_dora"], config["lora_dropout"]), (True, 0.1))
        again = f"output_dir={self.folder}/again"
        self.ok(*dora, "threads=2", "memory_budget=36MiB", f"resume_from_checkpoint={self.out}/checkpoint-8", again)
        self.assertEqual(self.weights(), self.weights("again"))
        self.fails(1, "train", self.config, "--quiet", f"resume_from_checkpoint={self.out}/checkpoint-8", again,
                   "weight_decay=0.01", saying="adapter's settings")
        # The first step has rate 0; at the second one LoRA+ moves magnitudes as it moves B.
        for name, steps, ratio in [("start", 1, 1), ("plain", 2, 1), ("plus", 2, 4)]:
            self.ok(*dora, f"max_steps={steps}", f"loraplus_lr_ratio={ratio}", f"output_dir={self.folder}/{name}")
        moved = 0
        for start, plain, plus in zip(*map(self.magnitudes, ("start", "plain", "plus")), strict=True):
            self.assertAlmostEqual(plus - start, 4 * (plain - start), delta=2e-6)
            moved += abs(plain - start) > 1e-3
        self.assertGreater(moved, 50)
        # Over a base in four bits the norms are those of what it stands for.
        four = ["quantization_bit=4", "quantization_type=nf4", f"output_dir={self.folder}/four"]
        self.ok(*dora, *four)
        losses = [entry["loss"] for entry in self.log("four")]
        self.assertLess(sum(losses[-3:]), 0.9 * sum(losses[:3]))

        self.ok("merge", "-m", self.out, self.folder / "merged")
        ids = ["--ids", "-", "--all", "-o", "-"]
        served, merged, base = (
            support.read_npy(self.ok("logits", "-m", model, *ids, stdin="[2, 3, 4, 9, 20]", binary=True).stdout)[1]
            for model in (self.out, self.folder / "merged", self.model))
        largest = max(map(abs, served))
        self.assertLess(max(abs(a - b) for a, b in zip(served, merged, strict=True)), 1e-5 * largest)
        self.assertGreater(max(abs(a - b) for a, b in zip(served, base, strict=True)), 1e-2 * largest)
        question = ["-q", "abc", "-d", "abc", "-d", "ecd", "-d", "bbb", "--recipe", "query-likelihood"]
        first, second = (json.loads(self.ok("rerank", "-m", model, *question).stdout)
                         for model in (self.out, self.folder / "merged"))
        self.assertEqual(first["permutation"], second["permutation"])
        for one, other in zip(first["results"], second["results"], strict=True):
            self.assertAlmostEqual(one["score"], other["score"], delta=1e-4)

    def test_all_weights_of_a_model_are_trained_gone_on_with_and_served(self):
        arguments = ["train", self.config, "--quiet", "finetuning_type=full", "learning_rate=2e-3", "num_train_epochs=4"]
        self.ok(*arguments)
        log = self.log()
        self.assertLess(sum(e["loss"] for e in log[-3:]), 0.9 * sum(e["loss"] for e in log[:3]))
        self.assertFalse((self.out / "adapter_config.json").exists())
        facts = json.loads(self.ok("show", self.out, "--json").stdout)
        self.assertEqual(facts["family"], "llama")
        # What was served is what was trained, not its base.
        asked = ["logits", "--text", "say abc", "--json"]
        self.assertNotEqual(self.ok(*asked, "-m", self.out).stdout, self.ok(*asked, "-m", self.model).stdout)
        # A checkpoint is such a model too, and a run that goes on from it ends in the same bytes.
        self.assertEqual((self.out / "checkpoint-24/model.safetensors").read_bytes(),
                         (self.out / "model.safetensors").read_bytes())
        self.ok(*arguments, f"output_dir={self.folder}/second", f"resume_from_checkpoint={self.out}/checkpoint-12")
        self.assertEqual((self.folder / "second/model.safetensors").read_bytes(),
                         (self.out / "model.safetensors").read_bytes())
        self.fails(1, *arguments, saying="holds a training already")
        self.fails(1, *arguments, f"output_dir={self.model}", "overwrite_output_dir=true", saying="is the model that is trained")
        # An adapter in its place is not taken for a model, nor a model for an adapter.
        self.ok("train", self.config, "--quiet", "max_steps=1", "overwrite_output_dir=true")
        self.assertEqual(sorted(path.name for path in self.out.glob("*.safetensors")), ["adapter_model.safetensors"])
        self.ok("rerank", "-m", self.out, "--recipe", "query-likelihood", "-q", "a", "-d", "b")
        self.ok(*arguments, "max_steps=1", "overwrite_output_dir=true")
        self.assertEqual(sorted(path.name for path in self.out.glob("*.safetensors")), ["model.safetensors"])
        self.ok("rerank", "-m", self.out, "--recipe", "query-likelihood", "-q", "a", "-d", "b")

    def test_a_classifier_that_is_trained_whole_has_its_head(self):
        self.write_letters(5)
        self.ok("train", self.config, "--quiet", "stage=pointwise", f"dataset={self.folder}/pairs.jsonl", "template=",
                "finetuning_type=full", "loss=softmax_ce", "passages_per_query=4", "learning_rate=2e-3")
        config = json.loads((self.out / "config.json").read_text())
        self.assertEqual(config["architectures"], ["LlamaForSequenceClassification"])
        ranked = self.result_of("ccc", "aaaaaa", "cccccc")
        self.assertEqual(sorted(ranked["permutation"]), [0, 1])

    def result_of(self, query, *passages):
        documents = [word for passage in passages for word in ("-d", passage)]
        return json.loads(self.ok("rerank", "-m", self.out, "-q", query, *documents).stdout)

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
        # Pooled at the last slot of a padded row, as DeAR's repository trains.
        self.ok(*arguments, "recipe=dear-pointwise-repo", "overwrite_output_dir=true")
        log = self.log()
        self.assertLess(sum(e["loss"] for e in log[-5:]), 0.9 * sum(e["loss"] for e in log[:5]))
        again = self.result_of("ccc", "aaaaaa", "cccccc")
        self.assertEqual(again["recipe"], "dear-pointwise-repo")
        self.assertNotEqual([r["score"] for r in again["results"]], [r["score"] for r in ranked["results"]])
        # Lengths that were trained with in place of the recipe's are served with, too.
        self.ok(*arguments, "passage_max_length=3", "overwrite_output_dir=true", "max_steps=1")
        shown = json.loads(self.ok("show", self.out, "--json").stdout)
        self.assertEqual(shown["recipe_why"], "dear.yaml names it, passages of 3 tokens")
        cut = self.result_of("ccc", "aaaaaa", "cccccc", "aaaccc")
        scores = {r["index"]: r["score"] for r in cut["results"]}
        self.assertEqual(scores[0], scores[2])
        self.assertNotEqual(scores[0], scores[1])
        self.fails(1, *arguments, "loss=no_such", saying="no_such")
        self.fails(1, *arguments, "recipe=dear-card", saying="is of kind listwise, but the stage asks for pointwise")
        self.fails(1, *arguments, "recipe=query-likelihood", saying="asks for pointwise")

    def write_letters(self, seed):
        """pairs.jsonl, in which queries are of the letter of their positive, and a recipe of few words for it."""
        words = random.Random(seed)
        rows = []
        for _ in range(30):
            letters = words.sample("abcdefgh", 4)
            rows.append({"query": letters[0] * 3, "positive": letters[0] * 6, "negatives": [c * 6 for c in letters[1:]]})
        (self.folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        recipe = self.folder / "short.yaml"
        recipe.write_text('kind: query_likelihood\nprompt: {text: "{passage} ", special_tokens: true}\ncontinuation: "{query}"\n')
        return recipe

    def test_the_best_by_ndcg_is_the_result_and_ranks_as_it_was_measured(self):
        recipe = self.write_letters(4)
        jobs, qrels = self.folder / "jobs.jsonl", self.folder / "qrels.txt"
        with jobs.open("w") as file:
            for letter in "abcdefghi":  # the last is not judged, and not ranked
                hits = [{"docid": c, "doc": {"text": c * 6}} for c in "hgfedcba"]
                query = {"qid": letter, "text": letter.replace("i", "a") * 3}
                file.write(json.dumps({"query": query, "candidates": hits}) + "\n")
        qrels.write_text("".join(f"{letter} 0 {letter} 1\n" for letter in "abcdefgh"))
        arguments = ["train", self.config, "--json", "stage=likelihood", f"dataset={self.folder}/pairs.jsonl", "template=",
                     "passages_per_query=4", "num_train_epochs=6", "lora_dropout=0", f"recipe={recipe}",
                     "eval_strategy=steps", "eval_steps=8", f"eval_jobs={jobs}", f"eval_qrels={qrels}",
                     "load_best_model_at_end=true", "plot_loss=true"]
        done = self.ok(*arguments)
        self.assertIn("8 queries to rank for ndcg_cut.10", done.stderr)
        self.assertIn("(the best so far)", done.stderr)
        result = json.loads(done.stdout)
        evaluations = {e["current_steps"]: e["eval_ndcg_cut_10"] for e in self.log() if "eval_ndcg_cut_10" in e}
        self.assertEqual(sorted(evaluations), [8, 16, 24, 32, 40, 48])
        best = max(evaluations.values())
        self.assertEqual(result["best_eval_ndcg_cut_10"], best)
        self.assertEqual(result["best_step"], min(s for s, value in evaluations.items() if value == best))
        self.assertGreater(best, evaluations[8])
        self.assertEqual(self.weights(), self.weights("out/best"))
        self.assertTrue((self.out / "training_eval_ndcg_cut_10.svg").exists())
        self.assertEqual(json.loads((self.out / "eval_results.json").read_text())["eval_ndcg_cut_10"], evaluations[48])
        # The served adapter's ranking, judged by dear eval, has the figure that training said.
        run = self.folder / "out.run"
        self.ok("rerank", "-m", self.out, "--jobs", jobs, "-o", run, "--quiet")
        judged = json.loads(self.ok("eval", qrels, run, "-m", "ndcg_cut.10", "--json").stdout)
        self.assertEqual(judged["runs"][0]["summary"]["ndcg_cut_10"], best)
        # Without a better evaluation it ends.
        stopped = json.loads(self.ok(*arguments, "--quiet", "overwrite_output_dir=true", "learning_rate=0",
                                     "early_stopping_steps=2").stdout)
        self.assertEqual((stopped["steps"], stopped["stopped_early"], stopped["best_step"]), (24, True, 8))
        for figures in (["metric_for_best_model=loss"], ["eval_measure=P.5,10"], ["metric_for_best_model=map"]):
            self.fails(1, *arguments, "overwrite_output_dir=true", *figures, saying="metric_for_best_model")
        self.ok(*arguments, "overwrite_output_dir=true", "eval_measure=P.1,5", "metric_for_best_model=P_1", "max_steps=8")
        qrels.write_text("x 0 a 1\n")
        self.fails(1, *arguments, "overwrite_output_dir=true", saying="shares no query with the judgements")
        self.fails(1, *arguments, "overwrite_output_dir=true", "eval_measure=no_such", saying="eval_measure")

    def test_a_query_likelihood_that_learned_to_tell_passages_apart(self):
        recipe = self.write_letters(3)
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
