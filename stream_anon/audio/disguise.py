"""A voice disguise: moves pitch and formants of everything it hears, each by its own factor.

What it is for: somebody who listens should find the voice hard to recognise. What it does not do:
it does not defeat forensic or automatic speaker recognition, and words, accent, rhythm and manner
of speaking remain. Somebody who must not be found needs the sound removed. The two factors are
secret and wander, so no constant inverse restores the voice; but they are not a key, and who
manages to follow them can undo much of the change. No listeners have been asked so far.

How it works, frame by frame (Hann window, 46 ms, 75 % overlap):

1. The spectral envelope, the shape the mouth gives, is found by cepstral liftering with the "true
   envelope" iteration: A. Röbel, X. Rodet, "Efficient spectral envelope estimation and its
   application to pitch shifting and envelope preservation", DAFx 2005.
2. What remains when it is divided out, the excitation, is shifted in pitch, peak by peak:
   J. Laroche, M. Dolson, "New phase-vocoder techniques for pitch-shifting, harmonizing and other
   exotic effects", WASPAA 1999.
3. The envelope is stretched along the frequency axis by the second factor and put back.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Real: TypeAlias = NDArray[np.float64]
    Complex: TypeAlias = NDArray[np.complex128]
    Index: TypeAlias = NDArray[np.intp]
    Ranges: TypeAlias = tuple[tuple[float, float], ...]

LOWEST_SAMPLE_RATE = 1_000
FRAME_SECONDS = 0.046
HOPS_PER_FRAME = 4

PITCH_RANGES = ((0.72, 0.84), (1.2, 1.4))
FORMANT_RANGES = ((0.84, 0.9), (1.12, 1.2))
WANDER_SECONDS = (0.5, 2.0)

# In seconds: kept whole up to the first, nothing from the second on. Shorter ones blur formants, so
# that some stay where they were; longer ones take the harmonics of high voices for formants.
ENVELOPE_QUEFRENCIES = (0.002, 0.0034)
ENVELOPE_ITERATIONS = 3
ENVELOPE_DEPTH = np.log(1e4)  # 80 dB: deeper valleys are inaudible and make the lifter ring

FRAMES_AT_ONCE = 32  # bounds the memory that a long block takes
LINEAR_LIMIT = 0.9


class VoiceDisguise:
    """Disguises one stream of sound, block by block.

    The output is in time with the input and has exactly as many samples, but is handed out about
    one frame (46 ms) later; `flush` hands out the rest. How the input is cut into blocks does not
    matter. Not for use by several threads at once.
    """

    def __init__(self, sample_rate: int, channels: int, *, seed: int | None = None) -> None:
        """Start a stream of `channels` channels, which all get the same factors.

        A `seed` makes the factors repeatable and so the disguise easier to undo: it is for tests.
        Raises ValueError for a sample rate below 1000 per second and for less than one channel.
        """
        if sample_rate < LOWEST_SAMPLE_RATE:
            raise ValueError(f"a voice needs {LOWEST_SAMPLE_RATE} samples/s, not {sample_rate}")
        if channels < 1:
            raise ValueError(f"sound has at least one channel, not {channels}")
        self._hop = round(sample_rate * FRAME_SECONDS / HOPS_PER_FRAME)
        self._frame = self._hop * HOPS_PER_FRAME
        self._window = np.hanning(self._frame + 1)[:-1]
        samples = np.arange(self._frame)
        quefrencies = np.minimum(samples, self._frame - samples) / sample_rate
        self._lifter = np.interp(quefrencies, ENVELOPE_QUEFRENCIES, (1, 0))

        # One generator for each factor, lest the order of draws depend on the block size.
        secret = np.random.default_rng(secrets.randbits(128) if seed is None else seed)
        for_pitch, for_formants = secret.spawn(2)
        self._pitch = _Wander(PITCH_RANGES, sample_rate / self._hop, for_pitch)
        self._formants = _Wander(FORMANT_RANGES, sample_rate / self._hop, for_formants)

        bins = self._frame // 2 + 1
        self._last_spectra: Complex = np.zeros((channels, 1, bins), np.complex128)
        self._rotation: Real = np.zeros(bins)
        # The first frames begin before the sound does, so that all samples are in equally many.
        self._lead = self._frame - self._hop
        self._waiting: Real = np.zeros((channels, self._lead))
        self._overlap: Real = np.zeros((channels, HOPS_PER_FRAME - 1, self._hop))
        self._early = self._lead  # samples of the output that lie before the sound
        self._owed = 0
        self._flushed = False

    def process(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take the next samples and return those that are ready.

        Both are float32, shape (channels, samples), -1..1, but seldom of the same length: `block`
        may have any, also 0. What is beyond the range is clipped, and NaN becomes silence. Raises
        ValueError for another shape, and RuntimeError after `flush`.
        """
        if self._flushed:
            raise RuntimeError("the voice disguise was flushed; start a new one")
        channels = len(self._waiting)
        if block.ndim != 2 or len(block) != channels:
            raise ValueError(f"expected shape ({channels}, samples), got {block.shape}")
        self._owed += block.shape[1]
        return self._advance(np.clip(np.nan_to_num(block, nan=0.0), -1, 1))

    def flush(self) -> NDArray[np.float32]:
        """End the stream and return the samples still missing: float32, (channels, samples).

        A second call returns none.
        """
        self._flushed = True
        return self._advance(np.zeros((len(self._waiting), self._frame)))

    def _advance(self, samples: NDArray[np.floating]) -> NDArray[np.float32]:
        """Disguise all frames that `samples` completes and return what no later frame changes."""
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        ready = []
        while (left := (self._waiting.shape[1] - self._lead) // self._hop) > 0:
            count = min(left, FRAMES_AT_ONCE)
            frames = sliding_window_view(self._waiting, self._frame, axis=1)
            frames = frames[:, : count * self._hop : self._hop]
            spectra = self._disguised(np.fft.rfft(frames * self._window))
            ready.append(self._joined(np.fft.irfft(spectra, self._frame) * self._window))
            self._waiting = self._waiting[:, count * self._hop :]
        sound = np.concatenate([self._waiting[:, :0], *ready], axis=1)
        early = min(self._early, sound.shape[1])
        sound = sound[:, early : early + self._owed]
        self._early -= early
        self._owed -= sound.shape[1]
        return _limited(sound).astype(np.float32)

    def _joined(self, frames: Real) -> Real:
        """Overlap and add `frames`, (channels, frames, samples); keep what is not complete."""
        channels, count, _ = frames.shape
        parts = frames.reshape(channels, count, HOPS_PER_FRAME, self._hop)
        sound = np.zeros((channels, count + HOPS_PER_FRAME - 1, self._hop))
        sound[:, : HOPS_PER_FRAME - 1] = self._overlap
        for part in range(HOPS_PER_FRAME):
            sound[:, part : part + count] += parts[:, :, part]
        self._overlap = sound[:, count:]
        # Squared Hann windows, this far apart, add up to 3/8 of their number.
        return sound[:, :count].reshape(channels, -1) / (HOPS_PER_FRAME * 3 / 8)

    def _disguised(self, spectra: Complex) -> Complex:
        """Spectra of the same frames in another voice; both (channels, frames, bins)."""
        count = spectra.shape[1]
        pitch, formants = self._pitch.take(count), self._formants.take(count)
        envelope = _log_envelope(spectra, self._lifter)
        goal, rotation = self._moves(spectra, pitch)
        excitation = spectra * np.exp(1j * rotation - envelope)
        return _moved(excitation, goal) * np.exp(_stretched(envelope, formants))

    def _moves(self, spectra: Complex, pitch: Real) -> tuple[Index, Real]:
        """To which bin each bin goes, and by how much its phase turns; both (frames, bins).

        The bins around a peak move with it, by a whole number of bins; the phase makes up for the
        rest. All channels move together, so that they stay in phase with each other.
        """
        bins = np.arange(spectra.shape[-1])
        before = np.concatenate([self._last_spectra, spectra[:, :-1]], axis=1)
        self._last_spectra = spectra[:, -1:]
        peak = _nearest_peak((np.abs(spectra) ** 2).sum(axis=0))

        turn = np.angle((spectra * before.conj()).sum(axis=0))  # of the phase, during one hop
        steady = 2 * np.pi * bins / HOPS_PER_FRAME  # turn of a tone in the middle of its bin
        exact = steady + np.remainder(turn - steady + np.pi, 2 * np.pi) - np.pi
        added = np.take_along_axis((pitch[:, None] - 1) * exact, peak, axis=1)
        shift = np.rint(added * HOPS_PER_FRAME / (2 * np.pi)).astype(np.intp)

        rotation = np.empty_like(added)
        for frame, peak_of_bin in enumerate(peak):
            self._rotation = self._rotation[peak_of_bin] + added[frame]
            rotation[frame] = self._rotation
        # Half a turn for each bin: the FFT counts phase from the frame's start, not its middle.
        return bins + shift, rotation + np.pi * shift


class _Wander:
    """A factor that glides from one secret value to the next, inside one of the `ranges`."""

    def __init__(self, ranges: Ranges, pace: float, secret: np.random.Generator) -> None:
        """`pace` is in frames per second; `secret` belongs to this factor alone."""
        self._range = ranges[secret.integers(len(ranges))]
        self._pace = pace
        self._secret = secret
        self._planned: Real = np.array([secret.uniform(*self._range)])

    def take(self, frames: int) -> Real:
        """The factors of the next `frames` frames."""
        while len(self._planned) <= frames:
            steps = round(self._pace * self._secret.uniform(*WANDER_SECONDS))
            goal = self._secret.uniform(*self._range)
            glide = np.linspace(self._planned[-1], goal, steps + 1)[1:]
            self._planned = np.concatenate([self._planned, glide])
        taken, self._planned = np.split(self._planned, [frames])
        return taken


def _log_envelope(spectra: Complex, lifter: Real) -> Real:
    """Natural logarithm of a smooth curve that rests on the peaks of each spectrum."""

    def smooth(curve: Real) -> Real:
        cepstrum = np.fft.irfft(curve, len(lifter))
        return np.fft.rfft(cepstrum * lifter).real

    level = np.log(np.maximum(np.abs(spectra), 1e-12))
    level = np.maximum(level, level.max(axis=-1, keepdims=True) - ENVELOPE_DEPTH)
    envelope = smooth(level)
    for _ in range(ENVELOPE_ITERATIONS):
        envelope = smooth(np.maximum(level, envelope))
    return envelope


def _stretched(envelope: Real, factors: Real) -> Real:
    """`envelope` with frame i's features moved to `factors[i]` times their frequency."""
    last = envelope.shape[-1] - 1
    place = np.minimum(np.arange(last + 1) / factors[:, None], last)
    below = np.minimum(place.astype(np.intp), last - 1)
    low = np.take_along_axis(envelope, below[None], axis=-1)
    high = np.take_along_axis(envelope, below[None] + 1, axis=-1)
    stretched: Real = low + (high - low) * (place - below)
    return stretched


def _nearest_peak(power: Real) -> Index:
    """For each bin of (frames, bins) the bin of the nearest peak; bin 0 always counts as one."""
    around = np.pad(power, ((0, 0), (2, 2)))
    neighbours = [around[:, 0:-4], around[:, 1:-3], around[:, 3:-1], around[:, 4:]]
    is_peak = np.logical_and.reduce([power > neighbour for neighbour in neighbours])
    is_peak[:, 0] = True
    bins = np.arange(power.shape[1])
    never = 2 * len(bins)
    left = np.maximum.accumulate(np.where(is_peak, bins, 0), axis=1)
    right = np.minimum.accumulate(np.where(is_peak, bins, never)[:, ::-1], axis=1)[:, ::-1]
    return np.where(bins - left <= right - bins, left, right)


def _moved(spectra: Complex, goal: Index) -> Complex:
    """Add each bin of (channels, frames, bins) to bin `goal`; drop what leaves the band."""
    frames, bins = goal.shape
    inside = (goal >= 0) & (goal < bins)
    cell = (goal + bins * np.arange(frames)[:, None])[inside]
    moved = np.empty_like(spectra)
    for channel, spectrum in enumerate(spectra[:, inside]):
        real = np.bincount(cell, spectrum.real, frames * bins)
        imaginary = np.bincount(cell, spectrum.imag, frames * bins)
        moved[channel] = (real + 1j * imaginary).reshape(frames, bins)
    return moved


def _limited(sound: Real) -> Real:
    """`sound` unchanged up to LINEAR_LIMIT and gently bent above, never beyond 1."""
    room = 1 - LINEAR_LIMIT
    excess = np.maximum(np.abs(sound) - LINEAR_LIMIT, 0.0)
    limited: Real = sound - np.sign(sound) * (excess - room * np.tanh(excess / room))
    return limited
