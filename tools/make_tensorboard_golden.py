#!/usr/bin/env python3
"""Writes tests/golden/train/tensorboard.{json,events}: scalars, and the event file that tensorboard's own writer makes
of them. Needs tensorboard."""
import io
import json
import math
import pathlib

import google.protobuf
import tensorboard
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c
from tensorboard.summary.writer.record_writer import RecordWriter

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/train"
BEGIN = 1786000000.25
# Step, tag, value: what proto3 leaves out (0), takes most bytes for (-1, the largest), rounds and cannot round.
SCALARS = [
    (0, "train/loss", 2.3), (1, "train/loss", 0.0), (127, "train/grad_norm", -0.0), (128, "train/learning_rate", 1e-5),
    (300, "train/epoch", 1 / 3), (2**31, "eval/loss", -1e30), (2**63 - 1, "eval/ndcg_cut.10", 1e-42),
    (-1, "eval/später", 1e39), (16384, "train/" + "long" * 40, math.nan), (5, "", math.inf), (6, "x", -math.inf),
]
CRCS = ["", "a", "123456789", "\x00" * 32, "\x7f" * 33]


def main():
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    writer.write(Event(wall_time=BEGIN, file_version="brain.Event:2").SerializeToString())
    for i, (step, tag, value) in enumerate(SCALARS):
        wall_time = BEGIN + i / 8 if i else 0.0
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.write(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString())
    (OUT / "tensorboard.events").write_bytes(buffer.getvalue())
    golden = {
        "versions": {"tensorboard": tensorboard.__version__, "protobuf": google.protobuf.__version__},
        "wall_time": BEGIN,
        # JSON has no such numbers: their names stand for them.
        "scalars": [{"wall_time": BEGIN + i / 8 if i else 0.0, "step": step, "tag": tag,
                     "value": value if math.isfinite(value) else str(value)}
                    for i, (step, tag, value) in enumerate(SCALARS)],
        "masked_crcs": [{"text": text, "crc": masked_crc32c(text.encode())} for text in CRCS],
    }
    (OUT / "tensorboard.json").write_text(json.dumps(golden) + "\n")
    print(f"tensorboard.events: {len(buffer.getvalue())} bytes")


if __name__ == "__main__":
    main()
