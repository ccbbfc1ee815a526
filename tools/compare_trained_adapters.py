#!/usr/bin/env python3
"""Trains adapters with `dear train` on tiny models and loads them in peft, and whole models, which transformers loads: the
logits must be those of `dear logits`.

usage:  tools/compare_trained_adapters.py [--dear build/release/dear]

Needs torch, transformers and peft. Prints the largest difference of each case, relative to the largest logit, and fails
beyond 2e-5.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import peft
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import support  # noqa: E402

MAY_DIFFER = 2e-5
IDS = [5, 9, 20, 33, 4, 60, 17, 3, 8]
CASES = [("llama", "sft", []), ("qwen3", "sft", ["use_rslora=true", "lora_target=q_proj,k_proj,down_proj"]),
         ("gemma", "sft", ["lora_dropout=0.1"]), ("llama", "pointwise", []), ("mistral_window", "pointwise", ["lora_rank=2"]),
         ("qwen2", "sft", ["use_dora=true", "lora_dropout=0.1"]),
         ("llama", "pointwise", ["use_dora=true", "use_rslora=true"]),
         ("llama_biases", "sft", ["lora_target=q_proj,v_proj", "additional_target=lm_head,o_proj,norm,embed_tokens"]),
         *((base, "sft", ["finetuning_type=full", "learning_rate=1e-3"])
           for base in ("llama_tied", "llama_biases", "qwen3", "gemma")),
         ("llama", "pointwise", ["finetuning_type=full", "learning_rate=1e-3"])]
CONFIG = """stage: sft
lora_rank: 4
template: default
learning_rate: 1.0e-2
max_steps: 10
per_device_train_batch_size: 2
lr_scheduler_type: constant
"""


def rows(stage):
    words = ["abc", "dead", "beef", "cafe", "face", "fade"]
    if stage == "sft":
        return [{"instruction": "say", "input": w, "output": w[::-1]} for w in words]
    return [{"query": w, "positive": w + w, "negatives": [v + v for v in words if v != w]} for w in words]


def difference(dear, folder, base, stage, overrides):
    model = support.copy_model(base, folder)
    out = pathlib.Path(folder) / "out"
    data = pathlib.Path(folder) / "rows.json"
    data.write_text(json.dumps(rows(stage)))
    config = pathlib.Path(folder) / "train.yaml"
    config.write_text(CONFIG)
    subprocess.run([dear, "train", config, "--quiet", f"model_name_or_path={model}", f"stage={stage}", f"dataset={data}",
                    f"output_dir={out}", *(["template="] if stage == "pointwise" else []), *overrides],
                   check=True, stdout=subprocess.DEVNULL)
    written = subprocess.run([dear, "logits", "-m", out, "--ids", "-", "--all", "-o", "-"], input=json.dumps(IDS).encode(),
                             check=True, capture_output=True).stdout
    shape, numbers = support.read_npy(written)
    ours = torch.tensor(numbers).reshape(shape)
    whole = "finetuning_type=full" in overrides
    kind = transformers.AutoModelForCausalLM if stage == "sft" else transformers.AutoModelForSequenceClassification
    head = {} if stage == "sft" or whole else {"num_labels": 1}
    theirs = kind.from_pretrained(out if whole else model, dtype=torch.float32, **head)
    if not whole:
        theirs = peft.PeftModel.from_pretrained(theirs, out)
    if stage == "sft":
        logits = theirs(input_ids=torch.tensor([IDS])).logits[0]
    else:
        inner = theirs if whole else theirs.get_base_model()
        logits = inner.score(inner.model(input_ids=torch.tensor([IDS])).last_hidden_state)[0]
    return ((ours - logits).abs().max() / logits.abs().max()).item()


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--dear", default=str(ROOT / "build/release/dear"))
    arguments = options.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    worst = 0
    with torch.no_grad():
        for base, stage, overrides in CASES:
            with tempfile.TemporaryDirectory(prefix="dear-trained-") as folder:
                off = difference(arguments.dear, folder, base, stage, overrides)
            print(f"{base:16s} {stage:10s} {' '.join(overrides):70s} {off:.1e}")
            worst = max(worst, off)
    return 1 if worst > MAY_DIFFER else 0


if __name__ == "__main__":
    sys.exit(main())
