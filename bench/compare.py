#!/usr/bin/env python3
"""The same work on dear, llama.cpp (llama-cpp-python's) and transformers + PyTorch, in one sitting.

usage:  bench/compare.py MODEL.gguf [--engines dear:reference,dear:int8,llama.cpp,torch:bf16] [--work prefill512,...]
                         [--repeats 5] [--threads N] [--json OUT.json]

Before anything is timed, the logits after 64 tokens are compared with dear's reference, read in one call and the last 8
of them one by one behind the others: a difference of more than --may-differ of the largest logit ends the run. Then every
engine does every work once, in turn, as often as --repeats says. Works are those of `dear bench`: prefillN, verifyN (N
tokens after 512, logits of each), pointwiseBxT (B prompts of T tokens in one call), decode (32 tokens one by one after
512) and listwiseN (N passages of 100 words: a prompt of 135 N + 100 tokens, then the 5 N - 1 tokens of an answer one by
one, as greedy decoding without drafts reads them; which tokens they are is given, so that all engines read the same). The
table has the median tokens a second, the slowest and the fastest run, and dear's ratio to each of the others.

Needs numpy, and for the peers llama-cpp-python, torch, transformers and gguf.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

import numpy

BEFORE = 512  # tokens before verify and decode
DECODED = 32
CHECKED = 64  # tokens whose logits are compared
CHECKED_ONE_BY_ONE = 8  # of them


def tokens(count, seed, vocabulary):
    """The prompts of `dear bench`."""
    return [((i + 31 * seed) * 7919 + 13) % vocabulary for i in range(count)]


class Work:
    """What `dear bench` calls by this name: sequences of `prompt` tokens after `before`, then `decoded` one by one."""

    def __init__(self, name):
        self.name, self.before, self.prompt, self.sequences, self.decoded = name, 0, 0, 1, 0
        match = re.fullmatch(r"(pointwise)([1-9]\d*)x([1-9]\d*)|(prefill|verify|listwise)([1-9]\d*)|decode([1-9]\d*)?", name)
        if not match:
            sys.exit(f"compare: error: work '{name}': expected prefillN, verifyN, pointwiseBxT, decode or listwiseN")
        kind = match[1] or match[4] or "decode"
        if kind == "pointwise":
            self.sequences, self.prompt = int(match[2]), int(match[3])
        elif kind == "prefill":
            self.prompt = int(match[5])
        elif kind == "verify":
            self.before, self.prompt = BEFORE, int(match[5])
        elif kind == "listwise":
            self.prompt, self.decoded = 135 * int(match[5]) + 100, 5 * int(match[5]) - 1
        else:
            self.before, self.decoded = BEFORE, int(match[6] or DECODED)
        self.all_logits = kind == "verify"
        self.tokens = self.sequences * self.prompt + self.decoded
        self.held = self.sequences * (self.before + self.prompt) + self.decoded  # tokens in an engine's cache at the end


class Dear:
    """Another process for each round: what it loads and measures besides is outside its own clock."""

    def __init__(self, options, compute):
        self.options, self.compute, self.report = options, compute, None

    def logits(self, ids, _=None):
        """In one call: dear's bits are the same however tokens are split, which its own tests hold it to."""
        with tempfile.TemporaryDirectory() as folder:
            source, out = pathlib.Path(folder, "ids.json"), pathlib.Path(folder, "logits.npy")
            source.write_text(json.dumps(ids))
            subprocess.run([self.options.dear, "logits", "-m", self.options.model, "--ids", source, "-o", out, "--quiet",
                            "--compute", self.compute], check=True)
            return numpy.load(out).reshape(-1)

    def round(self, works):
        command = [self.options.dear, "bench", "-m", self.options.model, "--compute", self.compute, "--repeat", "1", "--json",
                   "--quiet", "--threads", str(self.options.threads), "--work", ",".join(work.name for work in works)]
        self.report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return [result["median_s"] for result in self.report["results"]]


