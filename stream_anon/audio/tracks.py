"""Sound and subtitles that accompany the redacted picture."""

from __future__ import annotations

from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any

import av.error
from av.codec.codec import Codec, UnknownCodecError

from stream_anon.audio.censor import Censor
from stream_anon.audio.copied import Copied
from stream_anon.audio.encoded import Encoded, encoder_for, is_lossless
from stream_anon.audio.subtitles import Rewritten, text_encoder_for
from stream_anon.core.demuxers import MAX_READ_ERRORS, demux, open_file

if TYPE_CHECKING:
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.subtitles.stream import SubtitleStream

    from stream_anon.audio.copied import TrackWriter
    from stream_anon.core.sound_plan import SoundPlan

AHEAD = 0.5
"""Seconds of sound written ahead of the picture, so that players find both together."""
APART = 10
"""Seconds by which tracks of a file may lie apart in it, at most."""
_ALSO_CARRIED = {
    "mpegts": {"aac", "aac_latm", "ac3", "eac3", "mp2", "mp2float", "mp3", "mp3float", "opus"},
}  # fmt: skip
"""Codecs that FFmpeg can mux into containers that do not list them."""
_NOT_CARRIED = {"mov": {"opus", "flac", "truehd", "mlp"}, "mp4": {"truehd", "mlp"}}
"""Codecs that containers list and then refuse."""


