#!/usr/bin/env python3
"""Writes tests/golden/tensor: what the reference libraries make of seeded numbers.

Made with gguf 0.19.0, bitsandbytes 0.50.2, torch 2.x on a CPU, numpy 2.4.6, one thread. Run it
from the repository's root; the files are small and committed.

  dequantize/TYPE.bin   blocks as stored, then the f32 values that they stand for
"""
import pathlib

import gguf
import numpy as np
import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden" / "tensor"
BLOCKS = 3

# Where the f16 scales lie in a block: they are made finite, everything else is random bytes.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "IQ4_NL": [0], "IQ4_XS": [0],
}


def write(name: str, *arrays: np.ndarray):
    path = ROOT / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays))


def dequantize():
    rng = np.random.default_rng(1)
    for name, offsets in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
        for at in offsets:
            scale = rng.normal(0, 0.05, BLOCKS).astype(np.float16)
            scale[-1] = np.float16(3e-6)  # a subnormal
            blocks[:, at:at + 2] = scale.view(np.uint8).reshape(BLOCKS, 2)
        write(f"dequantize/{name.lower()}.bin", blocks, gguf.quants.dequantize(blocks, kind))
    every_byte = np.arange(256, dtype=np.uint8)
    for name, dtype in (("f8_e4m3", torch.float8_e4m3fn), ("f8_e5m2", torch.float8_e5m2)):
        values = torch.from_numpy(every_byte).view(dtype).float().numpy()
        write(f"dequantize/{name}.bin", every_byte, values)


def main():
    torch.set_num_threads(1)
    dequantize()


if __name__ == "__main__":
    main()
