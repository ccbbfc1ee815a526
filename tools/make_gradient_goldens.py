#!/usr/bin/env python3
"""Writes tests/golden/model/gradients: what torch's autograd gives for the trained tensors of adapters of
tests/golden/model (which tools/make_model_goldens.py made), on the CPU with eager attention. The gradients are those of
the model in f64; `f32_error` of a case is how far those of the same model in f32 are from them, in parts of the largest
number of a tensor, at worst.

A case has two sequences. Causal language models: the loss is the sum of the cross-entropies of the tokens from
position `trained_from` on. Classifiers: half the sum of the squared head outputs of each last token, or of the last of
`padded_slots` places to which the sequences are padded with token PAD. Where an adapter
has dropout, peft's is replaced by ours (src/model/lora_dropout.h), whose numbers a seed fixes. Run from anywhere:

  python tools/make_gradient_goldens.py [CASE ...]
"""
import json
import pathlib
import sys
import warnings

import numpy as np
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
WHOLE = "whole"  # no adapter: all weights are trained
PAD = 2
# base, adapter, labels of a classifier, and the places to which sequences are padded
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
    ("llama", "lora_classifier", 1, 48),
    ("llama", WHOLE, 1, 41),
    ("llama", "lora_dora", 0),
    ("llama_biases", "lora_dora_biases", 0),  # and rsLoRA
    ("llama", "lora_lm_head_dora", 0),
    ("qwen3", "gradient_dora_patterns", 0),
    ("llama_biases", "gradient_dora_dropout", 0),
    ("llama", "lora_save_norms", 0),
    ("llama_biases", "lora_save_projection", 0),
    ("llama_tied", "lora_save_embed_tied", 0),
    ("llama_tied", WHOLE, 0),
    ("llama_biases", WHOLE, 0),
    ("qwen3", WHOLE, 0),
    ("gemma", WHOLE, 0),
    ("llama", WHOLE, 1),
]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
NEW_ADAPTERS = {
    "gradient_yarn": ("llama_yarn_mscale", {}),
    "gradient_biases": ("llama_biases", {}),
    "gradient_dora_patterns": ("qwen3", {"use_dora": True, "use_rslora": True, "alpha_pattern": {"down_proj": 3},
                                         "rank_pattern": {"q_proj": 2, r"layers\.1\.mlp\.up_proj": 5}}),
    "gradient_dora_dropout": ("llama_biases", {"use_dora": True, "lora_dropout": 0.3}),
}
DROPOUT_SEED = 7


def load(base, labels):
    cls = AutoModelForSequenceClassification if labels else AutoModelForCausalLM
    head = {"num_labels": labels} if labels else {}
    return cls.from_pretrained(GOLDEN / "bases" / base, dtype=torch.float32, attn_implementation="eager", **head)


def make_adapter(name, base, options):
    model = get_peft_model(load(base, 0), LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=ALL,
                                                     **options))
    generator = torch.Generator().manual_seed(len(name))
    for key, p in model.named_parameters():
        if "lora_magnitude" in key:
            p.data = p.data * (1 + 0.25 * torch.randn(p.shape, generator=generator))
        elif "lora_" in key:
            p.data = 0.25 * torch.randn(p.shape, generator=generator)
    model.peft_config["default"].base_model_name_or_path = f"../../bases/{base}"
    model.save_pretrained(GOLDEN / "adapters" / name)
    (GOLDEN / "adapters" / name / "README.md").unlink()


def batch(base, adapter):
    generator = torch.Generator().manual_seed(1000 + len(base) + len(adapter))
    return [torch.randint(3, 131, (1, length), generator=generator) for length in LENGTHS]


