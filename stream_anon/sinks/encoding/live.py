"""Video that is written as it comes: each frame is on its way in the call that hands it over."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import av
import av.error

from stream_anon.sinks.encoding.encoders import (
    DEFAULT_ENCODER,
    encoder_called,
    options_for,
    time_base_for,
)
from stream_anon.sinks.encoding.live_sound import INTERLEAVED, LiveSound
from stream_anon.sinks.encoding.planes import Pictures, Times, open_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.codec.codec import Codec
    from av.video.stream import VideoStream

    from stream_anon.config import Output, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.live_sound import SoundBlock
    from stream_anon.core.redacted import RedactedFrame

KEYFRAME_INTERVAL = 2
"""Seconds between two pictures that playing can start at."""
ONE_THREAD_UP_TO = 1920 * 1088
"""Pixels. One thread costs a fifth less of a processor than two that share a picture, and is as
fast where the other processors are busy; larger pictures need both."""
_FLUSHED = {"flush_packets": "1"}
_UNDELAYED = {
    "libx264": {"tune": "zerolatency", "bf": "0"},
    "libx265": {"tune": "zerolatency", "bf": "0"},
    "libvpx-vp9": {"lag-in-frames": "0", "cpu-used": "8", "error-resilient": "1"},
    "libvpx": {"lag-in-frames": "0", "cpu-used": "8", "error-resilient": "1"},
}


class Written(NamedTuple):
    """A picture as it was handed to the container."""

    size: int
    """Bytes."""
    is_keyframe: bool


class LiveEncoder:
    """One container with one video that starts at 0, written through at every frame, and its sound.

    What goes wrong comes out as it is, FFmpeg's errors and the system's: the sink knows what to
    call the output. Used by one thread.
    """

    def __init__(
        self,
        url: str,
        container: str,
        info: StreamInfo,
        settings: Settings,
        options: dict[str, str],
    ) -> None:
        """Open the encoder and the container, and write the container's head.

        Args:
            url: for FFmpeg; it may hold credentials.
            container: FFmpeg's name.
            info: of the frames to come.
            settings: encoder, preset and quality.
            options: FFmpeg's, for the container.

        Raises:
            SinkError: the encoder does not work.
        """
        output = settings.output.model_copy(update={"preset": settings.live.preset})
        codec = _encoder(container, output.encoder)
        self.frames = 0
        """Frames taken so far."""
        self._next_key: Fraction | None = None
        self._pictures = Pictures(info, codec)
        self._rate = info.nominal_rate
        options = options | _FLUSHED | (INTERLEAVED if info.sound else {})
        self._container = av.open(url, "w", format=container, container_options=options)
        self._unit = info.time_base
        self._zero = self._last = Fraction(0)
        try:
            self._stream = self._add_stream(codec, info, output)
            self._sound = LiveSound(self._container) if info.sound else None
            self._container.start_encoding()
        except BaseException:
            self.abandon()
            raise

    def _add_stream(self, codec: Codec, info: StreamInfo, output: Output) -> VideoStream:
        container = self._container.format.name
        unit = time_base_for(container, codec.name, info.time_base, self._rate)
        self._times = Times(unit, zero=None)
        options = options_for(codec.name, container, output) | _UNDELAYED.get(codec.name, {})
        stream = self._pictures.add_stream(self._container, codec, options, unit)
        context = stream.codec_context
        if info.width * info.height <= ONE_THREAD_UP_TO:
            context.thread_type, context.thread_count = "NONE", 1
        else:
            context.thread_type = "SLICE"
        open_encoder(stream, output)
        return stream

    def write(self, frame: RedactedFrame) -> list[Written]:
        """Encode a frame and write what comes out."""
        picture = self._pictures.make(frame)
        self._times.put(picture, frame)
        time = self._last = frame.pts * frame.time_base
        if not self.frames:
            self._zero = time
        if self._next_key is None or time >= self._next_key:
            picture.pict_type = av.video.frame.PictureType.I
            self._next_key = time + KEYFRAME_INTERVAL
        written = self._mux(picture)
        self.frames += 1
        if self._sound is not None:
            self._sound.keep_up(time - self._zero)
        return written

    def hear(self, sound: Sequence[SoundBlock]) -> None:
        """Encode sound and write what comes out; before the first frame it has no place."""
        if self._sound is not None and self.frames:
            self._sound.put(sound, self._zero, self._unit)

    def _mux(self, picture: av.VideoFrame | None) -> list[Written]:
        written: list[Written] = []
        for packet in self._stream.encode(picture):
            self._times.restore(packet)
            written.append(Written(packet.size, packet.is_keyframe))
            self._container.mux(packet)
        return written

    def finish(self) -> list[Written]:
        """Write what the encoder still holds and the container's end."""
        written = self._mux(None)
        if self._sound is not None:
            self._sound.finish(self._last - self._zero)
        self._container.close()
        return written

    def abandon(self) -> None:
        """Best-effort close."""
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()


def _encoder(container: str, wanted: str) -> Codec:
    suited = "libvpx-vp9" if container == "webm" else DEFAULT_ENCODER
    return encoder_called(suited if wanted == "auto" else wanted)
