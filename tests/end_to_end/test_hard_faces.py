"""Small faces, and faces that lie or hang, are hidden in photos and in what moves."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import stream_anon
from tests.end_to_end.test_acceptance import GREEN, hidden_share, pictures
from tests.small_faces import HEIGHT, PEOPLE, WIDTH, crowd

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

log = logging.getLogger(__name__)
HIDDEN = 0.9
"""Share of a face's oval."""
RATE, SECONDS = 12, 3
FILL: dict[str, Any] = {"redaction.color": "#{:02x}{:02x}{:02x}".format(*GREEN)}


def hidden_in_a_photo(pixels: float, turn: int, effort: str) -> int:
    """How many of the people are."""
    picture, faces = crowd(pixels, turn)
    redacted = stream_anon.redact_picture(
        np.ascontiguousarray(picture[:, :, ::-1]),
        method="fill",
        settings={**FILL, "parsing.effort": effort},
    )
    return sum(hidden_share(redacted, face) >= HIDDEN for face in faces)


@pytest.mark.parametrize(
    ("pixels", "turn", "least"),
    [(10, 0, 7), (12, 0, 11), (24, 1, 10), (24, 2, 10), (24, 3, 10), (32, 1, 9), (32, 2, 10)],
)
def test_a_photo_is_searched_for_small_and_turned_faces(pixels: int, turn: int, least: int) -> None:
    ordinary = hidden_in_a_photo(pixels, turn, "fast")
    found = hidden_in_a_photo(pixels, turn, "normal")
    log.info("%d pixels, %d turns: %d of %d, fast %d", pixels, turn, found, PEOPLE, ordinary)
    assert found >= least
    assert ordinary <= PEOPLE // 2, "these are no hard faces"


@pytest.mark.parametrize(("pixels", "turn"), [(12, 0), (44, 2)])
def test_a_recording_is_searched_for_them_in_turn(pixels: int, turn: int, tmp_path: Path) -> None:
    """While they move: after some seconds most of them are followed."""
    faces = []
    with av.open(str(tmp_path / "in.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(RATE * SECONDS):
            picture, boxes = crowd(pixels, turn, shift=0.5 * number)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
            faces.append(boxes)
        container.mux(stream.encode(None))
    hidden = {}
    for effort in ("fast", "normal"):
        out = tmp_path / f"{effort}.mp4"
        stream_anon.redact(
            tmp_path / "in.mp4", out, method="fill", settings={**FILL, "parsing.effort": effort}
        )
        shown = pictures(out)
        assert len(shown) == len(faces)
        last = [
            sum(hidden_share(picture, face) >= HIDDEN for face in boxes)
            for picture, boxes in zip(shown[-RATE:], faces[-RATE:], strict=True)
        ]
        hidden[effort] = min(last)
    log.info("%d pixels, %d turns: %s of %d", pixels, turn, hidden, PEOPLE)
    assert hidden["normal"] >= 9
    assert hidden["fast"] <= PEOPLE // 2, "these are no hard faces"
