"""Which frame of the redacted video belongs to which of the original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

    Times = NDArray[np.float64]

NEAR = 0.45
"""Share of a short time between two frames by which a frame's time may be off."""
ENOUGH = 0.9
"""Share of the frames that have to match by time, or else they are matched by order."""
SAME_TIME = 0.002
"""Seconds by which times differ where a container rounds them."""


class Pair(NamedTuple):
    """A frame of each video, or of one where the other has none."""

    before: Frame | None
    after: Frame | None


@dataclass(frozen=True, slots=True)
class Matching:
    """How frames are matched."""

    by_time: bool
    offset: float = 0.0
    """Seconds by which the redacted video is late."""
    near: float = 0.02
    """Seconds by which the time of a frame may be off."""

    def pairs(self, original: Iterator[Frame], redacted: Iterator[Frame]) -> Iterator[Pair]:
        """Every frame of both, in order."""
        before, after = next(original, None), next(redacted, None)
        while before is not None or after is not None:
            late = self._late(before, after)
            has_before = before is not None and late >= 0
            has_after = after is not None and late <= 0
            yield Pair(before if has_before else None, after if has_after else None)
            if has_before:
                before = next(original, None)
            if has_after:
                after = next(redacted, None)

    def _late(self, before: Frame | None, after: Frame | None) -> int:
        """1 where the redacted frame belongs to a later one of the original, -1 to an earlier."""
        if before is None or after is None:
            return -1 if before is None else 1
        apart = after.time - before.time - self.offset
        if not self.by_time or abs(apart) <= self.near:
            return 0
        return 1 if apart > 0 else -1


def matching(original: Times, redacted: Times, offset: float = 0.0) -> Matching:
    """By time where nearly all frames have one in common, else by order.

    Args:
        original: when each frame is shown, in seconds, ascending.
        redacted: the same of the other video, as far as it is known.
        offset: how much later the redacted one should begin, in seconds.
    """
    if not len(original) or not len(redacted):
        return Matching(by_time=False, offset=offset)
    steps = np.diff(original)
    steps = steps[steps > 0]
    near = max(SAME_TIME, NEAR * float(np.percentile(steps, 10))) if len(steps) else 1.0
    fewer = min(len(original), len(redacted))
    for late in (offset, float(redacted[0] - original[0])):
        if _common(original, redacted - late, near) >= ENOUGH * fewer:
            return Matching(by_time=True, offset=late, near=near)
    return Matching(by_time=False, offset=float(redacted[0] - original[0]))


def _common(original: Times, redacted: Times, near: float) -> int:
    """Frames of the original with one of the redacted video at their time."""
    after = np.clip(np.searchsorted(original, redacted), 1, max(1, len(original) - 1))
    sides = np.stack([after - 1, np.minimum(after, len(original) - 1)])
    apart = np.abs(original[sides] - redacted)
    closest = np.where(apart[0] <= apart[1], sides[0], sides[1])
    return len(np.unique(closest[apart.min(0) <= near]))
