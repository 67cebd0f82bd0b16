"""Transcoded sound: decoded, disguised or silenced where asked, encoded at the same timestamps."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.error
import numpy as np
from av.codec.codec import Codec

from stream_anon.audio.copied import mux_from_zero
from stream_anon.audio.disguise import VoiceDisguise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from numpy.typing import NDArray

    from stream_anon.audio.censor import Censor

_ENCODERS = {"mp4": "aac", "mov": "aac", "matroska": "aac", "webm": "libopus", "avi": "aac",
             "mpegts": "aac"}  # fmt: skip
SOUND_SLIP = 0.04
"""Seconds of drift before silence is inserted or samples are dropped."""
LONGEST_SILENCE = 600.0
"""Seconds; larger jumps are taken for wrong timestamps."""


def encoder_for(container: str) -> str | None:
    """The sound encoder for a container, by FFmpeg's names; None where it holds no sound."""
    return _ENCODERS.get(container)


def is_lossless(codec: str) -> bool:
    """Sound that can be encoded again as it was; 8-bit telephony (PCM) is among it."""
    return codec.startswith("pcm_") or codec in {"flac", "alac"}


class Encoded:
    """One sound track; gaps in the input become silence, so that it stays with the picture.

    Sound in the ranges of a censor is silenced before anything else works on it, at the time that
    its packet gives and at the place where it comes to lie: where the two differ, at both.
    """

    def __init__(
        self,
        output: OutputContainer,
        stream: AudioStream,
        encoder: str,
        *,
        disguise: bool,
        seed: int | None,
        censor: Censor | None = None,
    ) -> None:
        """Add a stream to `output`.

        Args:
            output: the container that is being written.
            stream: of the input.
            encoder: FFmpeg's name of the output's.
            disguise: whether the voice is disguised.
            seed: of the disguise; None draws one that nobody knows.
            censor: of the ranges that are silenced.

        Raises:
            av.error.FFmpegError: the sound cannot be decoded.
        """
        stream.codec_context.open(strict=False)
        self._output = output
        self._rate = _nearest_rate(encoder, stream.codec_context.sample_rate)
        layout = stream.codec_context.layout.name
        self._layout = layout if _works(encoder, self._rate, layout) else "stereo"
        self.note = None if self._layout == layout else f"sound was mixed from {layout} to stereo"
        """Notes for the user: where the output differs from the request."""
        self._stream = cast(
            "AudioStream", output.add_stream(encoder, rate=self._rate, layout=self._layout)
        )
        if is_lossless(encoder):
            self._keep_depth(stream)
        self._to_float = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        channels = av.AudioLayout(self._layout).nb_channels
        self._voice = VoiceDisguise(self._rate, channels, seed=seed) if disguise else None
        self._censor = censor
        self._heard_at = 0
        self._form: tuple[int, str, str] | None = None
        self._next_sample: int | None = None
        self._written_at = 0

    def _keep_depth(self, stream: AudioStream) -> None:
        formats = self._stream.codec_context.codec.audio_formats or ()
        was = stream.codec_context.format.packed.name
        for one in formats:
            if one.packed.name == was:
                self._stream.codec_context.format = one

    def take(self, packet: Any) -> None:
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            return  # a damaged packet becomes a gap, which `_aligned` fills
        for frame in frames:
            start = None if frame.pts is None else float(frame.pts * frame.time_base)
            for even in self._resampled(frame):
                self._send(even, start)
                start = None

    def _resampled(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        """The frame as the encoder wants it; the input may change its form at any time."""
        form = (frame.sample_rate, frame.layout.name, frame.format.name)
        if form != self._form:
            self._form = form
            self._to_float = av.AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        return self._to_float.resample(frame)

    def finish(self) -> None:
        for even in self._to_float.resample(None):
            self._send(even, None)
        if self._voice is not None:
            self._write(self._voice.flush())
        mux_from_zero(self._output, self._stream.encode(None))

    def _send(self, even: av.AudioFrame, start: float | None) -> None:
        sound = cast("NDArray[np.float32]", even.to_ndarray())
        for block in self._aligned(sound, start, self._heard(sound, start)):
            self._write(self._voice.process(block) if self._voice is not None else block)

    def _heard(self, sound: NDArray[np.float32], start: float | None) -> int:
        """The sample at which a player of the input plays it."""
        at = self._heard_at if start is None else round(start * self._rate)
        self._heard_at = at + sound.shape[1]
        return at

    def _aligned(
        self, sound: NDArray[np.float32], start: float | None, heard: int
    ) -> Iterator[NDArray[np.float32]]:
        """The samples, after silence for those that are missing, without those that overlap."""
        begin = None if start is None else round(start * self._rate)
        if self._next_sample is None:
            self._next_sample = self._written_at = begin or 0
        gap = 0 if begin is None else begin - self._next_sample
        if SOUND_SLIP * self._rate < gap < LONGEST_SILENCE * self._rate:
            self._next_sample += gap
            for at in range(0, gap, self._rate):
                yield np.zeros((sound.shape[0], min(self._rate, gap - at)), np.float32)
        elif -sound.shape[1] < gap < -SOUND_SLIP * self._rate:
            sound = sound[:, -gap:]
            heard -= gap
        if self._censor is not None:
            sound = self._censor.silenced(sound, self._rate, self._next_sample, heard)
        self._next_sample += sound.shape[1]
        yield sound

    def _write(self, sound: NDArray[np.float32]) -> None:
        if not sound.shape[1]:
            return
        if self._censor is not None:
            if self._voice is not None:  # what was before a range has spread into it
                sound = self._censor.silenced(sound, self._rate, self._written_at)
            sound = self._censor.toned(sound, self._rate, self._written_at)
        samples = np.ascontiguousarray(sound, np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=self._layout)
        frame.sample_rate = self._rate
        frame.pts = self._written_at
        frame.time_base = Fraction(1, self._rate)
        self._written_at += sound.shape[1]
        mux_from_zero(self._output, self._stream.encode(frame))


def _nearest_rate(encoder: str, rate: int) -> int:
    """The lowest rate that the encoder takes and that loses nothing, or else its highest."""
    offered = Codec(encoder, "w").audio_rates
    if not offered:
        return rate
    return min((r for r in offered if r >= rate), default=max(offered))


def _works(encoder: str, rate: int, layout: str) -> bool:
    context = cast("Any", av.CodecContext.create(encoder, "w"))
    try:
        context.sample_rate, context.layout = rate, layout
        context.format = context.codec.audio_formats[0]
        context.open()
    except (av.error.FFmpegError, ValueError):
        return False
    return True