class SideTracks:
    """Reads the input a second time and passes sound and subtitles on, in step with the picture.

    Times are shifted as the picture's are, so both stay in sync. Tags are not copied.
    """

    def __init__(
        self,
        source: Path,
        output: OutputContainer,
        *,
        audio: SoundPlan,
        subtitles: bool,
        seed: int | None = None,
        zero: Fraction = Fraction(0),
        end: Fraction | None = None,
    ) -> None:
        """Add the streams to `output`, which must not have been started.

        Args:
            source: the input file.
            output: the container that is being written.
            audio: what becomes of the sound; its ranges count from `zero`.
            subtitles: copy text subtitles.
            seed: of the disguise; None draws one that nobody knows.
            zero: the input's time that becomes 0, in seconds.
            end: the input's time at which sound and subtitles end; None for all of them.

        Raises:
            av.error.FFmpegError: the input cannot be opened again.
        """
        self.notes: list[str] = []
        """Notes for the user: where the output differs from the request."""
        self._output, self._zero, self._end = output, zero, end
        self._is_cut = end is not None
        self._name = output.format.name
        carried = output.supported_codecs | _ALSO_CARRIED.get(self._name, set())
        self._carried = carried - _NOT_CARRIED.get(self._name, set())
        self._tracks: dict[int, TrackWriter] = {}
        self._censor: Censor | None = None
        self._input: InputContainer = open_file(source)
        try:
            if audio.covered:
                self._censor = self._make_censor(audio)
            if audio.base != "drop":
                for stream in self._input.streams.audio:
                    self._add_audio(stream, audio.base, seed)
            if subtitles:
                for text in self._input.streams.subtitles:
                    self._add_subtitles(text)
        except BaseException:
            self._input.close()
            raise
        self._packets = self._read()
        self._waiting: Packet[Stream] | None = None

    def _make_censor(self, plan: SoundPlan) -> Censor:
        start, length = self._input.start_time, self._input.duration
        begins = None if start is None else Fraction(start, 1_000_000)
        ends = None if length is None else Fraction(length, 1_000_000)
        for late in plan.covered:
            if ends is not None and late.begin > ends:
                self.notes.append(
                    f"there is no sound to cover from {float(late.begin):g} s on: the input lasts "
                    f"{float(ends):.1f} s"
                )
        return Censor(plan, zero=self._zero, start=begins)

    def _add_audio(self, stream: AudioStream, audio: str, seed: int | None) -> None:
        codec = _codec_name(stream)
        plain = audio == "copy" and self._censor is None
        if plain and codec in self._carried:
            self._tracks[stream.index] = Copied(self._output, stream)
            return
        encoder = encoder_for(self._name)
        if audio == "copy" and codec in self._carried and _is_encoded_as_it_was(codec):
            encoder = codec
        if encoder is None:
            self.notes.append(f"sound was dropped: {self._name} cannot hold any")
            return
        try:
            track = Encoded(
                self._output,
                stream,
                encoder,
                disguise=audio == "disguise",
                seed=seed,
                censor=self._censor,
            )
        except (av.error.FFmpegError, AttributeError, ValueError):
            self.notes.append(f"sound ({codec}) was dropped: it cannot be decoded")
            return
        self._tracks[stream.index] = track
        if plain:
            self.notes.append(
                f"sound was converted from {codec}, which {self._name} cannot carry, to {encoder}"
            )
        if track.note:
            self.notes.append(track.note)

    def _add_subtitles(self, stream: SubtitleStream) -> None:
        codec = _codec_name(stream)
        encoder = text_encoder_for(self._name, codec)
        if encoder is None:
            self.notes.append(f"subtitles ({codec}) were dropped: {self._name} cannot carry them")
        elif codec in self._carried:
            self._tracks[stream.index] = Copied(self._output, stream)
        else:
            self._tracks[stream.index] = Rewritten(self._output, stream, encoder)
            self.notes.append(f"subtitles were converted from {codec} to {encoder}")
        if stream.index in self._tracks and self._censor is not None:
            self.notes.append("subtitles were kept, also where the sound is covered")

    @property
    def is_empty(self) -> bool:
        """There is neither sound nor text to go along."""
        return not self._tracks

    # -- passing on ---------------------------------------------------------------------------

    def _read(self) -> Any:
        """Packets of all tracks; damage is skipped, so that it costs sound and not the run."""
        failures = 0
        wanted = [self._input.streams[number] for number in self._tracks]
        while wanted and failures < MAX_READ_ERRORS:
            try:
                for packet in demux(self._input, *wanted):
                    failures = 0
                    self._shift(packet)
                    if not self._is_cut or self._cut(packet):
                        yield packet
                    elif self._is_beyond(packet):
                        return
            except av.error.FFmpegError:
                failures += 1
            else:
                return

    def _shift(self, packet: Packet[Stream]) -> None:
        """Let the packet's times count from the zero of the output."""
        back = round(self._zero / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - back
        packet.dts = None if packet.dts is None else packet.dts - back

    def cut_before(self, zero: Fraction) -> None:
        """Let the output begin there, without what was before. Called before the first `feed`."""
        self._zero, self._is_cut = zero, True
        if self._censor is not None:
            self._censor.count_from(zero)

    def _cut(self, packet: Packet[Stream]) -> bool:
        """Whether something of a shifted packet is kept; subtitles are shortened to that."""
        start = packet.pts if packet.pts is not None else packet.dts
        if start is None:
            return False
        end = None if self._end is None else floor((self._end - self._zero) / packet.time_base)
        if end is not None and start >= end:
            return False
        if packet.stream.type != "subtitle":
            return start >= 0
        until = start + (packet.duration or 0)
        if until <= 0 and start < 0:
            return False
        packet.pts = packet.dts = max(0, start)
        packet.duration = (until if end is None else min(until, end)) - packet.pts
        return True

    def _is_beyond(self, packet: Packet[Stream]) -> bool:
        """No packet after it can be in time."""
        if self._end is None or packet.dts is None:
            return False
        return packet.dts * packet.time_base > self._end - self._zero + APART

    def feed(self, until: Fraction | float) -> None:
        """Pass on everything up to `until` seconds of the input, and a little more."""
        until = float(until - self._zero)
        while (packet := self._waiting or next(self._packets, None)) is not None:
            self._waiting = packet
            if packet.dts is not None and float(packet.dts * packet.time_base) > until + AHEAD:
                return
            self._waiting = None
            if packet.size and not packet.is_corrupt:
                self._tracks[packet.stream_index].take(packet)

    def finish(self) -> None:
        """Pass on the rest and what the encoders still hold."""
        self.feed(float("inf"))
        for track in self._tracks.values():
            track.finish()

    def close(self) -> None:
        """Free the second reader. Called once."""
        self._input.close()


def _codec_name(stream: AudioStream | SubtitleStream) -> str:
    # The type stubs promise a context, but there is none for codecs that FFmpeg does not know.
    context: Any = stream.codec_context
    return "unknown" if context is None else str(context.codec.canonical_name)


def _is_encoded_as_it_was(codec: str) -> bool:
    try:
        return is_lossless(codec) and bool(Codec(codec, "w"))
    except UnknownCodecError:
        return False
