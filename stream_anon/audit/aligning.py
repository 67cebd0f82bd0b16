"""A redacted video that is a part of the original: which frames of it, and does it fit there?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

    Times = NDArray[np.float64]
    Looks = NDArray[np.float32]

COLUMNS, ROWS = 16, 9
"""Of the small pictures by which two frames are taken for one."""
SAMPLES = 60
"""Frames of the redacted video that are tried at other places."""
BETTER = 1.5
"""It fits better elsewhere where the difference here is this many times as large, and more than"""
NOTICED = 0.5
"""as many grey levels."""
_INSTANT = 1e-6
"""Seconds by which times differ that were rounded on the way."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of the original that the redacted video should show."""

    begin: float
    """Seconds from the original's beginning."""
    end: float | None = None
    """Frames shown then or later were left out; None for where the redacted video ends."""
    snaps: bool = True
    """`begin` is the frame nearest to it, and not the first one that is not earlier."""
    source: str = "--offset"
    """Who says so."""


class Span(NamedTuple):
    """Frames of the original, by number."""

    start: int
    stop: int
    late: float
    """Seconds by which the redacted video's times are larger."""


def span_of(cut: Cut, original: Times, redacted: Times, zero: float, zero_after: float) -> Span:
    """The frames of the original that the redacted video should show.

    Args:
        cut: the part.
        original: when each frame is shown, in seconds, ascending.
        redacted: the same of the redacted video, as far as it is known.
        zero: when the original begins.
        zero_after: when the redacted video begins.
    """
    begin = zero + cut.begin
    start = int(np.searchsorted(original, begin - _INSTANT))
    if (
        cut.snaps
        and start > 0
        and (start == len(original) or begin - original[start - 1] < original[start] - begin)
    ):
        start -= 1
    first = float(original[start]) if start < len(original) else begin
    late = (float(redacted[0]) if len(redacted) else zero_after) - first
    if cut.end is not None:
        stop = int(np.searchsorted(original, zero + cut.end - _INSTANT))
    elif len(redacted):
        steps = np.diff(original)
        near = float(np.median(steps)) / 2 if len(steps) else 0.0
        stop = int(np.searchsorted(original, float(redacted[-1]) - late + near))
    else:
        stop = len(original)
    return Span(start, max(start, stop), late)


class Fit:
    """Small pictures of both videos, to tell whether one is where it should be in the other."""

    def __init__(self) -> None:
        self._original: list[NDArray[np.uint8]] = []
        self._pairs: list[tuple[int, NDArray[np.uint8]]] = []

    def see_original(self, frame: Frame) -> None:
        """Take the next frame of the original."""
        self._original.append(_small(frame))

    def see_pair(self, number: int, redacted: Frame) -> None:
        """Take a frame of the redacted video, and the number of the one it was compared with."""
        self._pairs.append((number, _small(redacted)))

    def shift(self) -> int | None:
        """Frames by which it fits clearly better later, or earlier; None where it does not.

        What stands still fits everywhere, which proves nothing and changes nothing.
        """
        if not self._pairs or len(self._original) < 2:
            return None
        picked = np.unique(np.linspace(0, len(self._pairs) - 1, SAMPLES).astype(int))
        numbers = np.array([self._pairs[n][0] for n in picked])
        looks = _level(np.array([self._pairs[n][1] for n in picked]))
        all_looks = _level(np.array(self._original))
        # All frames have to lie within the original, as they do where they are.
        shifts = np.arange(-int(numbers[0]), len(all_looks) - int(numbers[-1]))
        apart = np.array([np.abs(all_looks[numbers + by] - looks).mean() for by in shifts])
        here, best = float(apart[shifts == 0][0]), int(apart.argmin())
        if here > max(BETTER * float(apart[best]), float(apart[best]) + NOTICED):
            return int(shifts[best])
        return None


def _small(frame: Frame) -> NDArray[np.uint8]:
    return shrunk(frame.planes[0], COLUMNS, ROWS).ravel()


def _level(pictures: NDArray[np.uint8]) -> Looks:
    """Without their brightness."""
    looks = pictures.astype(np.float32)
    return np.asarray(looks - looks.mean(1, keepdims=True), np.float32)
