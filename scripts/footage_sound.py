"""The sound of the demo video: something like speech, and clicks to check the timing by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

SOUND_RATE = 48_000
"""Samples per second."""

_VOWELS = np.array(
    [(800, 1200, 2500), (530, 1850, 2500), (300, 2300, 3000), (500, 900, 2500), (320, 800, 2300)]
)
"""The first three resonances of a, e, i, o and u, in hertz."""
_SYLLABLES = 5
"""How many a phrase has."""
_HARMONICS = 22
_STEP = 0.01
"""Seconds between the points at which pitch and resonances are set."""


def speech_like(seconds: float, seed: int) -> NDArray[np.int16]:
    """Vowels in phrases with pauses, and a click at each full second.

    Args:
        seconds: length of the sound.
        seed: chooses vowels and melody.

    Returns:
        int16 (samples,), mono, 48 kHz.
    """
    samples = round(seconds * SOUND_RATE)
    time = np.arange(samples) / SOUND_RATE
    points = np.arange(0, seconds + 2 * _STEP, _STEP)
    pitch, loudness, resonances = _phrases(points, np.random.default_rng(seed))
    phase = 2 * np.pi * np.cumsum(np.interp(time, points, pitch)) / SOUND_RATE
    voice = np.zeros(samples)
    for number in range(1, _HARMONICS + 1):
        gain = loudness * _strength(number * pitch, resonances) / number
        voice += np.interp(time, points, gain) * np.sin(number * phase)
    voice *= 0.25 / max(float(np.abs(voice).max(initial=0.0)), 1e-9)
    return np.asarray((voice + _clicks(time)) * 32767, np.int16)


def _phrases(points: Sound, random: np.random.Generator) -> tuple[Sound, Sound, Sound]:
    """Pitch in hertz (n,), loudness 0..1 (n,) and resonances in hertz (n, 3) at these times."""
    centers, tones, vowels = [], [], []
    at = 0.15
    while at < points[-1]:
        for position in range(_SYLLABLES):
            centers.append(at)
            tones.append(205 - 10 * position + random.uniform(-8, 8))
            vowels.append(_VOWELS[random.integers(len(_VOWELS))])
            at += random.uniform(0.17, 0.24)
        at += 0.3
    distance = np.abs(points[:, None] - np.array(centers)).min(axis=1)
    loudness = np.cos(np.clip(distance / 0.11, 0, 1) * np.pi / 2) ** 2
    pitch = np.interp(points, centers, tones)
    resonances = [np.interp(points, centers, column) for column in np.transpose(vowels)]
    return pitch, loudness, np.stack(resonances, axis=1)


def _strength(hertz: Sound, resonances: Sound, width: float = 110.0) -> Sound:
    """How much resonances (n, 3) let through at frequencies (n,)."""
    return np.asarray((1 / (1 + ((hertz[:, None] - resonances) / width) ** 2)).sum(axis=1))


def _clicks(time: Sound) -> Sound:
    since = time % 1.0
    return np.asarray(0.5 * np.exp(-since / 0.002) * np.sin(2 * np.pi * 2000 * since))
