#!/usr/bin/env python3
"""Writes a Llama-shaped model with random zero-mean weights, for measuring speed and memory where
no real weights are at hand. Needs numpy.

usage:  tools/make_random_model.py --shape llama-8b --form bf16 OUT_FOLDER [--tokenizer FOLDER]
        tools/make_random_model.py --shape llama-8b --form q4_0 OUT.gguf
"""
import argparse
import json
import pathlib
import shutil
import struct

import numpy as np

# hidden, intermediate, layers, heads, kv heads, head_dim, vocabulary, tied
SHAPES = {
    "135m": (576, 1536, 30, 9, 3, 64, 49152, True),
    "llama-1b": (2048, 8192, 16, 32, 8, 64, 128256, True),
    "llama-3b": (3072, 8192, 28, 24, 8, 128, 128256, True),
    "llama-8b": (4096, 14336, 32, 32, 8, 128, 128256, False),
    "llama-13b": (5120, 13824, 40, 40, 40, 128, 32000, False),
}
DEVIATION = 0.02


def tensors(shape):
    """(transformers name, GGUF name, shape) in file order."""
    hidden, inner, layers, heads, kv_heads, head_dim, vocabulary, tied = SHAPES[shape]
    yield "model.embed_tokens.weight", "token_embd.weight", (vocabulary, hidden)
    for layer in range(layers):
        hf, gg = f"model.layers.{layer}.", f"blk.{layer}."
        yield hf + "input_layernorm.weight", gg + "attn_norm.weight", (hidden,)
        yield hf + "self_attn.q_proj.weight", gg + "attn_q.weight", (heads * head_dim, hidden)
        yield hf + "self_attn.k_proj.weight", gg + "attn_k.weight", (kv_heads * head_dim, hidden)
        yield hf + "self_attn.v_proj.weight", gg + "attn_v.weight", (kv_heads * head_dim, hidden)
        yield hf + "self_attn.o_proj.weight", gg + "attn_output.weight", (hidden, heads * head_dim)
        yield hf + "post_attention_layernorm.weight", gg + "ffn_norm.weight", (hidden,)
        yield hf + "mlp.gate_proj.weight", gg + "ffn_gate.weight", (inner, hidden)
        yield hf + "mlp.up_proj.weight", gg + "ffn_up.weight", (inner, hidden)
        yield hf + "mlp.down_proj.weight", gg + "ffn_down.weight", (hidden, inner)
    yield "model.norm.weight", "output_norm.weight", (hidden,)
    if not tied:
        yield "lm_head.weight", "output.weight", (vocabulary, hidden)


class Noise:
    """Bytes of random weights, cut from one block that is drawn once and rotated for each tensor."""

    def __init__(self, form, seed):
        generator = np.random.default_rng(seed)
        count = 1 << 22
        if form == "bf16":
            values = (generator.standard_normal(count) * DEVIATION).astype(np.float32).view(np.uint32)
            self.unit = 2
            self.block = ((values + 0x8000) >> 16).astype(np.uint16).tobytes()
        else:  # q4_0: f16 scale, then 16 bytes of nibbles whose mean is zero after the offset of 8
            blocks = count // 32
            scales = (np.full(blocks, DEVIATION / 4.6) * generator.uniform(0.8, 1.2, blocks)).astype(np.float16)
            nibbles = np.clip(np.rint(generator.standard_normal((blocks, 32)) * 3.5 + 8), 0, 15).astype(np.uint8)
            packed = nibbles[:, :16] | (nibbles[:, 16:] << 4)
            self.unit = 18
            self.block = np.concatenate([scales.view(np.uint8).reshape(blocks, 2), packed], axis=1).tobytes()
        self.turn = 0

    def write(self, sink, size):
        self.turn += 1
        start = (self.turn * 7919 * self.unit) % len(self.block)
        start -= start % self.unit
        while size > 0:
            piece = self.block[start:start + size]
            sink.write(piece)
            size -= len(piece)
            start = 0


