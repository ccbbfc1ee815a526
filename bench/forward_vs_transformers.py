#!/usr/bin/env python3
"""Prefill and decode tokens a second of a GGUF model in f32: ours and transformers + PyTorch, in turn,
in one run on the same threads. Before a time is printed both must name the same next token.

usage:  bench/forward_vs_transformers.py MODEL.gguf [--bench build/release/bench/forward_bench] [--repeats 5]

Needs torch, transformers and gguf.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import torch
import transformers


def ours(bench, model, repeats):
    out = subprocess.run([bench, str(model), str(repeats)], check=True, capture_output=True, text=True).stdout
    return json.loads(out)


def prompt(count, vocab):
    return torch.tensor([[(i * 7919 + 13) % vocab for i in range(count)]])


def theirs(model, repeats):
    """{work: tokens a second}, and the token after 200."""
    rates = {}
    vocab = model.config.vocab_size
    first = None
    with torch.inference_mode():
        for count in (200, 512):
            times = []
            for run in range(repeats + 1):
                begun = time.perf_counter()
                logits = model(prompt(count, vocab), logits_to_keep=1).logits
                if run:
                    times.append(time.perf_counter() - begun)
            rates[f"prefill{count}"] = count / statistics.median(times)
            first = int(logits[0, -1].argmax()) if count == 200 else first
        times = []
        for run in range(repeats + 1):
            answer = model(prompt(200, vocab), use_cache=True, logits_to_keep=1)
            cache, token = answer.past_key_values, answer.logits[:, -1:].argmax(-1)
            begun = time.perf_counter()
            for _ in range(32):
                answer = model(token, past_key_values=cache, use_cache=True)
                cache, token = answer.past_key_values, answer.logits[:, -1:].argmax(-1)
            if run:
                times.append(time.perf_counter() - begun)
        rates["decode"] = 32 / statistics.median(times)
    return rates, first


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--bench", default="build/release/bench/forward_bench")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    path = options.model.expanduser()
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    transformers.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    before = ours(options.bench, path, options.repeats)
    reference, token = theirs(model.eval(), options.repeats)
    after = ours(options.bench, path, options.repeats)
    if not before["first_token"] == after["first_token"] == token:
        sys.exit(f"the next token differs: ours {before['first_token']}, transformers {token}")
    print(f"{before['backend']}, {before['threads']} threads, fused multiply-adds {before['peak_gflops']:.0f} GFLOP/s; "
          f"torch {torch.__version__}, transformers {transformers.__version__}")
    print("| work | dear, tok/s (before, after) | of the floor | transformers f32, tok/s | ratio |\n|---|---|---|---|---|")
    for one, two in zip(before["results"], after["results"]):
        if one["work"] not in reference:
            continue
        for compute in ("reference", "fast"):
            rates = [row[compute]["tokens_per_second"] for row in (one, two)]
            rate = sum(rates) / 2
            fraction = sum(row[compute]["fraction_of_flops"] for row in (one, two)) / 2
            print(f"| {one['work']}, {compute} | {rate:.1f} ({rates[0]:.1f}, {rates[1]:.1f}) | {fraction:.2f} | "
                  f"{reference[one['work']]:.1f} | {rate / reference[one['work']]:.2f} |")


if __name__ == "__main__":
    main()
