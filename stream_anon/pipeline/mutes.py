"""Ranges of sound that edits make silent, as a plan for the sound has them."""

from __future__ import annotations

import math
from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING

from stream_anon.core.sound_plan import SoundPlan

if TYPE_CHECKING:
    from stream_anon.masking.edits import Edit, Edits
    from stream_anon.masking.masks_file import MasksReader

MICRO = 1_000_000


def with_mutes(audio: str, edits: Edits, reader: MasksReader, zero: Fraction) -> str:
    """What becomes of the sound, with the ranges that edits make silent.

    Args:
        audio: what becomes of it without them, as `output.audio` says it.
        edits: some of which may mute; their ranges are frames.
        reader: of the record, which knows the times of the frames.
        zero: the time at which the recording begins, in seconds.

    Raises:
        ConfigError: the record is damaged.
    """
    mutes = [edit for edit in edits.edits if edit.kind == "mute"]
    if not mutes or SoundPlan.parse(audio).base == "drop":  # there is no sound
        return audio
    frames = [(frame.index, frame.pts) for frame in reader.frames()]
    ranges = ", ".join(_range(edit, frames, reader.time_base, zero) for edit in mutes)
    return f"{audio}, mute {ranges}"


def _range(edit: Edit, frames: list[tuple[int, int]], unit: Fraction, zero: Fraction) -> str:
    """From the beginning of its first frame to the end of its last one, in seconds."""
    begin = bisect_right(frames, edit.first or 0, key=_number) - 1
    first = max(Fraction(0), frames[begin][1] * unit - zero) if edit.first else Fraction(0)
    text = f"{math.floor(first * MICRO) / MICRO:.6f}-"
    if edit.last is None or (end := bisect_right(frames, edit.last, key=_number)) == len(frames):
        return text
    last = max(Fraction(1, MICRO), frames[end][1] * unit - zero)
    return f"{text}{math.ceil(last * MICRO) / MICRO:.6f}"


def _number(frame: tuple[int, int]) -> int:
    return frame[0]
