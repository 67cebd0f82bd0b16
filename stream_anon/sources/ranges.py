"""Parts of a video, in frames or in seconds."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Bounds:
    """A range as it is compared with frames."""

    first_index: int | None = None
    end_index: int | None = None
    first_pts: int | None = None
    end_pts: int | None = None

    def starts_after(self, index: int, pts: int) -> bool:
        """The frame comes before the range."""
        return (self.first_index is not None and index < self.first_index) or (
            self.first_pts is not None and pts < self.first_pts
        )

    def ends_before(self, index: int, pts: int) -> bool:
        """The frame, and all after it, come after the range."""
        return (self.end_index is not None and index >= self.end_index) or (
            self.end_pts is not None and pts >= self.end_pts
        )


@dataclass(frozen=True, slots=True)
class FrameRange:
    """Frames by their index, which counts from the beginning of the video."""

    start: int = 0
    end: int | None = None
    """The first one that no longer belongs to it; None for all to the end."""
    preroll: int = 0
    """Frames before `start` that are given too: for whoever has to know what was before."""

    def __post_init__(self) -> None:
        _check(self.start, self.end, self.preroll)
        if self.start < 0:
            raise ValueError("frames count from 0")

    def bounds(self, _time_base: Fraction) -> Bounds:
        """As it is compared with frames."""
        return Bounds(first_index=max(0, self.start - self.preroll), end_index=self.end)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Frames by the time at which they are shown, in seconds: that of `Frame.time`."""

    start: Fraction | float
    end: Fraction | float | None = None
    """Frames that are shown then or later no longer belong to it; None for all to the end."""
    preroll: Fraction | float = 0
    """Seconds before `start` whose frames are given too."""

    def __post_init__(self) -> None:
        _check(self.start, self.end, self.preroll)

    def bounds(self, time_base: Fraction) -> Bounds:
        """As it is compared with frames."""
        first = Fraction(self.start) - Fraction(self.preroll)
        return Bounds(
            first_pts=ceil(first / time_base),
            end_pts=None if self.end is None else ceil(Fraction(self.end) / time_base),
        )


Range: TypeAlias = FrameRange | TimeRange
Number: TypeAlias = Fraction | float


def _check(start: Number, end: Number | None, preroll: Number) -> None:
    if end is not None and end < start:
        raise ValueError(f"a range cannot end at {end} and start at {start}")
    if preroll < 0:
        raise ValueError("a preroll is a length: it cannot be negative")