class LlamaCpp:
    def __init__(self, options, _):
        import ctypes

        import llama_cpp
        self.api = llama_cpp
        quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        self.keep = quiet
        llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(options.model).encode(), llama_cpp.llama_model_default_params())
        settings = llama_cpp.llama_context_default_params()
        room = max([4096] + [work.held for work in options.works])
        settings.n_ctx, settings.n_batch, settings.n_seq_max = room, room, max(work.sequences for work in options.works)
        settings.n_threads = settings.n_threads_batch = options.threads
        settings.kv_unified = True
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        if not self.context:
            sys.exit("compare: error: llama.cpp refuses the context")
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))
        self.batch = llama_cpp.llama_batch_init(room, 0, 1)

    def forget(self):
        self.api.llama_memory_clear(self.api.llama_get_memory(self.context), True)

    def decode(self, sequences, first, all_logits):
        batch, at = self.batch, 0
        for number, ids in enumerate(sequences):
            for i, token in enumerate(ids):
                batch.token[at], batch.pos[at] = token, first + i
                batch.n_seq_id[at], batch.seq_id[at][0] = 1, number
                batch.logits[at] = all_logits or i + 1 == len(ids)
                at += 1
        batch.n_tokens = at
        if self.api.llama_decode(self.context, batch) != 0:
            sys.exit("compare: error: llama.cpp refuses the batch")

    def logits(self, ids, at_once):
        self.forget()
        self.decode([ids[:at_once]], 0, False)
        for i in range(at_once, len(ids)):
            self.decode([[ids[i]]], i, False)
        row = self.api.llama_get_logits_ith(self.context, -1)
        return numpy.ctypeslib.as_array(row, (self.vocabulary,)).copy()

    def once(self, work):
        self.forget()
        if work.before:
            self.decode([tokens(work.before, 0, self.vocabulary)], 0, False)
        prompts = [tokens(work.prompt, 1000 + i, self.vocabulary) for i in range(work.sequences)]
        begun = time.perf_counter()
        if work.prompt:
            self.decode(prompts, work.before, work.all_logits)
            self.api.llama_get_logits_ith(self.context, -1)
        for i, token in enumerate(tokens(work.decoded, 5, self.vocabulary)):
            self.decode([[token]], work.before + work.prompt + i, False)
            self.api.llama_get_logits_ith(self.context, -1)
        return time.perf_counter() - begun

    def round(self, works):
        return [self.once(work) for work in works]


class Torch:
    def __init__(self, options, form):
        import torch
        import transformers
        self.torch = torch
        torch.set_num_threads(options.threads)
        transformers.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        source = options.torch_model or options.model
        files = {"gguf_file": source.name} if source.suffix == ".gguf" else {}
        self.model = transformers.AutoModelForCausalLM.from_pretrained(
            source.parent if files else source, dtype={"bf16": torch.bfloat16, "f32": torch.float32}[form], **files)
        self.vocabulary = self.model.config.vocab_size

    def logits(self, ids, at_once):
        with self.torch.inference_mode():
            out = self.model(self.torch.tensor([ids[:at_once]]), use_cache=True, logits_to_keep=1)
            for token in ids[at_once:]:
                out = self.model(self.torch.tensor([[token]]), past_key_values=out.past_key_values, use_cache=True)
            return out.logits[0, -1].float().numpy()

    def once(self, work):
        tensor = self.torch.tensor
        with self.torch.inference_mode():
            cache = None
            if work.before:
                cache = self.model(tensor([tokens(work.before, 0, self.vocabulary)]), use_cache=True, logits_to_keep=1).past_key_values
            prompts = tensor([tokens(work.prompt, 1000 + i, self.vocabulary) for i in range(work.sequences)])
            begun = time.perf_counter()
            if work.prompt:
                cache = self.model(prompts, past_key_values=cache, use_cache=cache is not None or work.decoded > 0,
                                   logits_to_keep=0 if work.all_logits else 1).past_key_values
            for token in tokens(work.decoded, 5, self.vocabulary):
                cache = self.model(tensor([[token]]), past_key_values=cache, use_cache=True).past_key_values
            return time.perf_counter() - begun

    def round(self, works):
        return [self.once(work) for work in works]


ENGINES = {"dear": Dear, "llama.cpp": LlamaCpp, "torch": Torch}