def config(shape):
    hidden, inner, layers, heads, kv_heads, head_dim, vocabulary, tied = SHAPES[shape]
    return {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
            "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": kv_heads, "head_dim": head_dim, "vocab_size": vocabulary,
            "tie_word_embeddings": tied, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
            "max_position_embeddings": 131072, "hidden_act": "silu", "torch_dtype": "bfloat16",
            "bos_token_id": 1, "eos_token_id": 2}


def write_safetensors(shape, noise, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config(shape), indent=1))
    header, offset = {}, 0
    listed = list(tensors(shape))
    for name, _, extents in listed:
        size = 2 * int(np.prod(extents))
        header[name] = {"dtype": "BF16", "shape": list(extents), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as sink:
        sink.write(struct.pack("<Q", len(text)) + text)
        for _, _, extents in listed:
            if len(extents) == 1:
                sink.write(b"\x80\x3f" * extents[0])  # norms are ones
            else:
                noise.write(sink, 2 * int(np.prod(extents)))


def write_gguf(shape, noise, path):
    def text(value):
        return struct.pack("<Q", len(value.encode())) + value.encode()

    def uint(key, value):
        return text(key) + struct.pack("<II", 4, value)

    def real(key, value):
        return text(key) + struct.pack("<If", 6, value)

    hidden, inner, layers, heads, kv_heads, head_dim, vocabulary, _ = SHAPES[shape]
    def word(key, value):
        return text(key) + struct.pack("<I", 8) + text(value)

    metadata = [word("general.architecture", "llama"), word("tokenizer.ggml.model", "no_vocab"),  # llama.cpp asks for one
                uint("llama.block_count", layers), uint("llama.context_length", 131072),
                uint("llama.embedding_length", hidden), uint("llama.feed_forward_length", inner),
                uint("llama.attention.head_count", heads), uint("llama.attention.head_count_kv", kv_heads),
                uint("llama.attention.key_length", head_dim), uint("llama.attention.value_length", head_dim),
                uint("llama.rope.dimension_count", head_dim), uint("llama.vocab_size", vocabulary),
                real("llama.attention.layer_norm_rms_epsilon", 1e-5), real("llama.rope.freq_base", 500000.0)]
    listed, offset, infos = list(tensors(shape)), 0, []
    for _, name, extents in listed:
        plain = len(extents) == 1
        size = 4 * extents[0] if plain else int(np.prod(extents)) // 32 * 18
        infos.append(text(name) + struct.pack("<I", len(extents)) + struct.pack(f"<{len(extents)}Q", *reversed(extents))
                     + struct.pack("<IQ", 0 if plain else 2, offset))
        offset += size + -size % 32
    with open(path, "wb") as sink:
        sink.write(b"GGUF" + struct.pack("<IQQ", 3, len(listed), len(metadata)) + b"".join(metadata) + b"".join(infos))
        sink.write(b"\0" * (-sink.tell() % 32))
        for _, _, extents in listed:
            if len(extents) == 1:
                sink.write(struct.pack("<f", 1.0) * extents[0])
            else:
                noise.write(sink, int(np.prod(extents)) // 32 * 18)
            sink.write(b"\0" * (-sink.tell() % 32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--form", choices=("bf16", "q4_0"), required=True)
    parser.add_argument("--tokenizer", help="folder whose tokenizer files go along (bf16 only)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("out", type=pathlib.Path)
    options = parser.parse_args()
    noise = Noise(options.form, options.seed)
    if options.form == "q4_0":
        write_gguf(options.shape, noise, options.out)
        return
    write_safetensors(options.shape, noise, options.out)
    if options.tokenizer:
        for file in pathlib.Path(options.tokenizer).glob("tokenizer*"):
            shutil.copy(file, options.out)


if __name__ == "__main__":
    main()
