"""Ranges of sound made silent, exact to the sample."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.audio.censor import FADE, SPARE, TONE_LEVEL, Censor
from stream_anon.core.sound_plan import SoundPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]

RATE = 8000
SPREAD = round((SPARE + FADE) * RATE)
"""Samples beside a range that are changed."""


def censor(said: str, *, zero: float = 0, start: float | None = None) -> Censor:
    begins = None if start is None else Fraction(str(start))
    return Censor(SoundPlan.parse(said), zero=Fraction(str(zero)), start=begins)


def noise(seconds: float, channels: int = 2) -> Sound:
    generator = np.random.default_rng(0)
    sound = generator.uniform(0.1, 0.8, (channels, round(seconds * RATE)))
    return sound.astype(np.float32)


def covered(one: Censor, sound: Sound, at: int, rate: int = RATE) -> Sound:
    return one.toned(one.silenced(sound, rate, at), rate, at)


def all_at_once(said: str, sound: Sound) -> Sound:
    return covered(censor(said), sound, 0)


def silent(sound: Sound) -> list[int]:
    """Samples that are silent on all channels."""
    return [int(at) for at in np.flatnonzero(np.abs(sound).max(axis=0) == 0)]


def test_a_range_is_silent_and_nothing_else_is_changed() -> None:
    sound = noise(2)
    done = all_at_once("mute 0.5-1", sound)
    spare = round(SPARE * RATE)
    assert silent(done) == list(range(4000 - spare, 8000 + spare + 1))
    assert np.array_equal(done[:, : 4000 - SPREAD], sound[:, : 4000 - SPREAD])
    assert np.array_equal(done[:, 8000 + SPREAD + 1 :], sound[:, 8000 + SPREAD + 1 :])
    fading = done[0, 4000 - SPREAD : 4000 - spare] / sound[0, 4000 - SPREAD : 4000 - spare]
    assert (np.diff(fading) < 0).all()


def test_an_open_range_has_no_end() -> None:
    sound = noise(1)
    assert not np.any(censor("mute 5-").silenced(sound, RATE, 1000 * RATE))
    assert censor("mute 5-").silenced(sound, RATE, 0) is sound


def test_of_two_positions_both_are_silenced() -> None:
    done = censor("mute 1-2").silenced(noise(4), RATE, 0, -RATE)
    spare = round(SPARE * RATE)
    assert silent(done) == list(range(RATE - spare, 3 * RATE + spare + 1))


def test_what_is_no_number_is_silenced_too() -> None:
    sound = np.full((1, RATE), np.nan, np.float32)
    sound[0, 4000] = np.inf
    assert not np.any(all_at_once("mute 0-1", sound))


def test_a_beep_is_a_modest_tone_in_its_range_alone() -> None:
    done = all_at_once("beep 0.5-1", noise(2))
    inside = done[0, 4000:8000]
    assert np.array_equal(done[0, 4000:8000], done[1, 4000:8000])
    assert np.abs(np.fft.rfft(inside)).argmax() == 500  # of half a second: 1 kHz
    assert np.abs(inside).max() == pytest.approx(TONE_LEVEL, rel=0.01)
    assert np.abs(inside[:4]).max() < TONE_LEVEL / 5, "it does not fade in"
    assert np.abs(inside[-4:]).max() < TONE_LEVEL / 5, "it does not fade out"
    assert not np.any(done[:, 4000 - 10 : 4000])
    tone = all_at_once("beep 0.5-1", np.zeros((2, 2 * RATE), np.float32))
    assert np.array_equal(done[:, 4000:8000], tone[:, 4000:8000]), "something of the sound is left"


def test_a_beep_is_heard_where_it_is_muted_too() -> None:
    both = all_at_once("mute 0.2-1.5, beep 0.5-1", noise(2))
    assert np.array_equal(both[:, 4000:8000], all_at_once("beep 0.5-1", noise(2))[:, 4000:8000])
    assert not np.any(both[:, 8001:12000])


@given(st.lists(st.integers(0, 400), min_size=1, max_size=30), st.sampled_from([8000, 11025]))
def test_how_sound_is_cut_into_blocks_does_not_matter(sizes: list[int], rate: int) -> None:
    sound = noise(1)
    said = "mute 0.01-0.03, beep 0.05-0.0501, 0.3-0.4, mute 0.35-0.6"
    at, blocks = 0, []
    one = censor(said)
    for size in [*sizes, sound.shape[1]]:
        blocks.append(covered(one, sound[:, at : at + size], at, rate))
        at = min(at + size, sound.shape[1])
    assert np.array_equal(np.concatenate(blocks, axis=1), covered(censor(said), sound, 0, rate))


def test_ranges_count_from_the_beginning_of_the_input_wherever_the_output_begins() -> None:
    one, spare = censor("mute 3-4", zero=100), round(SPARE * RATE)
    assert silent(one.silenced(noise(5), RATE, 0))[0] == 3 * RATE - spare
    one.count_from(Fraction(102))
    assert silent(one.silenced(noise(5), RATE, 0))[0] == RATE - spare


@pytest.mark.parametrize(
    ("start", "begin", "end"), [(0.5, 1, 2.5), (-0.25, 0.75, 2), (7000, 1, 3), (None, 1, 2)]
)
def test_both_ways_to_count_are_silenced_where_players_do_not_agree(
    start: float | None, begin: float, end: float
) -> None:
    found = silent(censor("mute 1-2", start=start).silenced(noise(4), RATE, 0))
    spare = round(SPARE * RATE)
    assert found[0] == round(begin * RATE) - spare
    assert found[-1] == round(end * RATE) + spare
