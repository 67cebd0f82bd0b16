"""Finished runs of the main job, and what tests want to know of their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from footage import Footage
    from numpy.typing import NDArray

    from stream_anon.pipeline.report import Summary

    Luma = NDArray[np.uint8]

SHARED = Path(__file__).parents[2] / "shared"
"""Real footage, which the project does not contain; tests that need it skip without it."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """The demo footage and what became of it."""

    footage: Footage
    path: Path
    summary: Summary
    tracks: Path
    report: Path


def lumas(path: Path, wanted: Collection[int] | None = None) -> dict[int, Luma]:
    """Luma planes by frame index; all of them, or the wanted ones."""
    found: dict[int, Luma] = {}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if wanted is None or index in wanted:
                plane = frame.planes[0]
                rows = np.frombuffer(cast("bytes", plane), np.uint8).reshape(-1, plane.line_size)
                found[index] = rows[: plane.height, : plane.width].copy()
    return found


def times(path: Path) -> list[float]:
    """When each frame is shown, in seconds."""
    with av.open(str(path)) as container:
        return [
            float(frame.pts * frame.time_base)
            for frame in container.decode(video=0)
            if frame.pts is not None and frame.time_base is not None
        ]


def changed_share(original: Path, redacted: Path) -> float:
    """Share of all pixels that differ clearly between the two videos."""
    before, after = lumas(original), lumas(redacted)
    assert before.keys() == after.keys()
    shares = [
        float((np.abs(before[k].astype(np.int16) - after[k].astype(np.int16)) > 24).mean())
        for k in before
    ]
    return float(np.mean(shares))


def leftovers(folder: Path, *known: Path) -> list[str]:
    """Names of the files in a folder that are not known."""
    return sorted({path.name for path in folder.iterdir()} - {path.name for path in known})