def mixed(z):
    """SplitMix64's finaliser on uint64 numbers."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class OurDropout(torch.nn.Module):
    GOLDEN_RATIO = 0x9E3779B97F4A7C15
    rows_before = 0  # of the batch's earlier sequences

    def __init__(self, module_id, probability):
        super().__init__()
        self.start = mixed(np.array([(DROPOUT_SEED + self.GOLDEN_RATIO * (module_id + 1)) % 2**64], dtype=np.uint64))
        self.probability = float(np.float32(probability))

    def forward(self, x):
        places = np.arange(x.numel(), dtype=np.uint64) + np.uint64(OurDropout.rows_before * x.shape[-1])
        drawn = mixed(self.start + np.uint64(self.GOLDEN_RATIO) * places) >> np.uint64(32)
        kept = torch.from_numpy(drawn >= np.uint64(int(self.probability * 2**32))).reshape(x.shape)
        return x * kept.to(x.dtype) / (1 - self.probability)


def replace_dropout(model, probability):
    """The modules are numbered as src/model/model_builder.cc does, norms among them."""
    per_layer = ["input_layernorm", "q_proj", "k_proj", "v_proj", "o_proj", "post_attention_layernorm", "gate_proj",
                 "up_proj", "down_proj"]
    for name, module in model.named_modules():
        if isinstance(module, peft.tuners.lora.LoraLayer):
            path = name.removeprefix("base_model.model.model.layers.").split(".")
            number = 1 + int(path[0]) * len(per_layer) + per_layer.index(path[-1])
            module.lora_dropout["default"] = OurDropout(number, probability)


def last_place(model, ids, slots):
    """The head outputs of the last token, or of the last of so many slots: right-padded, the padding masked."""
    mask = torch.ones_like(ids)
    if slots:
        fill = (0, slots - ids.shape[1])
        ids, mask = torch.nn.functional.pad(ids, fill, value=PAD), torch.nn.functional.pad(mask, fill)
    return model.score(model.model(input_ids=ids, attention_mask=mask).last_hidden_state)[0, -1]


def gradients(base, adapter, labels, slots, dtype):
    """The loss and the gradient of every trained tensor under our names."""
    if adapter == WHOLE:
        torch.manual_seed(len(base))  # of a head that the base lacks
        model = load(base, labels).to(dtype)
        model.train()
    else:
        model = PeftModel.from_pretrained(load(base, labels), GOLDEN / "adapters" / adapter, is_trainable=True).to(dtype)
        model.train()
        if model.peft_config["default"].lora_dropout:
            replace_dropout(model, model.peft_config["default"].lora_dropout)
    loss = 0.0
    OurDropout.rows_before = 0
    for ids in batch(base, adapter):
        if labels:
            inner = model if adapter == WHOLE else model.get_base_model()
            loss = loss + 0.5 * last_place(inner, ids, slots).square().sum()
        else:
            logits = model(input_ids=ids, use_cache=False).logits[0]
            loss = loss + torch.nn.functional.cross_entropy(logits[TRAINED_FROM - 1:-1], ids[0, TRAINED_FROM:],
                                                            reduction="sum")
        OurDropout.rows_before += ids.shape[1]
    loss.backward()

    def saved(key):
        key = key.removeprefix("base_model.model.").replace(".default", "").replace(".modules_to_save", "")
        return key.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")
    named = {saved(key): p.grad.double() for key, p in model.named_parameters() if p.requires_grad}
    starts = {"start.score.weight": model.score.weight.detach().float()} if adapter == WHOLE and labels else {}
    return loss.item(), named, starts


def name_of(base, adapter, _labels, slots=0):
    return f"{base}.{adapter}" + (f".padded_{slots}" if slots else "")


def case(base, adapter, labels, slots=0):
    loss, exact, starts = gradients(base, adapter, labels, slots, torch.float64)
    rounded = gradients(base, adapter, labels, slots, torch.float32)[1]
    error = max(((exact[n] - rounded[n]).abs().max() / exact[n].abs().max()).item() for n in exact)
    tensors = {f"ids.{i}": ids[0].to(torch.int32) for i, ids in enumerate(batch(base, adapter))}
    tensors |= {"loss": torch.tensor([loss], dtype=torch.float32)}
    tensors |= starts | {n: g.float().contiguous() for n, g in exact.items()}
    name = name_of(base, adapter, labels, slots)
    save_file(tensors, OUT / f"{name}.safetensors")
    print(f"{name:40s} loss {loss:10.4f}, {len(exact)} gradients, f32 is off by {error:.1e}")
    config = {"lora_dropout": 0.0}
    if adapter != WHOLE:
        config = json.loads((GOLDEN / "adapters" / adapter / "adapter_config.json").read_text())
    dropout = {"dropout": config["lora_dropout"], "dropout_seed": DROPOUT_SEED} if config["lora_dropout"] else {}
    return {"base": f"bases/{base}", "adapter": "" if adapter == WHOLE else f"adapters/{adapter}", "classifier_labels": labels,
            "expected": f"gradients/{name}.safetensors", "trained_from": TRAINED_FROM, "f32_error": float(f"{error:.2g}"),
            **dropout, **({"padded_slots": slots} if slots else {})}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    before = {}
    if chosen := sys.argv[1:]:
        before = {pathlib.Path(c["expected"]).stem: c for c in json.loads((OUT / "cases.json").read_text())["cases"]}
    else:
        for name, (base, options) in NEW_ADAPTERS.items():
            make_adapter(name, base, options)
    cases = [before[name] if (name := name_of(*c)) in before and name not in chosen else case(*c) for c in CASES]
    versions = {m.__name__: m.__version__ for m in (torch, transformers, peft)}
    (OUT / "cases.json").write_text(json.dumps({"versions": versions, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
