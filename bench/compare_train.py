#!/usr/bin/env python3
"""Steps of LoRA fine-tuning on dear and on transformers + peft + PyTorch, in one sitting.

usage:  bench/compare_train.py MODEL.gguf [--engines torch:f32,torch:bf16,dear:reference,dear:fast] [--batch 2]
                               [--length 512] [--rank 16] [--steps 3] [--rounds 3] [--threads N] [--json OUT.json]

Every engine trains the same adapter (all seven projections, written by peft) on the same rows, of --length tokens
each as the model's chat template gives them. Before anything is timed, the losses of three steps are compared with
dear's reference: they see the forward pass, the gradients and the optimiser. More than MAY_DIFFER ends the run. Then
the engines take turns, --rounds times: one step to warm up, --steps timed ones, each by its own clock. The table has
the median seconds a step, the fastest and the slowest, and how many times as long as each of dear's engines it took.

torch trains as its users do where memory allows: no recomputation of activations, f32 adapters; torch:bf16 holds the
base in bf16 and computes under autocast. Needs numpy, torch, transformers, peft and gguf.
"""
import argparse
import datetime
import importlib.metadata
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

os.environ["TQDM_DISABLE"] = "1"  # read when transformers is imported
import compare
import peft
import torch
import transformers
from safetensors.torch import load_file

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
RATE = 2e-4
CHECKED = 3  # steps whose losses are compared
MAY_DIFFER = {"reference": 1e-3, "f32": 1e-3, "fast": 1e-2, "bf16": 1e-2}  # relative
PROMPT_WORDS = 60
ANSWERS = "<|im_start|>assistant\n"
WORDS = ("the of and to in is was for that with on as are this by from at or which have an had they were their one all we can "
         "there been if more when will would who so no out up into do any your what has time new some could these two may then "
         "first other over work people years water world light system number day part place life state").split()


class Rows:
    """Conversations whose template has exactly so many tokens, as texts and as tokens with what is learned."""

    def __init__(self, tokenizer, count, length):
        self.tokenizer, numbers = tokenizer, random.Random(7)
        self.texts = [self.conversation(numbers, length) for _ in range(count)]
        self.ids = [self.tokens(self.rendered(*text)) for text in self.texts]
        self.learned = [length - len(self.tokens(self.rendered(*text).partition(ANSWERS)[0] + ANSWERS)) for text in self.texts]

    def tokens(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def rendered(self, prompt, answer):
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]
        return self.tokenizer.apply_chat_template(messages, tokenize=False)

    def conversation(self, numbers, length):
        """Every word behind a blank is one token, so the count of words settles the count of tokens."""
        def words(count):
            return " ".join(numbers.choices(WORDS, k=count))
        prompt = words(PROMPT_WORDS)
        first = words(1)
        missing = length - len(self.tokens(self.rendered(prompt, first)))
        if missing < 1:
            sys.exit(f"compare_train: error: --length {length} is too short for the template and {PROMPT_WORDS} words")
        answer = first + " " + words(missing)
        if len(self.tokens(self.rendered(prompt, answer))) != length:
            sys.exit("compare_train: error: the tokenizer does not hold each of the words as one token")
        return prompt, answer


class Dear:
    """Another process for each round; what it loads is outside its own clock."""

    def __init__(self, options, compute, rows, folder):
        self.options, self.compute, self.folder = options, compute, folder
        self.data = folder / "rows.jsonl"
        self.data.write_text("".join(json.dumps({"instruction": prompt, "input": "", "output": answer}) + "\n"
                                     for prompt, answer in rows.texts))
        self.require_rows(rows)

    def command(self, steps, *more):
        config = {"model_name_or_path": str(self.options.model), "adapter_name_or_path": str(self.folder / "adapter"),
                  "stage": "sft", "dataset": str(self.data), "cutoff_len": 2 * self.options.length, "disable_shuffling": True,
                  "per_device_train_batch_size": self.options.batch, "max_steps": steps, "learning_rate": RATE,
                  "lr_scheduler_type": "constant", "logging_steps": 1, "save_strategy": "no", "compute": self.compute,
                  "threads": self.options.threads, "output_dir": str(self.folder / "out"), "overwrite_output_dir": True}
        path = self.folder / "train.yaml"
        path.write_text(json.dumps(config))  # JSON is YAML
        return [self.options.dear, "train", path, "--json", "--quiet", *more]

    def require_rows(self, rows):
        """The template is read by two programs."""
        plan = json.loads(subprocess.run(self.command(1, "--dry-run"), check=True, capture_output=True, text=True).stdout)
        shown = "".join(part["text"] for part in plan["examples"][0])
        if shown != rows.rendered(*rows.texts[0]):
            sys.exit(f"compare_train: error: dear renders {shown!r} and transformers {rows.rendered(*rows.texts[0])!r}")
        for what, ours, theirs in (("tokens", plan["epoch_tokens"], sum(map(len, rows.ids))),
                                   ("learned tokens", plan["epoch_trained_tokens"], sum(rows.learned))):
            if ours != theirs:
                sys.exit(f"compare_train: error: dear has {ours} {what}, transformers {theirs}")

    def round(self, steps):
        """Loss and seconds of each step; the log has the tokens and their rate since the start."""
        subprocess.run(self.command(steps), check=True, capture_output=True)
        lines = [json.loads(line) for line in (self.folder / "out/trainer_log.jsonl").read_text().splitlines()]
        ends = [0.0] + [line["total_tokens"] / line["throughput"] for line in lines]
        if len(lines) != steps:
            sys.exit(f"compare_train: error: dear logged {len(lines)} of {steps} steps")
        return [(line["loss"], end - begin) for line, begin, end in zip(lines, ends, ends[1:])]


