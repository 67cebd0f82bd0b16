"""Redacted video through a pipe, for whoever reads at its other end."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av

from stream_anon.core.files import publish
from stream_anon.errors import ConfigError, SinkError
from stream_anon.sinks.encoding.encoders import STILL, container_options
from stream_anon.sinks.encoding.failures import as_sink_errors
from stream_anon.sinks.file import MediaSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from av.container import OutputContainer

    from stream_anon.audio.tracks import SideTracks
    from stream_anon.config import Output
    from stream_anon.core.files import PartFile
    from stream_anon.core.frame import StreamInfo

NAME = "standard output"
FORMATS = ("mkv", "webm", "mp4", "ts", "gif", "png", "jpg")
"""Endings of the containers that need no way back to what was written."""
_STILL = "image2pipe"
"""FFmpeg's name of the container of a picture that goes through a pipe."""
_OPTIONS = {"mp4": {"movflags": "frag_keyframe+delay_moov+default_base_moof"}}
"""What makes a container streamable."""


@dataclass(frozen=True, slots=True)
class Pipe:
    """Where to, and in which container."""

    file: BinaryIO
    """Open for writing; stays open."""
    format: str
    """One of `FORMATS`."""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(
                f"{self.format} cannot go through a pipe: choose --format {', '.join(FORMATS)}"
            )


class PipeSink(MediaSink):
    """Writes while frames come. What is written is redacted, and cannot be taken back.

    An output that breaks off is told by the error alone. Files that belong to it are published when
    it is complete, as with `MediaSink`.
    """

    def __init__(
        self,
        pipe: Pipe,
        info: StreamInfo,
        settings: Output,
        side_tracks: Callable[[OutputContainer], SideTracks] | None = None,
        along: Sequence[PartFile] = (),
        *,
        trimmed: bool = False,
    ) -> None:
        """Open the encoder; the arguments are those of `MediaSink`.

        Raises:
            SinkError: the encoder does not work, or nobody reads.
        """
        self._pipe = pipe
        name = Path(f"{NAME}.{pipe.format}")  # its ending chooses the encoder
        super().__init__(name, info, settings, side_tracks, along, trimmed=trimmed)

    def _check_place(self) -> None:
        """There is no folder."""

    def _open(self, container: str, settings: Output) -> OutputContainer:
        name = _STILL if container == STILL else container
        options = {} if name == _STILL else container_options(container, settings)
        with self._errors():
            return av.open(
                _Forward(self._pipe.file),
                "w",
                format=name,
                container_options={**options, **_OPTIONS.get(name, {})},
            )

    @property
    def _holds_one(self) -> bool:
        return self._container.format.name == _STILL

    def _complete(self) -> None:
        with self._errors():
            self._pipe.file.flush()
        self._announce(None)
        publish(*self._along)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with as_sink_errors(Path(NAME)):
                yield
        except SinkError as error:
            if isinstance(error.__cause__, BrokenPipeError):
                raise SinkError(
                    f"{NAME} was closed by its reader before the end: what it got is incomplete"
                ) from error
            raise


class _Forward:
    """The writing end alone: without `seek`, nothing tries to go back."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]
        return len(data)
