"""Video files and picture files, through PyAV. Nothing appears under its name until complete."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import av
import av.error

from stream_anon.core.demuxers import open_file
from stream_anon.core.files import PartFile, publish
from stream_anon.core.kept import Kept
from stream_anon.core.processors import threads_within_quota
from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.encoding.encoders import (
    STILL,
    STILLS,
    container_for,
    container_options,
    encoder_for,
    options_for,
    time_base_for,
)
from stream_anon.sinks.encoding.failures import as_sink_errors, unfit_for
from stream_anon.sinks.encoding.kept import KeptWriter
from stream_anon.sinks.encoding.planes import Pictures, Times, open_encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from fractions import Fraction
    from pathlib import Path

    from av.codec.codec import Codec
    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from stream_anon.audio.tracks import SideTracks
    from stream_anon.config import Output
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.core.unsealed import UnsealedFrame

UNORDERED = 2
"""Frames that are coded in the order in which they are shown if there are no more."""
LONGEST_LEAD = 1
"""Seconds before the first frame that an output without sound may have."""


class MediaFile:
    """Writes one file: the frames as they come, and no metadata but what is kept. A kind of sink
    says which frames it takes.

    Frames go to `NAME.part`, which gets its own name in `finish()` once the file has been read back
    and holds as many frames as were sent. `close()` before that removes it. Files that belong to it
    get their names with it, all or none.
    """

    def __init__(
        self,
        path: Path,
        info: StreamInfo,
        settings: Output,
        side_tracks: Callable[[OutputContainer], SideTracks] | None = None,
        along: Sequence[PartFile] = (),
        kept: Kept | None = None,
        *,
        trimmed: bool = False,
    ) -> None:
        """Open `NAME.part` and the encoder.

        Args:
            path: final name; its ending chooses the container.
            info: of the frames to come.
            settings: encoder, preset, quality and whether a file may be replaced.
            side_tracks: makes the sound and subtitles that go along, given the container.
            along: files to be published with it; complete when `finish` is called.
            kept: metadata that was asked for.
            trimmed: the output begins with the first frame, and sound and subtitles are cut to it.

        Raises:
            SinkError: the folder, the container or the encoder does not work.
            OutputExistsError: the file is there and may not be replaced.
        """
        self._path = path
        self._file = PartFile(path, overwrite=settings.overwrite)
        self._along = along
        self._info = info
        self._trimmed = trimmed
        self._sent = 0
        self.on_complete: Callable[[Path | None], None] | None = None
        """Called with the whole file, before it gets its name; with None where it has none."""
        self._side: SideTracks | None = None
        self._times: Times | None = None
        codec = encoder_for(path, settings.encoder)
        container = container_for(path)
        self._pictures = Pictures(info, codec)
        self._check_place()
        self._container = self._open(container, settings)
        try:
            self._kept = KeptWriter(kept or Kept(), self._container)
            self._stream = self._add_stream(codec, settings)
            self._kept.name(self._stream)
            with self._errors():
                if side_tracks:
                    self._side = side_tracks(self._container)
            with self._errors(), unfit_for(path, codec.name):
                self._container.start_encoding()
        except BaseException:
            self.close()
            raise

    @property
    def notes(self) -> list[str]:
        """Notes for the user: where the output differs from the request."""
        notes = [*(self._side.notes if self._side else ()), *self._kept.notes]
        width, height = self._pictures.size
        if (width, height) != (self._info.width, self._info.height):
            was = f"{self._info.width}x{self._info.height}"
            notes.append(f"{was} has an odd side: padded to {width}x{height}")
        return notes

    # -- opening ------------------------------------------------------------------------------

    def _check_place(self) -> None:
        folder = self._path.parent
        if not folder.is_dir():
            raise SinkError(f"the folder {folder} does not exist: create it first")
        self._file.check()

    def _open(self, container: str, settings: Output) -> OutputContainer:
        name = f"file:{self._file.part}"
        options = container_options(container, settings)
        with self._errors():
            self._file.claim()
            try:
                return av.open(name, "w", format=container, container_options=options)
            except BaseException:
                self._file.discard()
                raise

    def _add_stream(self, codec: Codec, settings: Output) -> VideoStream:
        info, container = self._info, self._container.format.name
        rate = info.nominal_rate
        unit = time_base_for(container, codec.name, info.time_base, rate)
        self._unit = unit
        options = options_for(codec.name, container, settings)
        with self._errors():
            with unfit_for(self._path, codec.name):
                stream = self._pictures.add_stream(self._container, codec, options, unit)
            # PyAV's default, threads inside one picture, costs x264 a fifth of its speed.
            stream.thread_type = "AUTO"
            stream.thread_count = threads_within_quota()
            open_encoder(stream, settings)
        return stream

    # -- writing ------------------------------------------------------------------------------

    def _write(self, frame: RedactedFrame | UnsealedFrame) -> None:
        picture = self._pictures.make(frame)
        if self._sent and self._holds_one:
            raise SinkError(
                f"{self._path.name} can hold one picture only: choose a video format for the output"
            )
        if self._times is None:
            self._times = self._begin(frame)
        self._times.put(picture, frame)
        self._sent += 1
        self._encode(picture)
        if self._side:
            with self._errors():
                self._side.feed(frame.pts * frame.time_base)

    @property
    def _holds_one(self) -> bool:
        return self._container.format.name in STILLS

    def _begin(self, first: RedactedFrame | UnsealedFrame) -> Times:
        zero = first.pts * first.time_base if self._trimmed else self._zero(first)
        if self._side and self._trimmed:
            self._side.cut_before(zero)
        return Times(self._unit, zero=zero)

    def _zero(self, first: RedactedFrame | UnsealedFrame) -> Fraction:
        """Where the output begins, in the input's seconds: a short way before its first frame."""
        zero, time = self._info.zero, first.pts * first.time_base
        has_more = self._side is not None and not self._side.is_empty
        return zero if has_more or time - zero <= LONGEST_LEAD else time

    def _encode(self, picture: av.VideoFrame | None) -> None:
        with self._errors():
            for packet in self._stream.encode(picture):
                if picture is None and self._sent <= UNORDERED:
                    packet.dts = packet.pts  # x265 sets it to anything
                if self._times is not None:
                    self._times.restore(packet)
                self._container.mux(packet)

    # -- completing ---------------------------------------------------------------------------

    def finish(self) -> None:
        if not self._sent:
            raise SinkError(f"no frame was written to {self._path.name}")
        self._encode(None)
        with self._errors():
            if self._side:
                self._side.finish()
            self._container.close()
        self._complete()

    def _complete(self) -> None:
        """Make visible what was written."""
        self._kept.complete(self._file.part)
        written = self._count()
        if written != self._sent:
            raise SinkError(
                f"{self._path.name} holds {written} frames but {self._sent} were sent: "
                "the output was discarded"
            )
        self._announce(self._file.part)
        publish(*self._along, self._file)

    def _announce(self, written: Path | None) -> None:
        if self.on_complete is not None:
            self.on_complete(written)

    def _count(self) -> int:
        if self._container.format.name == STILL:
            return int(self._file.part.stat().st_size > 0)
        with (
            self._errors(),
            open_file(self._file.part, demuxer=_reader(self._container)) as written,
        ):
            videos = written.streams.video  # none where the container took it for mere data
            return sum(1 for packet in written.demux(*videos) if packet.size) if videos else 0

    def close(self) -> None:
        with suppress(av.error.FFmpegError, OSError, ValueError):
            if self._side is not None:
                self._side.close()
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()
        self._file.discard()

    def _errors(self) -> AbstractContextManager[None]:
        return as_sink_errors(self._path)


class MediaSink(MediaFile):
    """A file of redacted frames."""

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        self._write(frame)


def _reader(container: OutputContainer) -> str | None:
    """The demuxer for what a muxer wrote; the name ends in `.part`, so it must be given."""
    return {"matroska": "matroska", "webm": "matroska"}.get(container.format.name)
