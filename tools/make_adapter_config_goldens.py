#!/usr/bin/env python3
"""Writes tests/golden/formats/adapter_configs.json: adapter configurations and which modules of a
12-layer llama peft adapts for them, with rank and scaling. Needs peft, transformers and torch; the
weights of the tiny models do not matter."""
import json
import pathlib
import warnings

import peft
import torch
import transformers
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper

TINY = dict(vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=12,
            num_attention_heads=2, num_key_value_heads=1, num_labels=1, pad_token_id=0)
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]

CAUSAL = [
    {"target_modules": ["q_proj", "v_proj"]},
    {"target_modules": None},
    {"target_modules": "all-linear"},
    {"target_modules": "ALL-Linear", "exclude_modules": ["down_proj"]},
    {"target_modules": ["roj"], "exclude_modules": None, "modules_to_save": None,
     "fallback": ["q_proj"]},
    {"target_modules": ["self_attn.q_proj", "model.layers.3.mlp.up_proj"]},
    {"target_modules": r".*\.layers\.(1|11)\..*(q|v)_proj"},
    {"target_modules": r"model\.layers\.\d+\.mlp\.(gate|up)_proj"},
    {"target_modules": r"^(?!.*lm_head).*_proj$"},
    {"target_modules": r"(?P<a>model)\.layers\.[02468]\.self_attn\.[qk]_proj"},
    {"target_modules": r"model\.layers\.(?:1?0|2)\.self_attn\.\w+"},
    {"target_modules": r".*(?<!gate)_proj\Z"},
    {"target_modules": ["q_proj", "embed_tokens", "lm_head"]},
    {"target_modules": ["q_proj", "model.layers.5.mlp.up_proj"], "layers_to_transform": [1, 11]},
    {"target_modules": ["v_proj"], "layers_to_transform": 2},
    {"target_modules": ["v_proj"], "layers_to_transform": []},
    {"target_modules": ["v_proj"], "layers_to_transform": [0, 3], "layers_pattern": "layers"},
    {"target_modules": ["v_proj"], "layers_to_transform": [0, 3],
     "layers_pattern": ["blocks", "l.yers"]},
    {"target_modules": ATTENTION, "exclude_modules": r".*\.layers\.[0-9]\..*"},
    {"target_modules": ATTENTION, "exclude_modules": ["self_attn.q_proj", "v_proj"]},
    {"target_modules": ATTENTION, "exclude_modules": ""},
    {"target_modules": ["q_proj", "lm_head"], "modules_to_save": ["lm_head"]},
    {"target_modules": ATTENTION, "modules_to_save": ["embed_tokens", "self_attn"],
     "fallback": ["up_proj"]},
    {"target_modules": ATTENTION, "r": 16, "lora_alpha": 32, "use_rslora": True},
    {"target_modules": ATTENTION, "r": 3, "lora_alpha": 7},
    {"target_modules": ATTENTION + ["up_proj"], "r": 4, "lora_alpha": 8,
     "rank_pattern": {"q_proj": 2, r"layers\.1\..*": 6, "model.layers.11.self_attn.o_proj": 5},
     "alpha_pattern": {"k_proj": 16, r".*\.1[01]\.self_attn\.o_proj": 64, "v_proj": 1}},
    # The first pattern that matches wins, in the order of the file, not of the alphabet.
    {"target_modules": ATTENTION, "rank_pattern": {"self_attn.q_proj": 3, "layers.2.self_attn.q_proj": 5,
                                                   "^model.layers.3.self_attn.v_proj": 6, "proj": 7}},
    {"target_modules": ATTENTION, "rank_pattern": {"v_proj|k_proj": 2, "(q|o)_proj": 3, "a_proj|o_pr": 9}},
    {"target_modules": ATTENTION, "use_rslora": True, "rank_pattern": {"q_proj": 4},
     "alpha_pattern": {"q_proj": 3}},
    {"target_modules": ATTENTION, "use_dora": True},
    {"target_modules": ATTENTION, "fan_in_fan_out": True},
]
CLASSIFIER = [
    {"target_modules": ["q_proj", "v_proj"]},
    {"target_modules": "all-linear"},
    {"target_modules": ["q_proj", "score"]},
    {"target_modules": ATTENTION, "modules_to_save": ["norm"]},
]


def describe(model_class, task, case):
    case = dict(case)
    fallback = case.pop("fallback", None)
    model = model_class(transformers.LlamaConfig(**TINY))
    names = [name for name, module in model.named_modules()
             if isinstance(module, (torch.nn.Linear, torch.nn.Embedding))]
    # peft refuses a configuration that adapts nothing: such cases get one target more.
    if fallback and isinstance(case["target_modules"], list):
        case["target_modules"] = case["target_modules"] + fallback
    tuned = get_peft_model(model, LoraConfig(task_type=task, **case))
    groups, wrapped = {}, []
    for name, module in tuned.named_modules():
        name = name.removeprefix("base_model.model.")
        if isinstance(module, LoraLayer):
            key = f"{module.r['default']} {module.scaling['default']!r}"
            groups.setdefault(key, []).append(names.index(name))
        elif isinstance(module, ModulesToSaveWrapper):
            wrapped.append(name)
    saved = [i for i, name in enumerate(names)
             if any(name == outer or name.startswith(outer + ".") for outer in wrapped)]
    return names, {"config": {"peft_type": "LORA", "task_type": task, **case}, "adapted": groups,
                   "saved": saved}


def main():
    warnings.simplefilter("ignore")
    sets = []
    for model_class, task, cases in ((transformers.LlamaForCausalLM, "CAUSAL_LM", CAUSAL),
                                     (transformers.LlamaForSequenceClassification, "SEQ_CLS",
                                      CLASSIFIER)):
        described = [describe(model_class, task, case) for case in cases]
        sets.append({"modules": described[0][0], "cases": [case for _, case in described]})
    out = pathlib.Path(__file__).parent.parent / "tests/golden/formats/adapter_configs.json"
    versions = {"peft": peft.__version__, "transformers": transformers.__version__}
    out.write_text(json.dumps({"versions": versions, "sets": sets}, separators=(",", ":"))
                   .replace('{"config"', '\n{"config"') + "\n")


if __name__ == "__main__":
    main()
