"""Ranges of a sound made silent, or replaced by a tone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.core.sound_plan import SoundPlan, SoundRange

    Sound: TypeAlias = NDArray[np.float32]

SPARE = Fraction(1, 100)
"""Seconds silenced on either side of a range: a codec smears sound by some milliseconds."""
FADE = Fraction(1, 200)
"""Seconds of fading outside of what is silenced, so that it does not click."""
TONE = 1000
"""Hertz."""
TONE_LEVEL = 0.1
"""Amplitude, where 1 is the loudest: 20 dB below it."""
FOREVER = 1 << 62
"""A sample that never comes."""


@dataclass(frozen=True, slots=True)
class _Samples:
    """A range of samples, both ends included."""

    first: int
    last: int

    def is_near(self, at: int, count: int, margin: int) -> bool:
        return at + count > self.first - margin and at <= self.last + margin

    def depth(self, at: int, count: int) -> NDArray[np.int64]:
        """How many samples each one lies inside; negative outside."""
        sample = np.arange(at, at + count, dtype=np.int64)
        return np.minimum(sample - self.first, self.last - sample)


class Censor:
    """Silences the ranges of a plan in blocks of sound, whatever their size; exact to the sample.

    Blocks are float32, shape (channels, samples); those outside of all ranges come back as they
    are. Positions count in samples of the output from its zero.
    """

    def __init__(self, plan: SoundPlan, *, zero: Fraction, start: Fraction | None = None) -> None:
        """Prepare for one file.

        Args:
            plan: with ranges.
            zero: the input's time from which the ranges count, in seconds.
            start: where the input says that it begins. Some players count from there: ranges
                are silenced by either count.
        """
        none, most = Fraction(0), Fraction(1)
        apart = none if start is None else max(-most, min(start - zero, most))
        self._early, self._late = min(apart, none) - SPARE, max(apart, none) + SPARE
        self._plan = plan
        self._zero = self._output_zero = zero
        self._by_rate: dict[int, tuple[list[_Samples], list[_Samples]]] = {}

    def count_from(self, zero: Fraction) -> None:
        """Let the output begin there, in the input's seconds."""
        self._output_zero = zero
        self._by_rate.clear()

    def silenced(self, block: Sound, rate: int, *positions: int) -> Sound:
        """A block without the sound in any range.

        Args:
            block: some sound.
            rate: samples in a second.
            positions: of its first sample; where there are several, all of them count.
        """
        fade, count = _fade(rate), block.shape[1]
        gain: NDArray[np.float64] | None = None
        for at in set(positions):
            for covered in self._ranges(rate)[0]:
                if covered.is_near(at, count, fade):
                    one = np.clip(-covered.depth(at, count) / fade, 0, 1)
                    gain = one if gain is None else np.minimum(gain, one)
        if gain is None:
            return block
        # Not times zero, which leaves something of what is no number.
        return np.multiply(block, gain, out=np.zeros_like(block), where=gain > 0)

    def toned(self, block: Sound, rate: int, at: int) -> Sound:
        """A silenced block that begins at sample `at`, with the tone where it was asked for."""
        for beep in self._ranges(rate)[1]:
            if beep.is_near(at, block.shape[1], 0):
                envelope = np.clip(beep.depth(at, block.shape[1]) / _fade(rate), 0, 1)
                turns = np.arange(at, at + block.shape[1], dtype=np.int64) * TONE % rate / rate
                tone = TONE_LEVEL * envelope * np.sin(2 * np.pi * turns)
                block = (block + tone).astype(np.float32)
        return block

    def _ranges(self, rate: int) -> tuple[list[_Samples], list[_Samples]]:
        """What is silenced, and what gets a tone."""
        if rate not in self._by_rate:
            self._by_rate[rate] = (
                self._samples(self._plan.covered, rate, self._early, self._late),
                self._samples(self._plan.beep, rate, Fraction(0), Fraction(0)),
            )
        return self._by_rate[rate]

    def _samples(
        self, ranges: Sequence[SoundRange], rate: int, early: Fraction, late: Fraction
    ) -> list[_Samples]:
        shift = self._zero - self._output_zero
        return [
            _Samples(
                floor((one.begin + shift + early) * rate),
                FOREVER if one.end is None else ceil((one.end + shift + late) * rate),
            )
            for one in ranges
        ]


def _fade(rate: int) -> int:
    return max(1, round(FADE * rate))
