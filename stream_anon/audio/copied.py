"""Tracks that are passed on as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.subtitles.stream import SubtitleStream


class Track(Protocol):
    """One stream on its way from the input to the output."""

    def take(self, packet: Any) -> None:
        """Pass one packet of the input on."""

    def finish(self) -> None:
        """Pass on what is still held back."""


class Copied:
    """Packets as they are, at their own times."""

    def __init__(self, output: OutputContainer, stream: AudioStream | SubtitleStream) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._stream.metadata.clear()
        self._last_dts: int | None = None

    def take(self, packet: Any) -> None:
        dts = packet.dts if packet.dts is not None else packet.pts
        if dts is None or (self._last_dts is not None and dts < self._last_dts):
            return  # no container takes it; players would skip it too
        self._last_dts = dts
        packet.stream = self._stream
        self._output.mux(packet)

    def finish(self) -> None:
        """Nothing is held back."""
