"""Faces with a pattern that survives encoding, so that one frame of it in an output is noticed."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np

from stream_anon.core.parts import Box

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    Luma = NDArray[np.uint8]

WIDTH, HEIGHT, RATE = 640, 360, 25
FACE: Final = Box(260, 110, 96, 112)
"""Where somebody is in every frame."""
NEWCOMER: Final = Box(460, 110, 96, 112)
"""Where somebody else is from a certain frame on."""
ENTERS = 48
"""The first frame with the newcomer: while the faults of `faulty` last."""
CELL = 8
"""Pixels of the squares of the pattern: large enough for any encoder and any scaling."""
SEEN = 0.35
"""Correlation with the pattern from which on it counts as seen; noise stays below a tenth."""


def pattern() -> Luma:
    """Random squares, the same each time."""
    rows, columns = round(FACE.height) // CELL, round(FACE.width) // CELL
    squares = np.random.default_rng(7).integers(0, 2, (rows, columns)).astype(np.uint8)
    return np.asarray(np.kron(squares, np.ones((CELL, CELL), np.uint8)) * 170 + 40, np.uint8)


_EVEN: Final = pattern().astype(np.float32) - pattern().mean()


def write_clip(path: Path, seconds: float) -> Path:
    """A picture that drifts behind the faces, which stay in their places."""
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (12, 80), np.uint8)
    wide = np.asarray(cv2.resize(noise, (WIDTH * 4, HEIGHT), interpolation=cv2.INTER_CUBIC))
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "18", "bf": "0", "g": str(RATE)}
        stream = container.add_stream("libx264", RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(round(seconds * RATE)):
            left = 2 * number % (WIDTH * 3)
            luma = np.array(wide[:, left : left + WIDTH], np.uint8)
            _inside(luma, FACE)[:] = pattern()
            if number >= ENTERS:
                _inside(luma, NEWCOMER)[:] = pattern()
            frame = av.VideoFrame.from_ndarray(np.asarray(np.dstack([luma] * 3), np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _inside(luma: Luma, place: Box) -> Luma:
    x, y, width, height = (round(value) for value in place)
    return luma[y : y + height, x : x + width]


def strength(luma: Luma, place: Box = FACE) -> float:
    """How much of the pattern is at a place in a picture of any size, -1..1."""
    if luma.shape != (HEIGHT, WIDTH):
        luma = np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))
    seen = _detail(_inside(luma, place))
    norm = float(np.linalg.norm(seen) * np.linalg.norm(_WANTED))
    return float((seen * _WANTED).sum()) / norm if norm > 1 else 0.0


def _detail(luma: Luma) -> NDArray[np.float32]:
    """Without what is larger than the pattern's squares, as the cells of the redaction are."""
    picture = luma.astype(np.float32)
    return picture - cv2.GaussianBlur(picture, (0, 0), 2 * CELL)


_WANTED: Final = _detail(pattern())


def is_there(luma: Luma, place: Box) -> bool:
    """Whether a raw picture has the pattern at a place; takes no time."""
    seen = _inside(luma, place).astype(np.float32)
    return float(((seen - seen.mean()) * _EVEN).mean()) > 0.5 * float((_EVEN**2).mean())


def strengths(file: Any) -> list[tuple[float, float]]:
    """Of both faces, for every picture of a video that can be decoded."""
    found: list[tuple[float, float]] = []
    try:
        with av.open(str(file)) as container:
            found.extend(_all(container.decode(video=0)))
    except (av.error.InvalidDataError, av.error.EOFError):
        pass  # cut short, or nothing in it
    return found


def _all(pictures: Iterable[av.VideoFrame]) -> Iterable[tuple[float, float]]:
    for picture in pictures:
        luma = np.asarray(picture.to_ndarray(format="gray"), np.uint8)
        yield strength(luma), strength(luma, NEWCOMER)
