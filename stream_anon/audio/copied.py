"""Stream copy: tracks that are passed on unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.subtitles.stream import SubtitleStream


class TrackWriter(Protocol):
    """One stream on its way from the input to the output."""

    def take(self, packet: Any) -> None:
        """Pass one packet of the input on."""

    def finish(self) -> None:
        """Pass on what is still buffered."""


RESTART = 1.0
"""Seconds of a backward jump in time from which on it is a restart, not jitter."""
FROM_ZERO = {"mpegts"}
"""Containers without times before zero; they would shift the picture instead."""


class Copied:
    """Stream copy: packets unchanged, with their own timestamps."""

    def __init__(self, output: OutputContainer, stream: AudioStream | SubtitleStream) -> None:
        self._output = output
        self._stream = output.add_stream_from_template(stream)
        self._stream.metadata.clear()
        self._last: int | None = None
        self._due = 0
        self._offset = 0

    def take(self, packet: Any) -> None:
        if packet.dts is None:
            packet.dts = packet.pts
        if packet.dts is None:
            return
        dts = packet.dts + self._offset
        if self._last is not None and dts < self._last:
            if float((self._last - dts) * packet.time_base) < RESTART:
                return  # no container takes it
            self._offset += self._due - dts
            dts = self._due
        self._last, self._due = dts, dts + max(1, packet.duration or 0)
        packet.pts = dts if packet.pts is None else packet.pts + self._offset
        packet.dts = dts
        packet.stream = self._stream
        mux_from_zero(self._output, [packet])

    def finish(self) -> None:
        """Nothing is buffered."""


def mux_from_zero(output: OutputContainer, packets: list[Any]) -> None:
    """Write packets, without those before the earliest time of the container.

    These are the first thousandths of a second, with which a sound decoder starts up.
    """
    cut = output.format.name in FROM_ZERO
    output.mux([p for p in packets if not (cut and p.pts is not None and p.pts < 0)])
