"""The masks of a fixed clip stay what they were; `scripts/make_golden.py` renews the record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from make_golden import CLIP, GOLDEN, Rectangle, make_masks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

MEAN, WORST = 0.9, 0.7
"""Intersection over union that the masks must reach, on average and in every frame."""
STEP = 2
"""Pixels between the points at which masks are compared."""


def drawn(boxes: Sequence[Rectangle]) -> NDArray[np.bool_]:
    """Where the ellipses of one frame's masks are."""
    y, x = np.mgrid[0 : CLIP["height"] : STEP, 0 : CLIP["width"] : STEP]
    inside = np.zeros(x.shape, np.bool_)
    for box in boxes:
        across = (x - box.x) / box.width * 2 - 1
        down = (y - box.y) / box.height * 2 - 1
        inside |= across**2 + down**2 < 1
    return inside


def overlaps(
    golden: Sequence[Sequence[Rectangle]], masks: Sequence[Sequence[Rectangle]]
) -> list[float]:
    """Intersection over union, frame by frame; 1 where both hide nothing."""
    shares: list[float] = []
    for before, now in zip(golden, masks, strict=True):
        a, b = drawn(before), drawn(now)
        either = int((a | b).sum())
        shares.append(int((a & b).sum()) / either if either else 1.0)
    return shares


@pytest.fixture(scope="module")
def golden() -> list[list[Rectangle]]:
    record = json.loads(GOLDEN.read_text())
    assert record["clip"] == CLIP, "run scripts/make_golden.py"
    return [[Rectangle(*box) for box in frame] for frame in record["frames"]]


def test_the_masks_are_the_golden_ones(golden: list[list[Rectangle]], tmp_path: Path) -> None:
    found = overlaps(golden, make_masks(tmp_path))
    assert np.mean(found) > MEAN
    worst = int(np.argmin(found))
    assert found[worst] >= WORST, f"frame {worst}"


def test_the_golden_masks_hide_somebody_and_not_everything(
    golden: list[list[Rectangle]],
) -> None:
    shares = [float(drawn(frame).mean()) for frame in golden]
    assert 0.5 < np.mean([share > 0 for share in shares]) < 1
    assert max(shares) < 0.3


def test_the_comparison_sees_masks_that_moved_or_are_missing(
    golden: list[list[Rectangle]],
) -> None:
    moved = [[box._replace(x=box.x + box.width / 4) for box in frame] for frame in golden]
    assert np.mean(overlaps(golden, moved)) < MEAN
    shown = next(k for k, frame in enumerate(golden) if frame)
    missing = [[] if k == shown else frame for k, frame in enumerate(golden)]
    assert min(overlaps(golden, missing)) < WORST
