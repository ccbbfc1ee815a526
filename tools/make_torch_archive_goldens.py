#!/usr/bin/env python3
"""Writes tests/golden/formats/torch/*.bin: small archives of torch.save, honest ones and ones with
code in them (which nothing may run). Needs torch; seeded."""
import collections
import json
import pathlib
import pickle

import torch

OUT = pathlib.Path(__file__).parent.parent / "tests/golden/formats/torch"


class Hostile:
    def __reduce__(self):
        import os
        return os.system, ("echo this must never run",)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    base = torch.randn(4, 6)
    tensors = collections.OrderedDict(
        f32=base, f16=base.half(), bf16=base.bfloat16(), f64=base.double(),
        i8=torch.arange(-3, 3, dtype=torch.int8), u8=torch.arange(6, dtype=torch.uint8),
        i16=torch.arange(-2, 2, dtype=torch.int16), i32=torch.arange(-2, 2, dtype=torch.int32),
        i64=torch.tensor([-1, 2**40]), bool=torch.tensor([True, False, True]),
        scalar=torch.tensor(1.5), empty=torch.zeros(0, 3), transposed=base.t(),
        slice=base[1:3, 2:5], step=base[::2, ::3], same=base, cube=torch.randn(2, 3, 4).permute(2, 0, 1),
        parameter=torch.nn.Parameter(base[:2]))
    torch.save(tensors, OUT / "tensors.bin")
    torch.save(tensors, OUT / "protocol4.bin", pickle_protocol=4)
    module = torch.nn.Linear(3, 2)
    torch.save(module.state_dict(), OUT / "state_dict.bin")
    (OUT / "expected.json").write_text(json.dumps({
        "torch": torch.__version__,
        "tensors": {name: {"dtype": str(t.dtype).removeprefix("torch."), "shape": list(t.shape),
                           "values": t.detach().double().flatten().tolist()}
                    for name, t in tensors.items()}}) + "\n")

    torch.save({"a": Hostile()}, OUT / "hostile.bin")
    torch.save({"a": torch.zeros(1), "step": 3}, OUT / "number.bin")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, OUT / "nested.bin")
    torch.save({"a": torch.zeros(1, dtype=torch.complex64)}, OUT / "complex.bin")
    torch.save({"a": torch.zeros(1).expand(1000)}, OUT / "expanded.bin")
    torch.save({"a": torch.zeros(1)}, OUT / "legacy.bin", _use_new_zipfile_serialization=False)
    (OUT / "plain.pkl").write_bytes(pickle.dumps({"a": 1}))


if __name__ == "__main__":
    main()