def load_base(options, form):
    return transformers.AutoModelForCausalLM.from_pretrained(
        options.model.parent, gguf_file=options.model.name, dtype={"bf16": torch.bfloat16, "f32": torch.float32}[form])


class Torch:
    def __init__(self, options, form, rows, folder):
        self.options, self.form = options, form
        base = load_base(options, form)
        base.config.use_cache = False
        self.model = peft.PeftModel.from_pretrained(base, folder / "adapter", is_trainable=True).train()
        self.start = load_file(folder / "adapter/adapter_model.safetensors")
        labels = [[-100] * (len(ids) - learned) + ids[len(ids) - learned:] for ids, learned in zip(rows.ids, rows.learned)]
        self.ids, self.labels = torch.tensor(rows.ids), torch.tensor(labels)

    def step(self, number, trained, optimizer):
        at = slice(number * self.options.batch, (number + 1) * self.options.batch)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.form == "bf16"):
            loss = self.model(input_ids=self.ids[at], labels=self.labels[at]).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    def round(self, steps):
        peft.set_peft_model_state_dict(self.model, self.start)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0)
        results = []
        for number in range(steps):
            begun = time.perf_counter()
            loss = self.step(number, trained, optimizer)
            results.append((loss, time.perf_counter() - begun))
        return results


ENGINES = {"dear": Dear, "torch": Torch}


def write_adapter(options, folder):
    """peft's first adapter but for B, which is not zero: else nothing but B would learn in the first step."""
    torch.manual_seed(11)
    model = peft.get_peft_model(load_base(options, "f32"), peft.LoraConfig(
        task_type="CAUSAL_LM", r=options.rank, lora_alpha=2 * options.rank, lora_dropout=0.0, target_modules=TARGETS))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.01)
    model.peft_config["default"].base_model_name_or_path = str(options.model)
    model.save_pretrained(folder / "adapter", save_embedding_layers=False)


def require_agreement(engines):
    """How far the losses are from those of dear's reference, relatively."""
    reference = engines["dear:reference"].round(CHECKED)
    differences = {}
    for name in (name for name in engines if name != "dear:reference"):
        losses = engines[name].round(CHECKED)
        differences[name] = max(abs(a - b) / abs(b) for (a, _), (b, _) in zip(losses, reference, strict=True))
        if not differences[name] <= MAY_DIFFER[name.partition(":")[2]]:
            sys.exit(f"compare_train: error: {name}: losses {losses} beside {reference}: {differences[name]:.3g} apart")
        print(f"losses of {name} agree", file=sys.stderr, flush=True)
    return reference[0][0], differences


def table(names, seconds, tokens):
    ours = [name for name in names if name.startswith("dear:")]
    rows = [["engine", "seconds a step", "tokens a second"] + [f"time / {one}'s" for one in ours]]
    rows.append(["---"] * len(rows[0]))
    for name in names:
        median = statistics.median(seconds[name])
        rows.append([name, f"{median:.3g} ({min(seconds[name]):.3g}-{max(seconds[name]):.3g})", f"{tokens / median:.4g}"]
                    + [f"{median / statistics.median(seconds[one]):.2f}" for one in ours])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def measure(names, engines, options):
    seconds = {name: [] for name in names}
    for number in range(options.rounds):
        for name in names:
            seconds[name] += [took for _, took in engines[name].round(options.steps + 1)[1:]]
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr, flush=True)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=lambda text: pathlib.Path(text).expanduser().resolve())
    parser.add_argument("--engines", default="torch:f32,torch:bf16,dear:reference,dear:fast")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    names = options.engines.split(",")
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model.parent, gguf_file=options.model.name)
    rows = Rows(tokenizer, options.batch * max(options.steps + 1, CHECKED), options.length)

    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        write_adapter(options, folder)
        engines = {name: ENGINES[name.partition(":")[0]](options, name.partition(":")[2], rows, folder)
                   for name in dict.fromkeys(["dear:reference", *names])}
        loss, differences = require_agreement(engines)
        seconds = measure(names, engines, options)

    versions = {package: importlib.metadata.version(package) for package in ("torch", "transformers", "peft")}
    report = {"date": datetime.date.today().isoformat(), "cpu": compare.cpu(), "threads": options.threads,
              "load_average": os.getloadavg()[0], "model": options.model.name, "batch": options.batch,
              "length": options.length, "rank": options.rank, "versions": versions, "first_loss": loss,
              "losses_differ_by": differences, "seconds_a_step": seconds}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"{options.model.name} on {report['cpu']}, {options.threads} threads, {report['date']}, load average "
          f"{report['load_average']:.1f}: LoRA of rank {options.rank} on {options.batch} x {options.length} tokens, "
          f"median of {options.rounds} x {options.steps} steps (fastest-slowest); {versions}")
    print(f"losses of {CHECKED} steps, the first {loss:.6f}, differ from dear's reference by: "
          + ", ".join(f"{name} {value:.2g}" for name, value in differences.items()) + "\n")
    print(table(names, seconds, options.batch * options.length))


if __name__ == "__main__":
    main()
