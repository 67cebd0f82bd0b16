"""Streams that others watch while they are sent: RTSP, RTMP, MPEG-TS, and HLS folders."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.encoding.failures import as_sink_errors, as_stream_errors
from stream_anon.sinks.encoding.live import LiveEncoder
from stream_anon.sinks.live.playlist import Playlist
from stream_anon.sinks.registry import parse_sink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.live_sound import SoundBlock
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.sinks.live.address import SinkAddress, SinkOrder

_OPTIONS = {
    "rtsp": {"rtsp_transport": "tcp"},
    "flv": {"flvflags": "no_duration_filesize"},
    "mpegts": {},
}
"""FFmpeg's, by container."""


class StreamSink:
    """Publishes the frames to one address. It does not reconnect: after an error, open a new one.

    Opening, writing and finishing can hang for as long as the other side does.
    """

    def __init__(self, address: SinkAddress | str, info: StreamInfo, settings: Settings) -> None:
        """Connect, or start the playlist.

        Args:
            address: of a stream or a playlist, or what `parse_sink` makes one of.
            info: of the frames to come.
            settings: encoder, preset and quality.

        Raises:
            SinkError: the other side cannot be reached or refuses, or the encoder does not work.
        """
        self._address = parse_sink(address) if isinstance(address, str) else address
        self._playlist: Playlist | None = None
        container, target = self._address.container, self._address.target
        options = _OPTIONS.get(container, {})
        with self._errors():
            if container == "hls":
                self._playlist = Playlist(Path(target))
                target, options = str(self._playlist.path), self._playlist.options()
            self._encoder = LiveEncoder(target, container, info, settings, options)

    def _errors(self) -> AbstractContextManager[None]:
        if self._address.container == "hls":
            return as_sink_errors(Path(self._address.target))
        return as_stream_errors(self._address.label)

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        with self._errors():
            written = self._encoder.write(frame)
            if self._playlist:
                self._playlist.check(written)

    def hear(self, sound: Sequence[SoundBlock]) -> None:
        with self._errors():
            self._encoder.hear(sound)

    def finish(self) -> None:
        if not self._encoder.frames:
            raise SinkError(f"no frame was sent to {self._address.label}")
        with self._errors():
            written = self._encoder.finish()
            if self._playlist:
                self._playlist.check(written, finished=True)

    def close(self) -> None:
        """Free everything. The segments that a playlist names stay where they are."""
        with suppress(SinkError), self._errors():
            self._encoder.abandon()


def open_sink(order: SinkOrder) -> StreamSink:
    """Open what the registry's rows for streams and playlists name."""
    return StreamSink(order.address, order.info, order.settings)
