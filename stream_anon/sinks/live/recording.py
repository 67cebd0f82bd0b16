"""Recordings that may end at any moment: a file, or a set of files that follow each other."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av.error

from stream_anon.core.demuxers import open_file
from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import ConfigError, SinkError
from stream_anon.sinks.base import check_redacted
from stream_anon.sinks.encoding.encoders import container_for
from stream_anon.sinks.encoding.failures import as_sink_errors
from stream_anon.sinks.encoding.live import LiveEncoder
from stream_anon.sinks.live.names import Names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.live_sound import SoundBlock
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.sinks.live.address import SinkOrder

log = stream_logger(__name__)

SHORTEST_SEGMENT = 1.0
"""Seconds."""
_CLUSTERS = {"cluster_time_limit": "500"}
_FRAGMENTS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "500000",
}
_WRITTEN_THROUGH = {
    "matroska": _CLUSTERS,
    "webm": _CLUSTERS,
    "mp4": _FRAGMENTS,
    "mov": _FRAGMENTS,
    "mpegts": {},
}
"""FFmpeg's options by container: half a second of video at most is held back."""


class RecordingSink:
    """Writes files that grow under their own names and can be played however the run ends.

    Killed at any moment, what was sent up to a second before is there. No file is ever
    overwritten: a name that is taken gets -2, -3 and so on. Each file starts at time 0.
    """

    def __init__(
        self,
        path: Path | str,
        info: StreamInfo,
        settings: Settings,
        *,
        segment: float | None = None,
        keep: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the first file and the encoder.

        Args:
            path: its last part may hold fields of a date, such as `cam-%Y%m%d-%H%M%S.mkv`.
            info: of the frames to come.
            settings: encoder, preset and quality.
            segment: seconds after which the next file begins; None for one file.
            keep: seconds after which a file of this pattern is deleted; None keeps all.
            clock: seconds since 1970.

        Raises:
            ConfigError: the name holds an unknown field; segments too short; `keep` without a date.
            SinkError: the folder, the container or the encoder does not work.
        """
        self._pattern = Path(path)
        self._names = Names(self._pattern)
        self._container = _container(self._pattern)
        self._info, self._settings, self._clock = info, settings, clock
        if segment is not None and segment < SHORTEST_SEGMENT:
            raise ConfigError(f"segments of {segment} s are too short: use at least one second")
        if keep is not None and not self._names.dated:
            raise ConfigError(
                f"{self._pattern.name} has no full date in it: only files named by date, such as "
                "cam-%Y%m%d-%H%M%S.mkv, can be deleted by age"
            )
        self._segment = Fraction(segment).limit_denominator(1000) if segment else None
        self._keep = keep
        self._ends: Fraction | None = None
        self._sent = 0
        self._failed = False
        folder = self._names.folder
        if not folder.is_dir():
            raise SinkError(f"the folder {folder} does not exist: create it first")
        self._encoder = self._open()

    # -- files --------------------------------------------------------------------------------

    def _open(self) -> LiveEncoder:
        self._delete_old()
        with as_sink_errors(self._pattern):
            self._path = self._names.claim(self._clock())
        options = _WRITTEN_THROUGH[self._container]
        url = f"file:{self._path}"
        try:
            with as_sink_errors(self._path):
                return LiveEncoder(url, self._container, self._info, self._settings, options)
        except BaseException:
            self._path.unlink(missing_ok=True)
            raise

    def _delete_old(self) -> None:
        if self._keep is None:
            return
        try:
            for old in self._names.older(self._clock() - self._keep):
                old.unlink(missing_ok=True)
                log.info("deleted %s, which is older than the retention period", old.name)
        except OSError as error:
            log.warning("old recordings cannot be deleted: %s", error.strerror)

    # -- writing ------------------------------------------------------------------------------

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        if self._is_due(frame):
            self._complete()
            self._encoder = self._open()
        with self._watched():
            self._encoder.write(frame)
        self._sent += 1

    def hear(self, sound: Sequence[SoundBlock]) -> None:
        with self._watched():
            self._encoder.hear(sound)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            with as_sink_errors(self._path):
                yield
        except SinkError:
            self._failed = True
            raise

    def _complete(self) -> None:
        with self._watched():
            self._encoder.finish()

    def _is_due(self, frame: RedactedFrame) -> bool:
        """Whether a new file begins with this frame."""
        if self._segment is None:
            return False
        now = frame.pts * frame.time_base
        if self._ends is None:
            self._ends = now + self._segment
        if now < self._ends:
            return False
        self._ends += ((now - self._ends) // self._segment + 1) * self._segment
        return True

    # -- completing ---------------------------------------------------------------------------

    def finish(self) -> None:
        if not self._sent:
            raise SinkError(f"no frame was written to {self._path.name}")
        self._complete()

    def close(self) -> None:
        """Free everything. What was recorded stays; a file without one picture does not."""
        self._encoder.abandon()
        with suppress(OSError):
            if not self._encoder.frames or (self._failed and not _holds_video(self._path)):
                self._path.unlink(missing_ok=True)


def _container(path: Path) -> str:
    container = container_for(path)
    if container not in _WRITTEN_THROUGH:
        raise SinkError(
            f"{path.name} would be lost if the run were killed: use .mkv, .mp4, .mov, .ts or .webm"
        )
    return container


def _holds_video(path: Path) -> bool:
    """Whether at least one picture can be seen."""
    try:
        with open_file(path) as written:
            return next(written.decode(video=0), None) is not None
    except (av.error.InvalidDataError, av.error.EOFError, IndexError):
        return False


def open_sink(order: SinkOrder) -> RecordingSink:
    """Open what the registry's row for files names."""
    target, settings = order.address.target, order.settings
    return RecordingSink(target, order.info, settings, segment=order.segment, keep=order.keep)
