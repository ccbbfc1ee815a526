#!/usr/bin/env python3
"""Writes tests/golden/{tensor,formats}: what the reference libraries make of seeded numbers.

Made with gguf 0.19.0, bitsandbytes 0.50.2, torch 2.x on a CPU, numpy 2.4.6, one thread. Run it
from the repository's root; the files are small and committed.

  tensor/dequantize/TYPE.bin       blocks as stored, then the f32 values that they stand for
  tensor/quantize/TYPE.bin         f32 values, then the blocks that gguf-py makes of them
  tensor/bnb4/KIND_DTYPE_BLOCK_SHAPE.bin   see bnb4()
  tensor/int8.bin                  see int8()
  formats/all_dtypes.safetensors   a tensor of every type that numpy or torch can write
  formats/all_types.gguf           metadata of every type, a tensor of every type that is supported
"""
import pathlib

import bitsandbytes.functional as bnb
import gguf
import numpy as np
import safetensors.torch
import torch
from bitsandbytes.backends.default.ops import _dequantize_4bit_compute

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
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
        write(f"tensor/dequantize/{name.lower()}.bin", blocks, gguf.quants.dequantize(blocks, kind))
    every_byte = np.arange(256, dtype=np.uint8)
    for name, dtype in (("f8_e4m3", torch.float8_e4m3fn), ("f8_e5m2", torch.float8_e5m2)):
        values = torch.from_numpy(every_byte).view(dtype).float().numpy()
        write(f"tensor/dequantize/{name}.bin", every_byte, values)


def quantize():
    rng = np.random.default_rng(2)
    rows = [rng.normal(0, 1, 64), rng.normal(0, 1e-3, 64), rng.uniform(0, 1, 64), np.zeros(64),
            np.full(64, 0.75), np.full(64, -3.0), np.tile([1.0, -1.0], 32),
            rng.integers(-8, 9, 64) / 8, rng.integers(-127, 128, 64) / 2, rng.normal(0, 1e-6, 64),
            rng.normal(0, 100, 64), np.concatenate([np.zeros(63), [1.0]])]
    values = np.stack(rows).astype(np.float32)
    for name in ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"):
        kind = gguf.GGMLQuantizationType[name]
        write(f"tensor/quantize/{name.lower()}.bin", values, gguf.quants.quantize(values, kind))


def dequantize_4bit(packed, state, absmax):
    """bitsandbytes' PyTorch implementation. Its AVX-512 kernel (0.50.2) agrees where rows are whole
    blocks; elsewhere it takes the scale of a neighbouring block for part of a row."""
    code = bnb.get_4bit_type(state.quant_type, device="cpu")
    values = _dequantize_4bit_compute(packed.reshape(-1), absmax, code, state.blocksize,
                                      state.shape, state.dtype)
    if state.shape[-1] % state.blocksize == 0:
        assert torch.equal(values, bnb.dequantize_4bit(packed, state))
    return values


def bnb4():
    """Each file: the values as f32, packed bytes, absmax, the dequantised values as f32; then the
    nested form: 8-bit absmax, nested absmax, offset, absmax as it comes back, dequantised values."""
    rng = np.random.default_rng(3)
    cases = [(kind, dtype, 64, shape) for kind in ("nf4", "fp4")
             for dtype in ("float32", "bfloat16", "float16") for shape in ((3, 128), (3, 96), (5, 7))]
    cases += [("nf4", "bfloat16", 128, (4, 100)), ("fp4", "float32", 32, (4, 50)),
              ("nf4", "float32", 64, (1, 1)), ("nf4", "bfloat16", 32, (17, 64))]
    for kind, dtype, block, shape in cases:
        count = shape[0] * shape[1]
        values = rng.normal(0, 0.02, count).astype(np.float32)
        # A block of zeros, one of extremes, exact ties between code points.
        if count > 2 * block:
            values[:block] = 0
            code = bnb.get_4bit_type(kind, device="cpu").sort().values.numpy()
            values[block:block + 15] = (code[:-1] + code[1:]) / 2
            values[block + 15] = 1.0
        weight = torch.from_numpy(values).to(getattr(torch, dtype)).reshape(shape)
        packed, state = bnb.quantize_4bit(weight, blocksize=block, quant_type=kind)
        plain = dequantize_4bit(packed, state, state.absmax)
        packed2, state2 = bnb.quantize_4bit(weight, blocksize=block, quant_type=kind,
                                            compress_statistics=True)
        assert torch.equal(packed, packed2)
        absmax = bnb.dequantize_blockwise(state2.absmax, state2.state2) + state2.offset
        nested = dequantize_4bit(packed2, state2, absmax)
        write(f"tensor/bnb4/{kind}_{dtype}_{block}_{shape[0]}x{shape[1]}.bin",
              weight.float().numpy(), packed.numpy(), state.absmax.numpy(), plain.float().numpy(),
              state2.absmax.numpy(), state2.state2.absmax.numpy(), state2.offset.numpy(),
              absmax.numpy(), nested.float().numpy())
    write("tensor/bnb4/dynamic_map.bin", bnb.create_dynamic_map().numpy())
    # The double quantisation alone, of more blocks than one.
    absmax = torch.from_numpy(np.abs(rng.normal(0.05, 0.02, 1100)).astype(np.float32))
    absmax[256:512] = absmax.mean()
    offset = absmax.mean()
    quantized, state = bnb.quantize_blockwise(absmax - offset, blocksize=256)
    write("tensor/bnb4/nested.bin", absmax.numpy(), quantized.numpy(), state.absmax.numpy(),
          offset.numpy(), (bnb.dequantize_blockwise(quantized, state) + offset).numpy())


