#!/usr/bin/env python3
"""How much memory a QLoRA takes, and how fast it trains: `dear train` on a base that it holds in 4 bits.

usage:  bench/qlora_memory.py MODEL... [--length 512] [--rank 16] [--steps 2] [--type nf4] [--budget 11GiB] [--within 12GiB]
                              [--threads N] [--dear build/release/dear]

MODEL is a folder of 16-bit weights with its tokenizer; `tools/make_random_model.py --shape llama-8b --form bf16 FOLDER
--tokenizer OTHER` makes one in the shape of Llama-3.1-8B. Its weights become 4-bit with double quantisation when it is
opened; a step is one row of --length tokens, an adapter of --rank on all seven projections.

Checks that every loss is a finite number, that all numbers of the adapter are and each of its second factors has left zero, and
that what the process allocated stays --within so much. The mapped file is counted apart: the system may take it back. The
first step is left out of the rate: in it the memory is touched for the first time.
"""
import argparse
import json
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy
import process_memory
import safetensors.numpy

UNITS = {"GiB": 1 << 30, "MiB": 1 << 20, "GB": 10**9, "MB": 10**6}
# Words of one token each behind a blank, in the vocabularies of Llama 3 and SmolLM2.
WORDS = "water light people work world time place number system year house story paper river state music".split()


def bytes_of(text):
    match = re.fullmatch(r"([0-9.]+) ?(GiB|MiB|GB|MB)", text)
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 12GiB")
    return int(float(match[1]) * UNITS[match[2]])


def write_rows(path, options):
    """Rows that are longer than --length: each is cut there."""
    text = " ".join(WORDS[i % len(WORDS)] for i in range(options.length))
    row = {"instruction": text, "input": "", "output": text}
    path.write_text((json.dumps(row) + "\n") * options.steps)


def train(options, model, folder):
    config = {"model_name_or_path": str(model), "quantization_bit": 4, "quantization_type": options.type,
              "double_quantization": True, "compute": "fast", "memory_budget": options.budget, "stage": "sft",
              "template": "plain", "dataset": str(folder / "rows.jsonl"), "cutoff_len": options.length,
              "disable_shuffling": True, "lora_rank": options.rank, "lora_alpha": 2 * options.rank, "lora_target": "all",
              "learning_rate": 1e-4, "lr_scheduler_type": "constant", "per_device_train_batch_size": 1,
              "max_steps": options.steps, "logging_steps": 1, "save_strategy": "no", "threads": options.threads,
              "output_dir": str(folder / "out"), "overwrite_output_dir": True}
    (folder / "train.yaml").write_text(json.dumps(config))  # JSON is YAML
    process = subprocess.Popen([options.dear, "train", folder / "train.yaml", "--quiet"])
    resident, anonymous = process_memory.watch(process)
    if process.returncode:
        sys.exit(f"{model}: dear train failed")
    return resident, anonymous


def seconds_of_steps(out, options):
    lines = [json.loads(line) for line in (out / "trainer_log.jsonl").read_text().splitlines()]
    if len(lines) != options.steps or not all(math.isfinite(line["loss"]) for line in lines):
        sys.exit(f"{out}: not every one of the {options.steps} steps has a finite loss")
    ends = [line["total_tokens"] / line["throughput"] for line in lines]
    return ends[0], ends[-1] - ends[0], lines[-1]["total_tokens"] - lines[0]["total_tokens"]


def is_finite(tensor):
    return numpy.isfinite(tensor).all()


def check_adapter(out):
    tensors = safetensors.numpy.load_file(out / "adapter_model.safetensors")
    changed = [tensor for name, tensor in tensors.items() if "lora_B" in name]  # zeros before the first step
    if not changed or not all(tensor.any() for tensor in changed) or not all(map(is_finite, tensors.values())):
        sys.exit(f"{out}: the adapter was not trained everywhere")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--type", choices=("nf4", "fp4"), default="nf4")
    parser.add_argument("--budget", default="11GiB", help="memory_budget of the training")
    parser.add_argument("--within", type=bytes_of, default="12GiB", help="what it may allocate")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps: the first is left out, so two at least")

    print("| model | weights on disk, GB | tokens a row | first step, s | tokens a second | allocated, GiB | resident, GiB |\n"
          "|---|---|---|---|---|---|---|")
    for model in options.models:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            write_rows(folder / "rows.jsonl", options)
            resident, anonymous = train(options, model, folder)
            first, seconds, tokens = seconds_of_steps(folder / "out", options)
            check_adapter(folder / "out")
        size = sum(file.stat().st_size for file in model.glob("*.safetensors")) / 1e9
        print(f"| {model.name} | {size:.2f} | {options.length} | {first:.1f} | {tokens / seconds:.1f} | "
              f"{anonymous / 2**30:.2f} | {resident / 2**30:.2f} |", flush=True)
        if anonymous > options.within:
            sys.exit(f"{model}: {anonymous / 2**30:.2f} GiB were allocated, {options.within / 2**30:.2f} GiB were allowed")


if __name__ == "__main__":
    main()
