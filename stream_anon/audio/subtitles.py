"""Text subtitles, converted from the format of one container to that of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import av.error

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.subtitles.stream import SubtitleStream

TEXT_CODECS = {"subrip", "srt", "ass", "ssa", "webvtt", "mov_text", "text"}
"""FFmpeg's names of subtitles that are text and not pictures."""
_ENCODERS = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}


def text_encoder_for(container: str, codec: str) -> str | None:
    """The encoder for text in a container; None where it holds none, or `codec` is not text."""
    return _ENCODERS.get(container) if codec in TEXT_CODECS else None


class Rewritten:
    """Subtitles decoded and encoded again, at the same times."""

    def __init__(self, output: OutputContainer, stream: SubtitleStream, encoder: str) -> None:
        self._output = output
        self._decoder = stream.codec_context
        self._decoder.open(strict=False)
        self._stream = cast("SubtitleStream", output.add_stream(encoder))
        self._stream.codec_context.subtitle_header = self._decoder.subtitle_header
        self._stream.time_base = stream.time_base

    def take(self, packet: Any) -> None:
        try:
            said = self._decoder.decode2(packet)
            if said is None:
                return
            written = self._stream.codec_context.encode_subtitle(said)
        except (av.error.FFmpegError, ValueError):
            return  # a line that cannot be read is left out
        written.stream = self._stream
        written.time_base = packet.time_base
        written.pts, written.dts = packet.pts, packet.dts
        written.duration = packet.duration
        self._output.mux(written)

    def finish(self) -> None:
        """Nothing is buffered."""