def int8():
    """values [5, 33] in f32, int8 [5, 33], scales [5], dequantised [5, 33]."""
    rng = np.random.default_rng(4)
    values = rng.normal(0, 0.02, (5, 33)).astype(np.float32)
    values[3] = 0
    values[4] = np.arange(33) / 2 - 8  # ties
    values[4, 0] = 63.5
    quantized, scales, _ = bnb.int8_vectorwise_quant(torch.from_numpy(values).half())
    quantized[3] = 0  # 0 * inf; what a cast of NaN gives is no promise
    write("tensor/int8.bin", values, quantized.numpy(), scales.numpy(),
          bnb.int8_vectorwise_dequant(quantized, scales).numpy())


def safetensors_file():
    """Tensor i of n elements holds 0, 1, ... n-1 in its type."""
    dtypes = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8",
              "uint64", "uint32", "uint16", "uint8", "bool", "float8_e4m3fn", "float8_e5m2"]
    tensors = {name: torch.arange(6).to(getattr(torch, name)).reshape(2, 3) for name in dtypes}
    tensors["scalar"] = torch.tensor(2.5)
    tensors["empty"] = torch.zeros(0, 4)
    safetensors.torch.save_file(tensors, ROOT / "formats" / "all_dtypes.safetensors",
                                metadata={"format": "d\u00e9j\u00e0"})


def gguf_file():
    """The tensors hold the blocks of tensor/dequantize, or 0, 1, ... 5."""
    writer = gguf.GGUFWriter(ROOT / "formats" / "all_types.gguf", "llama")
    writer.add_uint8("a.u8", 255)
    writer.add_int8("a.i8", -128)
    writer.add_uint16("a.u16", 65535)
    writer.add_int16("a.i16", -32768)
    writer.add_uint32("a.u32", 2**32 - 1)
    writer.add_int32("a.i32", -2**31)
    writer.add_uint64("a.u64", 2**63 - 1)
    writer.add_int64("a.i64", -2**63)
    writer.add_float32("a.f32", 0.5)
    writer.add_float64("a.f64", 1e300)
    writer.add_bool("a.bool", True)
    writer.add_string("a.string", "d\u00e9j\u00e0 vu")
    writer.add_array("a.ints", [1, -2, 3])
    writer.add_array("a.floats", [0.25, -0.5])
    writer.add_array("a.bools", [True, False, True])
    writer.add_array("a.strings", ["", "one", "\u4e8c"])
    writer.add_array("a.bytes", b"\x00\xff")
    writer.add_custom_alignment(64)
    for name in ("float32", "float16", "float64", "int8", "int16", "int32", "int64"):
        writer.add_tensor(name, np.arange(6).astype(name).reshape(2, 3))
    bf16 = gguf.quants.quantize(np.arange(6, dtype=np.float32).reshape(2, 3),
                                gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("bfloat16", bf16, raw_dtype=gguf.GGMLQuantizationType.BF16)
    for name in SCALES:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = np.fromfile(ROOT / f"tensor/dequantize/{name.lower()}.bin", np.uint8, BLOCKS * size)
        writer.add_tensor(name.lower(), blocks.reshape(BLOCKS, size), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    (ROOT / "formats").mkdir(parents=True, exist_ok=True)
    dequantize()
    quantize()
    bnb4()
    int8()
    safetensors_file()
    gguf_file()


if __name__ == "__main__":
    main()
