"""Scenes that people ask about, end to end: what of each face is hidden on decoded output.

Figures: pytest -o log_cli=true --log-cli-level info tests/end_to_end/test_acceptance.py
"""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

import stream_anon
from stream_anon.core.process_state import no_realtime
from tests.acceptance import EMPTY, FRAMES, HEIGHT, RATE, SCENES, WIDTH, Scene
from tests.runs import changed_share

if TYPE_CHECKING:
    from pathlib import Path

    from footage_person import Corners
    from numpy.typing import NDArray

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)

GREEN = (0, 177, 64)
"""Filled with it, a pixel says for itself that it is hidden."""
NEAR = 60
"""Distance of colours that coding may cause."""
HIDDEN = 0.97
"""Share of a face's oval that has to be hidden in every frame."""


def write(scene: Scene, path: Path) -> list[list[Corners]]:
    """Write a scene without visible loss; the faces of each frame."""
    faces = []
    with av.open(str(path), "w") as container, no_realtime():
        stream = container.add_stream(
            "libx264", rate=RATE, options={"crf": "12", "preset": "ultrafast"}
        )
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            picture, boxes = scene.draw(number)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            faces.append(boxes)
        container.mux(stream.encode(None))
    return faces


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        found = (frame.to_ndarray(format="rgb24") for frame in container.decode(video=0))
        return [np.asarray(picture, np.uint8) for picture in found]


def hidden_share(picture: NDArray[np.uint8], box: Corners) -> float:
    """The share of a face's oval, as far as it is in the picture, that is green."""
    x1, y1, x2, y2 = box
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    seen = picture[top : math.ceil(y2) + 1, left : math.ceil(x2) + 1]
    oval = np.zeros(seen.shape[:2], np.uint8)
    middle = round((x1 + x2) / 2) - left, round((y1 + y2) / 2) - top
    sides = max(1, round((x2 - x1) / 2)), max(1, round((y2 - y1) / 2))
    cv2.ellipse(oval, middle, sides, 0, 0, 360, 1, -1)
    distance = np.linalg.norm(seen[oval > 0].astype(np.float64) - GREEN, axis=1)
    return float((distance < NEAR).mean())


def test_hidden_is_measured(tmp_path: Path) -> None:
    """A face that nothing hides counts as not hidden at all."""
    faces = write(SCENES[0], tmp_path / "in.mp4")
    shares = [
        hidden_share(picture, box)
        for picture, boxes in zip(pictures(tmp_path / "in.mp4"), faces, strict=True)
        for box in boxes
    ]
    assert len(shares) == FRAMES
    assert max(shares) < 0.01


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_face_is_hidden_in_every_frame(scene: Scene, tmp_path: Path) -> None:
    faces = write(scene, tmp_path / "in.mp4")
    stream_anon.redact(
        tmp_path / "in.mp4",
        tmp_path / "out.mp4",
        method="fill",
        settings={"redaction.color": "#{:02x}{:02x}{:02x}".format(*GREEN)},
    )
    seen = pictures(tmp_path / "out.mp4")
    assert len(seen) == FRAMES
    shares = [
        hidden_share(picture, box)
        for picture, boxes in zip(seen, faces, strict=True)
        for box in boxes
    ]
    log.info(
        "%s: %.3f of a face at least, %.3f on average", scene.name, min(shares), np.mean(shares)
    )
    assert min(shares) >= HIDDEN


def test_where_nobody_is_nothing_changes(tmp_path: Path) -> None:
    write(EMPTY, tmp_path / "in.mp4")
    summary = stream_anon.redact(tmp_path / "in.mp4", tmp_path / "out.mp4")
    assert summary.people == [0] * FRAMES
    assert changed_share(tmp_path / "in.mp4", tmp_path / "out.mp4") == 0