def versions(names):
    import importlib.metadata
    packages = {"llama.cpp": ["llama-cpp-python"], "torch": ["torch", "transformers"]}
    wanted = [package for name in names for package in packages.get(name.partition(":")[0], [])]
    return {package: importlib.metadata.version(package) for package in dict.fromkeys(wanted)}


def require_agreement(engines, options):
    """Relative differences of the logits from dear's reference, the larger of both ways of reading the tokens."""
    ids = tokens(CHECKED, 0, options.vocabulary)
    reference = Dear(options, "reference").logits(ids)
    differences = {}
    for name, engine in engines.items():
        differences[name] = 0
        for at_once in (CHECKED, CHECKED - CHECKED_ONE_BY_ONE):
            logits = engine.logits(ids, at_once)[:len(reference)]
            differs = float(numpy.abs(logits - reference).max() / numpy.abs(reference).max())
            if not differs <= options.may_differ:
                sys.exit(f"compare: error: {name}: logits differ by {differs:.3g} of the largest, {at_once} of {CHECKED} tokens "
                         "in one call")
            differences[name] = max(differences[name], differs)
    return differences


def vocabulary_of(options):
    show = subprocess.run([options.dear, "show", options.model, "--json"], check=True, capture_output=True, text=True).stdout
    return json.loads(show)["vocab_size"]


def cpu():
    for line in open("/proc/cpuinfo", encoding="utf-8"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=lambda text: pathlib.Path(text).expanduser())
    parser.add_argument("--engines", default="dear:reference,dear:fast,dear:int8,llama.cpp,torch:f32,torch:bf16")
    parser.add_argument("--work", default="prefill512,prefill2048,verify80,pointwise8x228,decode")
    parser.add_argument("--torch-model", type=pathlib.Path, help="a folder for transformers where it cannot hold the GGUF file")
    parser.add_argument("--dear", default="build/release/dear")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--may-differ", type=float, default=0.15)
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    works = options.works = [Work(name) for name in options.work.split(",")]
    names = options.engines.split(",")
    options.vocabulary = vocabulary_of(options)
    engines = {name: ENGINES[name.partition(":")[0]](options, name.partition(":")[2] or None) for name in names}
    differences = require_agreement(engines, options)

    seconds = {name: [[] for _ in works] for name in names}
    for number in range(options.repeats + 1):
        for name, engine in engines.items():
            for times, value in zip(seconds[name], engine.round(works)):
                if number > 0:  # the first round is for warming up
                    times.append(value)
            print(f"round {number} of {options.repeats}: {name}", file=sys.stderr, flush=True)

    results = [{"work": work.name, "tokens": work.tokens,
                "tokens_per_second": {name: sorted(work.tokens / s for s in seconds[name][i]) for name in names}}
               for i, work in enumerate(works)]
    floors = {name: engine.report["floor"] for name, engine in engines.items() if isinstance(engine, Dear)}
    report = {"date": datetime.date.today().isoformat(), "cpu": cpu(), "threads": options.threads, "model": options.model.name,
              "repeats": options.repeats, "versions": versions(names), "floor": next(iter(floors.values()), None),
              "logits_differ_by": differences, "results": results}
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")

    ours = [name for name in names if name.startswith("dear:")]
    peers = [name for name in names if name not in ours]
    head = ["work"] + names + [f"{mine} / {peer}" for mine in ours[-1:] for peer in peers]
    rows = []
    for result in results:
        rates = result["tokens_per_second"]
        median = {name: statistics.median(rates[name]) for name in names}
        rows.append([result["work"]] + [f"{median[name]:.4g} ({rates[name][0]:.4g}-{rates[name][-1]:.4g})" for name in names]
                    + [f"{median[mine] / median[peer]:.2f}" for mine in ours[-1:] for peer in peers])
    print(f"{options.model.name} on {report['cpu']}, {options.threads} threads, {report['date']}: tokens a second, median of "
          f"{options.repeats} (slowest-fastest); {report['versions']}")
    print("logits differ from dear's reference by: " + ", ".join(f"{name} {value:.2g}" for name, value in differences.items()))
    print("floor: " + json.dumps(report["floor"]) + "\n")
    print("\n".join(["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head)] + rows]))


if __name__ == "__main__":
    main()
