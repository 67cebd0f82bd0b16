"""Small faces, and faces that lie or hang, are hidden in pictures and in what moves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
from footage_person import Pose, make_puppet
from footage_room import living_room

import stream_anon
from tests.acceptance import FACE_WIDE, HEIGHT, UNIT, WIDTH, Scene
from tests.end_to_end.test_acceptance import FRAMES, GREEN, hidden_share, pictures, write

if TYPE_CHECKING:
    from pathlib import Path

    from footage_person import Corners

    from tests.acceptance import Seen

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)
COLOR = "#{:02x}{:02x}{:02x}".format(*GREEN)


def seen(pixels: float, turn: int, x: float = 640.0) -> Seen:
    """Somebody whose face is that wide, after some quarter turns counter-clockwise."""
    room = np.rot90(living_room(WIDTH, HEIGHT).wall, -turn)
    canvas = np.ascontiguousarray(room)
    height, width = canvas.shape[:2]
    pose = Pose(x * width / WIDTH, 260 * height / HEIGHT, pixels / FACE_WIDE / UNIT)
    puppet = make_puppet(1.0)
    puppet.draw(canvas, pose, UNIT)
    box = puppet.face(pose, UNIT)
    for _ in range(turn):
        x1, y1, x2, y2 = box
        box = (y1, width - x2, y2, width - x1)
        width, height = height, width
    return np.ascontiguousarray(np.rot90(canvas, turn)), [box]


def hidden(picture: Seen, **settings: object) -> float:
    canvas, (box,) = picture
    redacted = stream_anon.redact_picture(
        np.ascontiguousarray(canvas[:, :, ::-1]),
        method="fill",
        settings={"redaction.color": COLOR, **settings},
    )
    return hidden_share(redacted, box)


@pytest.mark.parametrize(
    ("pixels", "turn"),
    [(10, 0), (12, 0), (24, 1), (24, 2), (24, 3), (64, 1), (64, 2), (64, 3), (160, 2)],
)
def test_in_a_picture(pixels: int, turn: int) -> None:
    picture = seen(pixels, turn)
    assert hidden(picture) > 0.95


def test_fast_leaves_that_out() -> None:
    upside_down = seen(24, 2)
    assert hidden(upside_down, **{"parsing.effort": "fast"}) < 0.5
    assert hidden(upside_down, **{"parsing.effort": "normal"}) > 0.95


@pytest.mark.parametrize(("pixels", "turn"), [(10, 0), (24, 2), (64, 1)])
def test_while_they_move(pixels: int, turn: int, tmp_path: Path) -> None:
    scene = Scene("moving", lambda n: seen(pixels, turn, x=600 + 3 * n))
    faces: list[list[Corners]] = write(scene, tmp_path / "in.mp4")
    stream_anon.redact(
        tmp_path / "in.mp4",
        tmp_path / "out.mp4",
        method="fill",
        settings={"redaction.color": COLOR},
    )
    shares = [
        hidden_share(picture, boxes[0])
        for picture, boxes in zip(pictures(tmp_path / "out.mp4"), faces, strict=True)
    ]
    log.info("%d pixels, %d quarter turns: %.2f of a face at least", pixels, turn, min(shares))
    assert len(shares) == FRAMES
    assert min(shares) > 0.9
