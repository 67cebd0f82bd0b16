"""Low-latency input of a camera or a stream."""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import av.error
import av.logging

from stream_anon.core.demuxers import demux, network_options
from stream_anon.sources.base import Losses
from stream_anon.sources.decoding.damage import PADDED
from stream_anon.sources.decoding.decoder import Decoder
from stream_anon.sources.decoding.interlacing import Deinterlacer
from stream_anon.sources.decoding.opening import choose_video, pixel_aspect
from stream_anon.sources.live.sound import LiveEar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import InputContainer
    from av.video.stream import VideoStream

ONE_THREAD = 1920 * 1088
"""Pixels that one thread decodes in time. More threads hold pictures back."""
THREADS = 4
PLAUSIBLE_RATES = (1, 240)
TIMELESS = frozenset(
    {"mjpeg", "mpjpeg", "jpeg_pipe", "png_pipe", "h264", "hevc", "av1", "obu", "m4v", "mpegvideo"}
)
"""Formats without any times, such as the MJPEG of a camera's web page: arrival counts."""
HIDES_LOSS = "rtsp"
"""The input that drops lost packets without marking anything, and only logs it."""


class LiveInput:
    """An open camera or stream."""

    def __init__(
        self,
        url: str,
        *,
        label: str,
        format: str | None,  # noqa: A002 - FFmpeg's word
        options: dict[str, str],
        limits: tuple[float, float],
        audio: str = "drop",
    ) -> None:
        """Open it.

        Args:
            url: with credentials.
            label: without.
            format: FFmpeg's name of the input; None lets FFmpeg detect it.
            options: for FFmpeg.
            limits: seconds to open it, and between two packets.
            audio: what becomes of the sound, as `live.audio`.

        Raises:
            FFmpegError: it cannot be opened.
            SourceError: it holds no video that can be decoded.
        """
        self.losses = Losses()
        self._lost_packets = _watch_for_losses()
        if format is None:
            options = options | network_options()
        self._container: InputContainer = av.open(
            url, format=format, options=options, timeout=limits, metadata_errors="replace"
        )
        self._stream = choose_video(self._container, label)
        self._few_threads(self._stream)
        self._decoder = Decoder(self._stream, PADDED[0], self.losses)
        self.ear = None if audio == "drop" else _ear(self._container, disguise=audio == "disguise")
        """The sound, where it is wanted and there is any."""
        self._was_corrupt = False
        self._losses_at_key = 0

    @staticmethod
    def _few_threads(stream: VideoStream) -> None:
        context = stream.codec_context
        small = context.width * context.height <= ONE_THREAD
        context.thread_count = 1 if small else THREADS

    @property
    def rate(self) -> Fraction | None:
        """Frames per second as the stream says, if that is plausible."""
        stream = self._stream
        low, high = PLAUSIBLE_RATES
        if not self._has_times:
            return None
        for rate in (stream.average_rate, stream.codec_context.framerate):
            if rate and low <= rate <= high:
                return Fraction(rate)
        return None

    @property
    def _has_times(self) -> bool:
        """The format says when pictures are shown. Elsewhere FFmpeg supposes a rate."""
        return self._container.format.name not in TIMELESS

    def time_of(self, picture: av.VideoFrame) -> Fraction | None:
        """When it is to be shown, in seconds; None where the source does not say."""
        if picture.pts is None or picture.time_base is None or not self._has_times:
            return None
        return picture.pts * Fraction(picture.time_base)

    @property
    def pixel_aspect(self) -> Fraction:
        """Width of a pixel over its height."""
        return pixel_aspect(self._stream)

    @property
    def comes_at_once(self) -> bool:
        """Pictures come as fast as they can be read, not when they are due."""
        name = self._container.format.name
        is_file = bool(self._container.duration) and name != "rtsp"
        return is_file or name in ("hls", "dash")

    def pictures(self, on_packet: Callable[[], None]) -> Iterator[tuple[av.VideoFrame, bool]]:
        """All pictures from the first intact keyframe on, and whether they are suspect.

        Args:
            on_packet: called for each packet that comes before the first picture.

        Raises:
            FFmpegError: no more can be read.
        """
        return Deinterlacer().whole(self._pictures(on_packet))

    def _pictures(self, on_packet: Callable[[], None]) -> Iterator[tuple[av.VideoFrame, bool]]:
        begun = False
        for packet in self._packets():
            if not begun and packet.size:
                on_packet()
            self._watch(packet)
            for picture, suspect in self._decoder.decode(packet):
                if begun:
                    yield picture, suspect
                elif self._has_recovered(picture):
                    self._decoder.trust()
                    begun = True
                    yield picture, False
                elif picture.key_frame and not suspect:
                    begun = True
                    yield picture, False

    def _packets(self) -> Iterator[av.Packet[VideoStream]]:
        """Those of the picture; those of the sound go to the ear."""
        if self.ear is None:
            yield from demux(self._container, self._stream)
            return
        packet: Any
        for packet in demux(self._container, self._stream, self.ear.stream):
            if packet.stream_index == self._stream.index:
                yield packet
            elif packet.size:
                self.ear.take(packet)

    def _has_recovered(self, picture: av.VideoFrame) -> bool:
        """Whole without a keyframe: some cameras refresh their picture bit by bit instead.

        The H.264 decoder marks what it shows until all of it has been refreshed.
        """
        was_corrupt, self._was_corrupt = self._was_corrupt, picture.is_corrupt
        is_whole = was_corrupt and not picture.is_corrupt
        knows = self._stream.codec_context.name == "h264"
        return is_whole and knows and self.losses.packets == self._losses_at_key

    def _watch(self, packet: av.Packet[VideoStream]) -> None:
        """Take into account what is not in the packet itself."""
        if packet.is_keyframe:
            self._losses_at_key = self.losses.packets
        if self._lost_packets.happened():
            # It may concern this packet or the one before, whose end was found in the next.
            self._decoder.lose("packets were lost in transit", packet)


def _ear(container: InputContainer, *, disguise: bool) -> LiveEar | None:
    """For the sound that players choose; None where there is none that can be decoded."""
    stream: Any = container.streams.best("audio")
    try:
        return None if stream is None else LiveEar(stream, disguise=disguise)
    except (av.error.FFmpegError, AttributeError, ValueError):
        return None


class _LostPackets(logging.Handler):
    """Detects packet loss in transit from FFmpeg's log: there is no other report of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._heard = False

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        self._heard = self._heard or "missed" in message

    def happened(self) -> bool:
        heard, self._heard = self._heard, False
        return heard


def _watch_for_losses() -> _LostPackets:
    """Listen to FFmpeg; for processes that have one input only."""
    handler = _LostPackets()
    logging.getLogger(f"libav.{HIDES_LOSS}").addHandler(handler)
    everything = logging.getLogger("libav")
    everything.addHandler(logging.NullHandler())
    everything.propagate = False  # it names addresses with their passwords
    av.logging.set_level(av.logging.WARNING)
    av.logging.set_skip_repeated(False)
    return handler
