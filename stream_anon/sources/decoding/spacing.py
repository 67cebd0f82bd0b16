"""Frame rate measured from the times of a file's first frames, where its header is no help."""

from __future__ import annotations

from contextlib import closing, suppress
from fractions import Fraction
from itertools import pairwise
from statistics import median_low
from typing import TYPE_CHECKING, Any

import av.error

from stream_anon.core.demuxers import demux
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.opening import open_input

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAUSIBLE = 240
"""Frames per second. Browsers and cameras that announce more mean the unit of their clock."""
ENOUGH = 120
"""Frames that are enough to measure the rate."""
MOST_PACKETS = 4000
"""Packets of all streams that are read to find them."""
_NTSC = Fraction(1000, 1001)
_NEAR = Fraction(1, 100)
"""Share by which a measured rate may be off the one that was meant: clocks are rounded."""


def measured_rate(path: Path, stream: int) -> Fraction | None:
    """Frames per second in the beginning of a video; None where frames have no times.

    Pauses do not count. Rates next to a common one are that one.

    Args:
        path: of the file.
        stream: index of the video in it.
    """
    shown: set[int] = set()
    with suppress(av.error.FFmpegError, SourceError), closing(open_input(path)) as container:
        unit = container.streams[stream].time_base
        packets: Iterator[Any] = demux(container)
        for number, packet in enumerate(packets):
            if packet.stream_index == stream and packet.size and packet.pts is not None:
                shown.add(packet.pts)
            if len(shown) == ENOUGH or number == MOST_PACKETS:
                break
    steps = [after - before for before, after in pairwise(sorted(shown))]
    if not steps or unit is None:
        return None
    usual = median_low(steps)
    even = [step for step in steps if usual <= 2 * step <= 3 * usual]
    return _meant(len(even) / (sum(even) * unit))


def _meant(rate: Fraction) -> Fraction:
    """The common rate next to a measured one."""
    whole = Fraction(round(rate))
    near = min(whole, whole * _NTSC, key=lambda common: abs(common - rate))
    return near if whole and abs(near - rate) <= rate * _NEAR else rate.limit_denominator(1000)
