#!/usr/bin/env python3
"""Writes tests/golden/model/gradients: what torch's autograd gives for the trained tensors of adapters of
tests/golden/model (which tools/make_model_goldens.py made), on the CPU with eager attention. The gradients are those of
the model in f64; `f32_error` of a case is how far those of the same model in f32 are from them, in parts of the largest
number of a tensor, at worst.

A case has two sequences. Causal language models: the loss is the sum of the cross-entropies of the tokens from
position `trained_from` on. Classifiers: half the sum of the squared head outputs of each last token. Run from anywhere:

  python tools/make_gradient_goldens.py
"""
import json
import pathlib
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/model"
OUT = GOLDEN / "gradients"
warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)

LENGTHS = (40, 17)  # of the sequences: more than one block of 32 keys, and less
TRAINED_FROM = 9
# base, adapter, labels of a classifier
CASES = [
    ("llama", "lora_all_linear", 0),
    ("llama", "lora_qv", 0),
    ("llama", "lora_layers", 0),
    ("llama", "lora_rslora", 0),
    ("llama", "lora_patterns", 0),
    ("llama", "lora_lm_head", 0),
    ("llama", "lora_save_lm_head", 0),
    ("llama_tied", "lora_lm_head_tied", 0),
    ("llama_gelu", "lora_all_linear", 0),
    ("llama_yarn_mscale", "gradient_yarn", 0),
    ("llama_biases", "gradient_biases", 0),
    ("mistral_window", "lora_mistral", 0),
    ("qwen2", "lora_qwen2", 0),
    ("qwen3", "lora_qwen3", 0),
    ("gemma", "lora_gemma", 0),
    ("llama", "lora_classifier", 1),
    ("llama", "lora_classifier_3", 3),
]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEW_ADAPTERS = {"gradient_yarn": "llama_yarn_mscale", "gradient_biases": "llama_biases"}


def load(base, labels):
    cls = AutoModelForSequenceClassification if labels else AutoModelForCausalLM
    head = {"num_labels": labels} if labels else {}
    return cls.from_pretrained(GOLDEN / "bases" / base, dtype=torch.float32, attn_implementation="eager", **head)


def make_adapter(name, base):
    model = get_peft_model(load(base, 0), LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=ALL))
    generator = torch.Generator().manual_seed(len(name))
    for key, p in model.named_parameters():
        if "lora_" in key:
            p.data = 0.25 * torch.randn(p.shape, generator=generator)
    model.peft_config["default"].base_model_name_or_path = f"../../bases/{base}"
    model.save_pretrained(GOLDEN / "adapters" / name)
    (GOLDEN / "adapters" / name / "README.md").unlink()


def batch(base, adapter):
    generator = torch.Generator().manual_seed(1000 + len(base) + len(adapter))
    return [torch.randint(3, 131, (1, length), generator=generator) for length in LENGTHS]


def gradients(base, adapter, labels, dtype):
    """The loss and the gradient of every trained tensor under our names."""
    model = PeftModel.from_pretrained(load(base, labels), GOLDEN / "adapters" / adapter, is_trainable=True).to(dtype)
    model.train()
    loss = 0.0
    for ids in batch(base, adapter):
        if labels:
            inner = model.get_base_model()
            loss = loss + 0.5 * inner.score(inner.model(input_ids=ids).last_hidden_state)[0, -1].square().sum()
        else:
            logits = model(input_ids=ids, use_cache=False).logits[0]
            loss = loss + torch.nn.functional.cross_entropy(logits[TRAINED_FROM - 1:-1], ids[0, TRAINED_FROM:],
                                                            reduction="sum")
    loss.backward()
    named = {key.removeprefix("base_model.model.").replace(".default", "").replace(".modules_to_save", ""): p.grad.double()
             for key, p in model.named_parameters() if p.requires_grad}
    return loss.item(), named


def case(base, adapter, labels):
    loss, exact = gradients(base, adapter, labels, torch.float64)
    rounded = gradients(base, adapter, labels, torch.float32)[1]
    error = max(((exact[n] - rounded[n]).abs().max() / exact[n].abs().max()).item() for n in exact)
    tensors = {f"ids.{i}": ids[0].to(torch.int32) for i, ids in enumerate(batch(base, adapter))}
    tensors |= {"loss": torch.tensor([loss], dtype=torch.float32)}
    tensors |= {n: g.float().contiguous() for n, g in exact.items()}
    name = f"{base}.{adapter}"
    save_file(tensors, OUT / f"{name}.safetensors")
    print(f"{name:40s} loss {loss:10.4f}, {len(exact)} gradients, f32 is off by {error:.1e}")
    return {"base": f"bases/{base}", "adapter": f"adapters/{adapter}", "classifier_labels": labels,
            "expected": f"gradients/{name}.safetensors", "trained_from": TRAINED_FROM, "f32_error": float(f"{error:.2g}")}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for name, base in NEW_ADAPTERS.items():
        make_adapter(name, base)
    cases = [case(*c) for c in CASES]
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
    (OUT / "cases.json").write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
