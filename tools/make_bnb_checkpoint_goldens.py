#!/usr/bin/env python3
"""Writes tests/golden/formats/bnb/: tiny models that transformers and bitsandbytes saved quantised,
and the values that bitsandbytes' own dequantisation gives for their weights. Needs torch,
transformers, bitsandbytes and safetensors; seeded."""
import json
import pathlib
import shutil
import tempfile

import bitsandbytes as bnb
import numpy
import torch
import transformers
from bitsandbytes.backends.default.ops import _dequantize_4bit_compute
from bitsandbytes.functional import (QuantState, dequantize_4bit, dequantize_blockwise,
                                     int8_vectorwise_dequant)
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

OUT = pathlib.Path(__file__).parent.parent / "tests/golden/formats/bnb"
TINY = dict(vocab_size=8, hidden_size=64, intermediate_size=72, num_hidden_layers=1,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16)
KEPT = ("self_attn.k_proj", "mlp.down_proj")  # of each model, to keep the files small

CASES = {
    "nf4": (torch.bfloat16, dict(load_in_4bit=True, bnb_4bit_quant_type="nf4")),
    "fp4": (torch.float32, dict(load_in_4bit=True)),
    "nf4_double": (torch.bfloat16, dict(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                        bnb_4bit_use_double_quant=True)),
    "fp4_double": (torch.float16, dict(load_in_4bit=True, bnb_4bit_use_double_quant=True)),
    "nf4_storage": (torch.bfloat16, dict(load_in_4bit=True, bnb_4bit_quant_type="nf4",
                                         bnb_4bit_quant_storage=torch.bfloat16)),
    "int8": (torch.float16, dict(load_in_8bit=True)),
}


def dequantize(tensors, name):
    weight = tensors[name]
    state = {k.removeprefix(name + "."): v.clone() for k, v in tensors.items()
             if k.startswith(name + ".")}
    if state:
        state = QuantState.from_dict(state, torch.device("cpu"))
        if state.shape[-1] % state.blocksize == 0:
            return dequantize_4bit(weight, state)
        # bitsandbytes' own kernel for CPUs takes wrong scales where rows are no whole blocks; its
        # generic implementation does as its quantiser and its GPU kernels do.
        absmax = state.absmax
        if state.nested:
            absmax = dequantize_blockwise(absmax, state.state2) + state.offset
        return _dequantize_4bit_compute(weight.view(torch.uint8).reshape(-1), absmax, state.code,
                                        state.blocksize, state.shape, state.dtype)
    scb = tensors.get(name.removesuffix("weight") + "SCB")
    return weight if scb is None else int8_vectorwise_dequant(weight, scb)


def main():
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    configs = {}
    for case, (dtype, options) in CASES.items():
        torch.manual_seed(5)
        with tempfile.TemporaryDirectory() as plain, tempfile.TemporaryDirectory() as saved:
            model = LlamaForCausalLM(LlamaConfig(**TINY))
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.normal_(0, 0.3)
            model.to(dtype).save_pretrained(plain)
            quantised = LlamaForCausalLM.from_pretrained(
                plain, quantization_config=BitsAndBytesConfig(**options), dtype=dtype,
                device_map="cpu")
            quantised.save_pretrained(saved)
            tensors = load_file(pathlib.Path(saved) / "model.safetensors")
            configs[case] = json.loads((pathlib.Path(saved) / "config.json").read_text())
        tensors = {k: v for k, v in tensors.items()
                   if any(part in k for part in KEPT) or k == "lm_head.weight"}
        save_file(tensors, OUT / f"{case}.safetensors")
        values = {name: dequantize(tensors, name).float().contiguous() for name in tensors
                  if name.endswith(".weight")}
        save_file(values, OUT / f"{case}.values.safetensors")
    (OUT / "configs.json").write_text(json.dumps({"versions": {
        "torch": torch.__version__, "transformers": transformers.__version__,
        "bitsandbytes": bnb.__version__, "numpy": numpy.__version__}, "configs": configs},
        indent=1) + "\n")


if __name__ == "__main__":
    main()
