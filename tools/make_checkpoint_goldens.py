#!/usr/bin/env python3
"""Writes tests/golden/formats/checkpoints/: tiny models and an adapter as transformers and peft
save them, in each way of storing. Needs torch, transformers, peft and safetensors; seeded."""
import json
import pathlib
import shutil

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

OUT = pathlib.Path(__file__).parent.parent / "tests/golden/formats/checkpoints"
TINY = dict(vocab_size=12, hidden_size=8, intermediate_size=8, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=16)


def keep(folder, *names):
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    torch.manual_seed(11)
    model = LlamaForCausalLM(LlamaConfig(**TINY)).bfloat16()
    model.generation_config.eos_token_id = [3, 4]
    model.save_pretrained(OUT / "sharded", max_shard_size="1KB")
    model.save_pretrained(OUT / "single")
    keep(OUT / "single", "model.safetensors", "config.json", "generation_config.json")

    # As older transformers saved: pickled, and the bare model without its prefix.
    (OUT / "pickled").mkdir()
    torch.save(model.state_dict(), OUT / "pickled/pytorch_model.bin")
    shutil.copy(OUT / "single/config.json", OUT / "pickled/config.json")
    model.model.save_pretrained(OUT / "bare")

    classifier = LlamaForSequenceClassification(LlamaConfig(**TINY, num_labels=1, pad_token_id=0))
    classifier.save_pretrained(OUT / "classifier")

    config = LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "embed_tokens"],
                        task_type="CAUSAL_LM")
    tuned = get_peft_model(LlamaForCausalLM(LlamaConfig(**TINY)), config)
    tuned.peft_config["default"].base_model_name_or_path = "../single"
    tuned.save_pretrained(OUT / "adapter", save_embedding_layers=True)
    keep(OUT / "adapter", "adapter_model.safetensors", "adapter_config.json")
    from safetensors.torch import load_file
    (OUT / "adapter_bin").mkdir()
    torch.save(load_file(OUT / "adapter/adapter_model.safetensors"),
               OUT / "adapter_bin/adapter_model.bin")
    shutil.copy(OUT / "adapter/adapter_config.json", OUT / "adapter_bin/adapter_config.json")
    # Without any prefix, as an adapter of the bare model is saved.
    (OUT / "adapter_bare").mkdir()
    save_file({"base_model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(2, 8),
               "base_model.model.layers.0.self_attn.q_proj.lora_B.weight": torch.zeros(8, 2)},
              OUT / "adapter_bare/adapter_model.safetensors")
    (OUT / "adapter_bare/adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "task_type": "FEATURE_EXTRACTION", "r": 2}) + "\n")


if __name__ == "__main__":
    main()
