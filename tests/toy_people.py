"""Weights for the detector `persons` without anybody else's: bright squares are people.

The same graphs as the real ones in small: three grids of scores and distances, and a mask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_anon.detectors.persons.detector import SET
from stream_anon.detectors.weights import store
from tests.tfjs_graphs import Drawing, window

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CLASSES, BINS = 80, 11
REACH = 2
"""Cells from the middle of a person to each side of the box."""


def toy_boxes() -> tuple[bytes, bytes]:
    """Like NanoDet: around the middle of what is bright, the middle grid sees 64 pixels as one."""
    drawing = Drawing(1, 3, 64, 64)
    drawing.node("Transpose", "x", drawing.const("last", [0, 2, 3, 1]), name="picture")
    to_scores = np.zeros((1, 1, 3, CLASSES), np.float32)
    to_scores[..., 0] = 4.0
    drawing.const("to_scores", to_scores)
    drawing.const("seen", np.array([-4.0] + [-9.0] * (CLASSES - 1), np.float32))
    drawing.const("blind", np.full(CLASSES, -40.0, np.float32))
    drawing.const("to_sides", np.zeros((1, 1, 3, 4 * BINS), np.float32))
    drawing.const("two", np.tile(30.0 * (np.arange(BINS) == REACH), 4).astype(np.float32))
    for stride in (8, 16, 32):
        cells = f"cells{stride}"
        around = window(stride=stride, side=5 * stride)
        drawing.node("AvgPool", "picture", name=cells, **around)
        count = (64 // stride) ** 2
        sight = "seen" if stride == 16 else "blind"
        for kind, bias, columns in (("scores", sight, CLASSES), ("sides", "two", 4 * BINS)):
            name = f"{kind}{stride}"
            drawing.node("Conv2D", cells, f"to_{kind}", name=f"{name}a", **window())
            drawing.node("BiasAdd", f"{name}a", bias, name=f"{name}b")
            last = f"{name}b"
            if kind == "scores":
                last = drawing.node("Sigmoid", last, name=f"{name}c")
            drawing.const(f"{name}flat", [1, count, columns])
            drawing.node("Reshape", last, f"{name}flat", name=name)
            drawing.outputs.append(name)
    return drawing.files()


def toy_outlines() -> tuple[bytes, bytes]:
    """Like the selfie segmentation: what is bright belongs to somebody."""
    drawing = Drawing(1, 256, 256, 3)
    drawing.const("to_mask", np.full((1, 1, 3, 1), 20.0, np.float32))
    drawing.const("dull", np.array([-30.0], np.float32))
    drawing.node("Conv2D", "x", "to_mask", name="a", **window())
    drawing.node("BiasAdd", "a", "dull", name="b")
    drawing.node("Sigmoid", "b", name="mask")
    drawing.outputs = ["mask"]
    return drawing.files()


def use_toy_people(patch: pytest.MonkeyPatch, root: Path) -> None:
    """From here on, these are the weights of `persons`, and installed below `root`."""
    files: dict[str, bytes] = {}
    for name, drawn in (("nanodet", toy_boxes()), ("selfie", toy_outlines())):
        files[f"{name}.json"], files[f"{name}.bin"] = drawn
    patch.setenv("XDG_DATA_HOME", str(root))
    folder = store.folder(SET)
    folder.mkdir(parents=True)
    for file in files:
        (folder / file).touch()
    patch.setattr(store, "read", lambda _name, file: files[file])
