#!/usr/bin/env python3
"""Writes tests/golden/formats/configs.json: config.json texts and what transformers' own config
classes make of them. Needs transformers and torch; nothing here is random."""
import json
import pathlib
import tempfile

import torch
import transformers
from transformers import AutoConfig

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4,
         "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100}

CASES = {
    "llama empty": {"model_type": "llama"},
    "mistral empty": {"model_type": "mistral"},
    "qwen2 empty": {"model_type": "qwen2"},
    "qwen3 empty": {"model_type": "qwen3"},
    "gemma empty": {"model_type": "gemma"},
    "llama 3.1": {"model_type": "llama", "architectures": ["LlamaForCausalLM"],
                  "attention_bias": False, "bos_token_id": 128000,
                  "eos_token_id": [128001, 128008, 128009], "hidden_act": "silu",
                  "hidden_size": 4096, "intermediate_size": 14336,
                  "max_position_embeddings": 131072, "mlp_bias": False, "num_attention_heads": 32,
                  "num_hidden_layers": 32, "num_key_value_heads": 8, "pretraining_tp": 1,
                  "rms_norm_eps": 1e-05, "rope_scaling": LLAMA3, "rope_theta": 500000.0,
                  "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 128256},
    "llama rope_parameters": {"model_type": "llama", **SMALL, "dtype": "float32",
                              "rope_parameters": {**LLAMA3, "rope_theta": 500000.0}},
    "llama both spellings": {"model_type": "llama", **SMALL, "rope_theta": 1000.0,
                             "rope_scaling": {"type": "linear", "factor": 2.0},
                             "rope_parameters": {"rope_type": "default", "rope_theta": 5.0}},
    "llama rope_parameters theta wins": {"model_type": "llama", **SMALL, "rope_theta": 7.0,
                                         "rope_parameters": {"rope_type": "default",
                                                             "rope_theta": 5000.0}},
    "llama null scaling": {"model_type": "llama", **SMALL, "rope_scaling": None,
                           "rope_theta": 100000.0},
    "llama3 without original": {"model_type": "llama", **SMALL, "max_position_embeddings": 4096,
                                "rope_scaling": {k: v for k, v in LLAMA3.items()
                                                 if not k.startswith("original")}},
    "llama biases, explicit head_dim": {"model_type": "llama", **SMALL, "head_dim": 32,
                                        "attention_bias": True, "mlp_bias": True},
    "llama null kv heads": {"model_type": "llama", **{**SMALL, "num_key_value_heads": None}},
    "llama tied": {"model_type": "llama", **SMALL, "tie_word_embeddings": True,
                   "pad_token_id": 3, "eos_token_id": None, "hidden_act": "gelu"},
    "llama classifier": {"model_type": "llama", **SMALL,
                         "architectures": ["LlamaForSequenceClassification"],
                         "id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}},
    "llama classifier num_labels": {"model_type": "llama", **SMALL, "num_labels": 5,
                                    "architectures": ["LlamaForSequenceClassification"]},
    "llama yarn": {"model_type": "llama", **SMALL, "max_position_embeddings": 131072,
                   "rope_scaling": {"type": "yarn", "factor": 4.0, "beta_fast": 16,
                                    "beta_slow": 0, "mscale": 0.5, "mscale_all_dim": 0.25,
                                    "attention_factor": 1.25, "truncate": False,
                                    "original_max_position_embeddings": 32768}},
    "mistral no window": {"model_type": "mistral", **SMALL, "sliding_window": None,
                          "head_dim": 128},
    "mistral window": {"model_type": "mistral", **SMALL, "sliding_window": 7},
    "qwen3 null kv heads": {"model_type": "qwen3", **{**SMALL, "num_key_value_heads": None}},
    "qwen2 window unused": {"model_type": "qwen2", **SMALL, "sliding_window": 9,
                            "max_window_layers": 2},
    "qwen2 window used": {"model_type": "qwen2", **SMALL, "use_sliding_window": True,
                          "sliding_window": 9, "max_window_layers": 3},
    "qwen2 layer types": {"model_type": "qwen2", **SMALL, "use_sliding_window": True,
                          "sliding_window": 9,
                          "layer_types": ["full_attention", "sliding_attention"] * 2},
    "qwen2 yarn": {"model_type": "qwen2", **SMALL, "max_position_embeddings": 32768,
                   "rope_theta": 1000000.0,
                   "rope_scaling": {"factor": 4.0, "original_max_position_embeddings": 32768,
                                    "type": "yarn"}},
    "qwen3 0.6B": {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"],
                   "attention_bias": False, "bos_token_id": 151643, "eos_token_id": 151645,
                   "head_dim": 128, "hidden_size": 1024, "intermediate_size": 3072,
                   "max_position_embeddings": 40960, "max_window_layers": 28,
                   "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8,
                   "rms_norm_eps": 1e-06, "rope_scaling": None, "rope_theta": 1000000,
                   "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
                   "use_sliding_window": False, "vocab_size": 151936},
    "qwen3 bias": {"model_type": "qwen3", **SMALL, "attention_bias": True},
    "gemma 2b": {"model_type": "gemma", "architectures": ["GemmaForCausalLM"],
                 "bos_token_id": 2, "eos_token_id": 1, "head_dim": 256, "hidden_act": "gelu",
                 "hidden_activation": None, "hidden_size": 2048, "intermediate_size": 16384,
                 "max_position_embeddings": 8192, "num_attention_heads": 8,
                 "num_hidden_layers": 18, "num_key_value_heads": 1, "pad_token_id": 0,
                 "rms_norm_eps": 1e-06, "rope_theta": 10000.0, "torch_dtype": "bfloat16",
                 "vocab_size": 256000},
    "gemma gelu_pytorch_tanh": {"model_type": "gemma", **SMALL, "hidden_act": "gelu_pytorch_tanh",
                                "tie_word_embeddings": False, "attention_bias": True},
}


def windows(config):
    kinds = getattr(config, "layer_types", None)
    window = getattr(config, "sliding_window", None)
    count = config.num_hidden_layers
    if config.model_type == "mistral":
        return [window or 0] * count
    if kinds is None:
        return [0] * count
    return [window if kind == "sliding_attention" else 0 for kind in kinds]


def describe(text):
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "config.json").write_text(json.dumps(text))
        config = AutoConfig.from_pretrained(folder)
    # What the rotary embedding reads, the fields of the model itself applied.
    config.standardize_rope_params()
    eos = config.eos_token_id
    return {
        "vocab_size": config.vocab_size, "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size, "num_layers": config.num_hidden_layers,
        "num_heads": config.num_attention_heads, "num_kv_heads": config.num_key_value_heads,
        "head_dim": getattr(config, "head_dim", None)
        or config.hidden_size // config.num_attention_heads,
        "max_positions": config.max_position_embeddings, "rms_norm_eps": config.rms_norm_eps,
        "windows": windows(config), "activation": config.hidden_act,
        "tied": config.tie_word_embeddings, "bos": config.bos_token_id,
        "eos": eos if isinstance(eos, list) else [] if eos is None else [eos],
        "pad": config.pad_token_id, "num_labels": config.num_labels,
        "dtype": str(config.dtype).removeprefix("torch.") if config.dtype else "",
        "rope": config.rope_parameters,
    }


def biases(text):
    """Which projections have a bias, seen on a real layer of the model."""
    tiny = {**text, **SMALL, "num_hidden_layers": 1}
    for key in ("layer_types", "head_dim", "rope_scaling", "rope_parameters", "torch_dtype",
                "dtype", "pad_token_id"):
        tiny.pop(key, None)
    config = AutoConfig.for_model(**tiny)
    layer = transformers.AutoModel.from_config(config).layers[0]
    return {"q": layer.self_attn.q_proj.bias is not None,
            "o": layer.self_attn.o_proj.bias is not None,
            "mlp": layer.mlp.up_proj.bias is not None,
            "qk_norm": hasattr(layer.self_attn, "q_norm")}


def main():
    cases = [{"name": name, "config": text, "expect": {**describe(text), "bias": biases(text)}}
             for name, text in CASES.items()]
    out = pathlib.Path(__file__).parent.parent / "tests/golden/formats/configs.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"versions": {"transformers": transformers.__version__,
                                            "torch": torch.__version__}, "cases": cases},
                              indent=1) + "\n")


if __name__ == "__main__":
    main()
