"""Sound of a live stream on its way beside the pictures: one form for all sources and outputs."""

from __future__ import annotations

from dataclasses import dataclass
from operator import index
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.int16]
    Plane: TypeAlias = NDArray[np.uint8]

SOUND_RATE = 48_000
SOUND_CHANNELS = 2
_BYTES = 2 * SOUND_CHANNELS
LONGEST_WAIT = 10
"""Seconds of sound that wait for a picture; what is older is left out."""
MOST_BYTES = 2 * LONGEST_WAIT * SOUND_RATE * _BYTES
"""In one message."""


@dataclass(frozen=True, slots=True, eq=False)
class SoundBlock:
    """Some samples in a row."""

    time: int
    """Of the first one, in units of the live clock: a pts, or on the way to it another count."""
    samples: Samples
    """Shape (samples, channels), `SOUND_RATE` a second."""

    def __post_init__(self) -> None:
        if self.samples.dtype != np.int16 or self.samples.shape[1:] != (SOUND_CHANNELS,):
            raise ValueError("a block of sound has 16 bits and two channels")


def pack_sound(blocks: Iterable[SoundBlock]) -> tuple[list[list[int]], tuple[Plane, ...]]:
    """A table and what it describes, for a message; no plane where there is no sound."""
    blocks = [block for block in blocks if len(block.samples)]
    if not blocks:
        return [], ()
    whole = np.ascontiguousarray(np.concatenate([block.samples for block in blocks]))
    return [[block.time, len(block.samples)] for block in blocks], (
        whole.view(np.uint8).reshape(1, -1),
    )


def unpack_sound(table: Any, planes: tuple[Plane, ...]) -> list[SoundBlock]:
    """The inverse of `pack_sound`.

    Raises:
        TypeError, ValueError: they do not belong together.
    """
    entries = [(index(time), index(count)) for time, count in table]
    if not entries and not planes:
        return []
    (plane,) = planes
    if min(count for _, count in entries) < 1 or plane.shape != (
        1,
        _BYTES * sum(count for _, count in entries),
    ):
        raise ValueError("sound of another length than was said")
    whole = plane.reshape(-1).view(np.int16).reshape(-1, SOUND_CHANNELS)
    blocks, at = [], 0
    for time, count in entries:
        blocks.append(SoundBlock(time, whole[at : at + count]))
        at += count
    return blocks
