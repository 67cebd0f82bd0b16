"""The voice disguise: same length, same time, another voice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.audio.disguise import FORMANT_RANGES, PITCH_RANGES, VoiceDisguise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sound = NDArray[np.float32]
    Real = NDArray[np.float64]

pytestmark = pytest.mark.slow

RATE = 10_000
PITCH = 150.0
FORMANTS = (700.0, 1700.0, 3100.0, 4300.0)
SEEDS = (0, 1, 6, 10)  # one for each pair of directions, see test_all_directions_occur


def disguised(sound: Sound, rate: int = RATE, *, seed: int | None = 1, block: int = 1000) -> Sound:
    disguise = VoiceDisguise(rate, len(sound), seed=seed)
    parts = [disguise.process(sound[:, i : i + block]) for i in range(0, sound.shape[1], block)]
    return np.concatenate([*parts, disguise.flush()], axis=1)


def vowel(
    seconds: float = 2.0, rate: int = RATE, *, pitch: float = PITCH, vibrato: float = 0.0
) -> Sound:
    """A mono vowel: each harmonic of `pitch` as loud as formants of 90 Hz width make it."""
    time = np.arange(round(seconds * rate)) / rate
    hertz = pitch * (1 + vibrato * np.sin(2 * np.pi * 3 * time))
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    sound = np.zeros_like(time)
    for harmonic in range(1, int(rate / 2 / hertz.max())):
        here = harmonic * hertz
        for formant in FORMANTS:
            gain = 90 * here / np.abs(formant**2 - here**2 + 90j * here)
            sound += gain * np.cos(harmonic * phase)
    whole: Sound = (0.5 * sound / np.abs(sound).max()).astype(np.float32)
    return whole[None]


def noise(samples: int, channels: int = 1, seed: int = 0) -> Sound:
    generator = np.random.default_rng(seed)
    sound: Sound = generator.standard_normal((channels, samples), np.float32)
    return sound * np.float32(0.1)


def pitches(sound: Sound) -> Real:
    """The fundamental of each quarter of a second, in hertz, from 95 to 240."""
    return periods(sound)[0]


def periods(sound: Sound) -> tuple[Real, Real]:
    """For each quarter of a second its fundamental in hertz and how alike its periods are, 0..1."""
    size, finer = RATE // 4, 4
    window = np.hanning(size)
    lags = np.arange(finer * RATE // 240, finer * RATE // 95)

    def autocorrelation(part: Real) -> Real:
        return np.fft.irfft(np.abs(np.fft.rfft(part, 2 * size)) ** 2, finer * 2 * size)

    found = []
    for part in sound[0].reshape(-1, size):
        likeness = autocorrelation(part * window) / autocorrelation(window)
        likeness /= likeness[0]
        first = lags[likeness[lags] > 0.75 * likeness[lags].max()][0]
        best = first + np.argmax(likeness[first : first + 8 * finer])
        found.append((finer * RATE / best, likeness[best]))
    hertz, alike = np.array(found).T
    return hertz, alike


def formants(sound: Sound) -> Real:
    """Where the smoothed spectrum peaks within 25 % of the first three FORMANTS, in hertz."""
    power = np.abs(np.fft.rfft(sound[0])) ** 2
    hertz = np.linspace(0, RATE / 2, len(power))
    power = np.convolve(power, np.hanning(round(len(power) * 300 / (RATE / 2))), "same")
    near = [np.abs(hertz / formant - 1) < 0.25 for formant in FORMANTS[:3]]
    return np.array([hertz[part][np.argmax(power[part])] for part in near])


def likeness_of_spectra(one: Sound, other: Sound) -> float:
    first, second = np.abs(np.fft.rfft(one[0])), np.abs(np.fft.rfft(other[0]))
    return float(np.corrcoef(first, second)[0, 1])


def loudness(sound: Sound, step: int) -> Real:
    """Root mean square of every `step` samples of the first channel."""
    whole = sound[0, : sound.shape[1] // step * step].astype(np.float64)
    power: Real = (whole.reshape(-1, step) ** 2).mean(axis=1)
    return np.sqrt(power)


class TestLengthAndTime:
    @settings(max_examples=40, deadline=None)
    @given(
        blocks=st.lists(st.integers(0, 2000), max_size=6),
        rate=st.sampled_from([1000, 8000, 11025, 44100, 48000]),
        channels=st.integers(1, 3),
    )
    def test_as_many_samples_come_out_as_went_in(
        self, blocks: list[int], rate: int, channels: int
    ) -> None:
        disguise = VoiceDisguise(rate, channels, seed=1)
        parts = [disguise.process(noise(size, channels)) for size in blocks]
        parts.append(disguise.flush())
        assert sum(part.shape[1] for part in parts) == sum(blocks)
        assert all(len(part) == channels and part.dtype == np.float32 for part in parts)

    @pytest.mark.parametrize("samples", [0, 1, 100])
    def test_very_short_sounds(self, samples: int) -> None:
        sound = disguised(noise(samples), 48_000)
        assert sound.shape == (1, samples)
        assert np.isfinite(sound).all()

    def test_nothing_is_handed_out_later_than_one_frame(self) -> None:
        disguise = VoiceDisguise(48_000, 1, seed=1)
        out = sum(disguise.process(noise(1000)).shape[1] for _ in range(20))
        assert 20_000 - out <= 0.046 * 48_000

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_click_stays_where_it_is(self, seed: int) -> None:
        sound = noise(RATE) * 1e-3
        sound[0, 4321] = 0.9
        energy = disguised(sound, seed=seed)[0].astype(np.float64) ** 2
        center = (energy * np.arange(RATE)).sum() / energy.sum()
        assert abs(center - 4321) < 0.023 * RATE

    @pytest.mark.parametrize("seed", SEEDS)
    def test_loudness_follows_the_input(self, seed: int) -> None:
        time = np.arange(2 * RATE) / RATE
        sound = (vowel() * (np.sin(2 * np.pi * time * (1 + time)) > 0)).astype(np.float32)
        before, after = loudness(sound, RATE // 100), loudness(disguised(sound, seed=seed), 100)
        shifts = range(-20, 21)
        fits = [np.corrcoef(before[20:-20], np.roll(after, -s)[20:-20])[0, 1] for s in shifts]
        assert abs(shifts[int(np.argmax(fits))]) <= 1
        assert max(fits) > 0.9

    @pytest.mark.parametrize("block", [1, 77, 4096, 1_000_000])
    def test_blocks_do_not_matter(self, block: int) -> None:
        sound = vowel(0.7 if block == 1 else 2.0)
        np.testing.assert_allclose(disguised(sound, block=block), disguised(sound), atol=1e-4)


class TestAnotherVoice:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_pitch_is_moved_all_the_time(self, seed: int) -> None:
        ratios = pitches(disguised(vowel(), seed=seed)) / PITCH
        down, up = PITCH_RANGES
        low, high = down if ratios[0] < 1 else up
        assert abs(ratios - 1).min() >= 0.15
        assert ratios.min() > low - 0.01
        assert ratios.max() < high + 0.01

    @pytest.mark.parametrize("seed", SEEDS)
    def test_formants_are_moved_on_their_own(self, seed: int) -> None:
        sound = vowel(pitch=110, vibrato=0.2)
        ratios = formants(disguised(sound, seed=seed)) / formants(sound)
        down, up = FORMANT_RANGES
        low, high = down if ratios.mean() < 1 else up
        assert abs(ratios - 1).min() >= 0.08
        assert ratios.min() > low - 0.05
        assert ratios.max() < high + 0.05

    def test_all_directions_occur(self) -> None:
        directions = set()
        for seed in SEEDS:
            after = disguised(vowel(), seed=seed)
            directions.add((pitches(after)[0] > PITCH, formants(after)[1] > FORMANTS[1]))
        assert len(directions) == 4

    def test_factors_wander(self) -> None:
        found = pitches(disguised(vowel(4.0)))
        assert found.max() / found.min() > 1.04

    @pytest.mark.parametrize("seed", SEEDS)
    def test_the_voice_stays_clear(self, seed: int) -> None:
        _, alike = periods(disguised(vowel(), seed=seed))
        assert np.median(alike) > 0.98

    @pytest.mark.parametrize("seed", SEEDS)
    def test_little_of_the_spectrum_remains(self, seed: int) -> None:
        assert likeness_of_spectra(vowel(), disguised(vowel(), seed=seed)) < 0.3

    def test_seeds_make_different_voices_and_repeat(self) -> None:
        sound = vowel(0.5)
        assert np.array_equal(disguised(sound, seed=1), disguised(sound, seed=1))
        assert not np.allclose(disguised(sound, seed=1), disguised(sound, seed=2), atol=0.01)

    def test_without_a_seed_every_run_differs(self) -> None:
        sound = vowel(0.5)
        assert not np.allclose(disguised(sound, seed=None), disguised(sound, seed=None), atol=0.01)

    def test_works_at_telephone_rate(self) -> None:
        before = vowel(rate=8000)
        after = disguised(before, 8000, seed=0)
        assert after.shape == before.shape
        assert likeness_of_spectra(before, after) < 0.3
        assert 0.5 < after.std() / before.std() < 2


class TestChannels:
    @pytest.mark.parametrize("channels", [2, 8])
    def test_equal_channels_stay_equal(self, channels: int) -> None:
        mono = vowel(0.5)
        after = disguised(np.repeat(mono, channels, axis=0))
        np.testing.assert_allclose(after, np.repeat(disguised(mono), channels, axis=0), atol=1e-4)

    def test_the_difference_between_channels_stays(self) -> None:
        left = vowel(0.5)
        after = disguised(np.concatenate([left, -0.25 * left]))
        np.testing.assert_allclose(after[1], -0.25 * after[0], atol=1e-4)

    def test_each_channel_is_disguised_and_a_silent_one_stays_silent(self) -> None:
        right = vowel()
        after = disguised(np.concatenate([0 * right, right]))
        assert not after[0].any()
        hertz, alike = periods(after[1:])
        assert abs(hertz / PITCH - 1).min() >= 0.15
        assert np.median(alike) > 0.98


class TestRange:
    def test_silence_stays_silence(self) -> None:
        assert not disguised(np.zeros((2, RATE), np.float32)).any()

    def test_silence_after_sound_is_silent(self) -> None:
        sound = np.concatenate([vowel(0.5), np.zeros((1, RATE), np.float32)], axis=1)
        after = disguised(sound)
        assert after[0, : RATE // 2].std() > 0.03
        assert abs(after[0, RATE // 2 + RATE // 10 :]).max() < 1e-6

    @pytest.mark.parametrize("seed", SEEDS)
    def test_loud_sound_stays_in_range(self, seed: int) -> None:
        after = disguised(np.sign(vowel()) + 30 * noise(2 * RATE), seed=seed)
        assert np.isfinite(after).all()
        assert 0.9 < abs(after).max() <= 1

    def test_loudness_is_about_kept(self) -> None:
        for sound in (vowel(), noise(2 * RATE)):
            assert 0.5 < disguised(sound).std() / sound.std() < 2

    def test_broken_samples_do_no_harm(self) -> None:
        sound = vowel(0.5)
        sound[0, 1000:1003] = (np.nan, np.inf, -np.inf)
        after = disguised(sound)
        assert np.isfinite(after).all()
        assert after[0, 3000:].std() > 0.03


class TestMisuse:
    @pytest.mark.parametrize(("rate", "channels"), [(999, 1), (0, 1), (-48_000, 1), (48_000, 0)])
    def test_impossible_streams_are_refused(self, rate: int, channels: int) -> None:
        with pytest.raises(ValueError, match=r"samples/s|channel"):
            VoiceDisguise(rate, channels)

    @pytest.mark.parametrize("shape", [(100,), (1, 100), (3, 100), (2, 100, 1)])
    def test_other_shapes_are_refused(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="shape"):
            VoiceDisguise(48_000, 2).process(np.zeros(shape, np.float32))

    def test_a_flushed_stream_is_over(self) -> None:
        disguise = VoiceDisguise(48_000, 1)
        disguise.process(noise(500))
        assert disguise.flush().shape == (1, 500)
        assert disguise.flush().shape == (1, 0)
        with pytest.raises(RuntimeError, match="flushed"):
            disguise.process(noise(1))
