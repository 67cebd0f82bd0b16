"""Redacted frames of a live stream that carry their number, and the numbers that files show."""

from __future__ import annotations

from fractions import Fraction
from typing import IO, TYPE_CHECKING, NamedTuple

import av
import numpy as np

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame, StreamInfo
from stream_anon.core.redacted import MaskedFrame, RedactedFrame
from stream_anon.redaction.redactor import Redactor

if TYPE_CHECKING:
    from pathlib import Path

UNIT = Fraction(1, 90_000)
RATE = 25
STEP = 90_000 // RATE
FIRST_PTS = 8_123_456_789
"""A live clock starts anywhere."""
NUMBERS = 64
"""After which they begin again."""
WIDTH, HEIGHT = 64, 48
INFO = StreamInfo("live", WIDTH, HEIGHT, UNIT, rate=Fraction(RATE), live=True)


def numbered(
    index: int, *, size: tuple[int, int] = (WIDTH, HEIGHT), pts: int | None = None
) -> RedactedFrame:
    """A picture that is brighter for each number; it comes 1/25 s after the one before."""
    width, height = size
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    luma = np.full((height, width), 16 + 3 * (index % NUMBERS), np.uint8)
    frame = Frame(
        planes=(luma, chroma, chroma.copy()),
        index=index,
        pts=FIRST_PTS + index * STEP if pts is None else pts,
        time_base=UNIT,
    )
    return Redactor(Redaction(), ColorTags()).redact(MaskedFrame(frame, ()))


class Seen(NamedTuple):
    """One decoded picture."""

    number: int
    time: Fraction | None
    """In seconds."""
    key: bool


def seen(file: Path | IO[bytes], *, cut_short: bool = False) -> list[Seen]:
    """Every picture of a video, as a player decodes it.

    Args:
        file: a path, or a file that is open.
        cut_short: it may end in the middle of a picture, or before the first one.
    """
    frames: list[Seen] = []
    try:
        with av.open(file, "r") as opened:
            frames.extend(_seen(picture) for picture in opened.decode(video=0))
    except (av.error.InvalidDataError, av.error.EOFError):
        if not cut_short:
            raise
    return frames


def _seen(picture: av.VideoFrame) -> Seen:
    time = None
    if picture.pts is not None and picture.time_base is not None:
        time = Fraction(picture.pts * picture.time_base)
    return Seen(number(picture), time, bool(picture.key_frame))


def number(picture: av.VideoFrame) -> int:
    """The number that a decoded picture carries."""
    return round((float(picture.to_ndarray()[: picture.height].mean()) - 16) / 3)


def numbers(frames: list[Seen]) -> list[int]:
    return [frame.number for frame in frames]


def expected(count: int, first: int = 0) -> list[int]:
    """The numbers of so many frames in a row."""
    return [index % NUMBERS for index in range(first, first + count)]
