"""Sound and subtitles that go along with the redacted picture."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal, cast

import av
import av.error
import numpy as np

from stream_anon.audio.disguise import VoiceDisguise

if TYPE_CHECKING:
    from pathlib import Path

    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.subtitles.stream import SubtitleStream
    from numpy.typing import NDArray

AHEAD = 0.5
"""Seconds of sound written ahead of the picture, so that players find both together."""
TEXT_SUBTITLES = {"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"}
_FALLBACK = {"webm": "libopus", "avi": "aac", "mpegts": "aac"}
DEFAULT_ENCODER = "aac"
_OPUS_RATE = 48000


class SideTracks:
    """Reads the input a second time and passes its sound and subtitles on, in step with the picture.

    Times are kept: the picture's pts are kept too, so both stay in sync. Tags are not copied.
    """

    def __init__(
        self,
        source: Path,
        output: OutputContainer,
        *,
        audio: Literal["drop", "copy", "disguise"],
        subtitles: bool,
        seed: int | None = None,
    ) -> None:
        """Add the streams to `output`, which must not have been started.

        Args:
            source: the input file.
            output: the container that is being written.
            audio: what to do with sound.
            subtitles: copy text subtitles.
            seed: of the disguise; None draws one that nobody knows.

        Raises:
            av.error.FFmpegError: the input cannot be opened again.
        """
        self.notes: list[str] = []
        """What differs from what was asked for, for people."""
        self._input: InputContainer = av.open(str(source), metadata_errors="replace")
        self._output = output
        self._tracks: dict[int, _Track] = {}
        if audio != "drop":
            for stream in self._input.streams.audio:
                self._tracks[stream.index] = self._audio_track(stream, audio, seed)
        if subtitles:
            for text in self._input.streams.subtitles:
                self._add_subtitles(text)
        wanted = [self._input.streams[number] for number in self._tracks]
        self._packets = self._input.demux(*wanted) if wanted else iter(())
        self._waiting: av.Packet | None = None

    def _audio_track(self, stream: AudioStream, audio: str, seed: int | None) -> _Track:
        container = self._output.format.name
        if audio == "copy" and stream.codec_context.name in self._output.supported_codecs:
            return _Copied(self._output, stream)
        if audio == "copy":
            self.notes.append(
                f"sound was converted from {stream.codec_context.name}, "
                f"which {container} cannot carry"
            )
        encoder = _FALLBACK.get(container, DEFAULT_ENCODER)
        return _Encoded(self._output, stream, encoder, disguise=audio == "disguise", seed=seed)

    def _add_subtitles(self, stream: SubtitleStream) -> None:
        name = stream.codec_context.name
        if name in TEXT_SUBTITLES and name in self._output.supported_codecs:
            self._tracks[stream.index] = _Copied(self._output, stream)
        else:
            container = self._output.format.name
            self.notes.append(f"subtitles ({name}) were dropped: {container} cannot carry them")

    def feed(self, until: float) -> None:
        """Pass on everything up to `until` seconds, and a little more."""
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = packet
            if packet.dts is not None and packet.time_base is not None:
                if float(packet.dts * packet.time_base) > until + AHEAD:
                    return
            self._waiting = None
            self._pass_on(packet)

    def finish(self) -> None:
        """Pass on the rest and what the encoders still hold."""
        self.feed(float("inf"))
        for track in self._tracks.values():
            track.finish()

    def _pass_on(self, packet: av.Packet) -> None:
        if packet.size and not packet.is_corrupt:
            self._tracks[packet.stream_index].take(packet)

    def close(self) -> None:
        """Free the second reader. Called once."""
        self._input.close()


class _Track:
    def take(self, packet: av.Packet) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """Nothing is held back."""


class _Copied(_Track):
    """Packets as they are."""

    def __init__(self, output: OutputContainer, stream: AudioStream | SubtitleStream) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._stream.metadata.clear()

    def take(self, packet: av.Packet) -> None:
        packet.stream = self._stream
        self._output.mux(packet)


class _Encoded(_Track):
    """Decoded, disguised if asked for, and encoded again at the same times."""

    def __init__(
        self,
        output: OutputContainer,
        stream: AudioStream,
        encoder: str,
        *,
        disguise: bool,
        seed: int | None,
    ) -> None:
        self._output = output
        self._source = stream
        rate = _OPUS_RATE if encoder == "libopus" else stream.codec_context.sample_rate
        layout = stream.codec_context.layout
        self._stream = cast("AudioStream", output.add_stream(encoder, rate=rate, layout=layout))
        self._to_float = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self._voice = VoiceDisguise(rate, layout.nb_channels, seed=seed) if disguise else None
        self._rate = rate
        self._next_sample: int | None = None
        self._written_at = 0

    def take(self, packet: av.Packet) -> None:
        try:
            frames = packet.decode()
        except (av.error.FFmpegError, ValueError):
            return  # a damaged packet becomes a gap, which `_align` fills
        for frame in frames:
            for even in self._to_float.resample(cast("AudioFrame", frame)):
                self._send(even.to_ndarray(), even.pts, even.time_base)

    def finish(self) -> None:
        for even in self._to_float.resample(None):
            self._send(even.to_ndarray(), None, None)
        if self._voice is not None:
            self._write(self._voice.flush())
        self._output.mux(self._stream.encode(None))

    def _send(
        self, sound: NDArray[np.float32], pts: int | None, time_base: Fraction | None
    ) -> None:
        sound = self._align(sound.astype(np.float32, copy=False), pts, time_base)
        self._write(self._voice.process(sound) if self._voice is not None else sound)

    def _align(
        self, sound: NDArray[np.float32], pts: int | None, time_base: Fraction | None
    ) -> NDArray[np.float32]:
        """Silence where the input has a gap, so that sound stays with the picture."""
        if pts is None or time_base is None:
            return sound
        start = round(pts * time_base * self._rate)
        if self._next_sample is None:
            self._next_sample = self._written_at = start
        gap = start - self._next_sample
        if gap > self._rate // 20:
            sound = np.pad(sound, ((0, 0), (gap, 0)))
        self._next_sample += sound.shape[1]
        return sound

    def _write(self, sound: NDArray[np.float32]) -> None:
        if not sound.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound),
            format="fltp",
            layout=self._source.codec_context.layout.name,
        )
        frame.sample_rate = self._rate
        frame.pts = self._written_at
        frame.time_base = Fraction(1, self._rate)
        self._written_at += sound.shape[1]
        self._output.mux(self._stream.encode(frame))
