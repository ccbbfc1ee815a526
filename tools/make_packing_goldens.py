#!/usr/bin/env python3
"""Writes tests/golden/train/packing.json: which examples LLaMA-Factory puts into which row where `packing` is true.

  "cases": cutoff_len as a configuration has it, batch_size (preprocessing_batch_size), "lengths" of the examples in
           tokens, and "rows": for each row the examples in it, in their order
Its own preprocess_dataset does it, over examples whose tokens are their numbers. LLAMAFACTORY is a folder with the
unpacked wheel (`pip download llamafactory==0.9.5 --no-deps`); of it only what packs is imported, which wants
transformers and peft. Seeded.
Usage: make_packing_goldens.py LLAMAFACTORY
"""
import json
import logging
import pathlib
import random
import sys
import types

ROOT = pathlib.Path(sys.argv[1]).resolve() / "llamafactory"
OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/train/packing.json"
PAD = -1

# Packages without their __init__, which would import all of LLaMA-Factory.
for name in ["", ".data", ".data.processor"]:
    package = types.ModuleType("llamafactory" + name)
    package.__path__ = [str(ROOT / name[1:].replace(".", "/"))]
    sys.modules["llamafactory" + name] = package
from llamafactory.data.processor.supervised import PackedSupervisedDatasetProcessor  # noqa: E402
from llamafactory.extras.env import VERSION  # noqa: E402

logging.disable(logging.CRITICAL)


class Processor(PackedSupervisedDatasetProcessor):
    """Takes an example's number and length for its encoding."""

    def _encode_data_example(self, prompt, **_):
        number, length = prompt[0]
        return [number] * length, [number] * length


def rows_of(lengths, cutoff_len, batch_size):
    processor = Processor(template=None, tokenizer=types.SimpleNamespace(pad_token_id=PAD), processor=None,
                          data_args=types.SimpleNamespace(cutoff_len=cutoff_len - 1, neat_packing=True))
    rows = []
    for first in range(0, len(lengths), batch_size):
        numbers = range(first, min(first + batch_size, len(lengths)))
        column = [None] * len(numbers)
        made = processor.preprocess_dataset({
            "_prompt": [[(i, lengths[i])] for i in numbers], "_response": [[None]] * len(numbers), "_system": column,
            "_tools": column, "_images": column, "_videos": column, "_audios": column})
        for ids in made["input_ids"]:
            rows.append([i for i in dict.fromkeys(ids) if i != PAD])
    return rows


def case(lengths, cutoff_len, batch_size=1000):
    return {"cutoff_len": cutoff_len, "batch_size": batch_size, "lengths": lengths,
            "rows": rows_of(lengths, cutoff_len, batch_size)}


def main():
    draw = random.Random(20261127)
    cases = [
        case([5], 64),
        case([63], 64),
        case([64], 64),  # one more than fits
        case([70, 64, 65], 64),
        case([63, 63, 1, 62, 1], 64),
        case([7] * 40, 64),  # ties alone
        case([30, 33, 30, 33, 31, 32, 1], 64),
        case([64, 3, 100, 3, 60], 64),
        case([draw.randint(1, 63) for _ in range(200)], 64),
        case([draw.randint(1, 80) for _ in range(150)], 64, batch_size=50),
        case([draw.choice([9, 10, 11]) for _ in range(100)], 128, batch_size=33),
        case([min(2047, int(draw.lognormvariate(5, 1)) + 1) for _ in range(1200)], 2048),
        case([draw.randint(1, 20) for _ in range(7)], 2048, batch_size=1),
        case([1, 1, 1], 2),
    ]
    golden = {"versions": {"llamafactory": VERSION}, "cases": cases}
    OUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(f"{OUT.name}: {len(cases)} cases, {sum(len(c['rows']) for c in cases)} rows, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
