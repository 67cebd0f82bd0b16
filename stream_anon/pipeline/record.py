"""What a run writes down about itself: counts, report and tracks, published with its output."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from stream_anon.core.files import JsonFile, write_error
from stream_anon.masking.tracks_file import TracksRecorder
from stream_anon.pipeline.report import Summary, report_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import ExitStack
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.core.files import HashedFile
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.sources.base import Source

log = logging.getLogger(__name__)


class Run(Protocol):
    """What is recorded of a run."""

    settings: Settings
    input: HashedFile
    tracks: HashedFile | None
    engine: str
    model_hash: str

    @property
    def source(self) -> Source:
        """Open."""

    def check_input(self) -> None:
        """Refuse an input that the tracks are not for."""

    def notes(self) -> list[str]:
        """What differs from what was asked for."""


class Record:
    """Counts while the run goes on, and writes what was asked for before its output appears."""

    def __init__(
        self,
        stack: ExitStack,
        run: Run,
        report: Path | None,
        export_tracks: Path | None,
        on_progress: Callable[[Summary], None] | None,
    ) -> None:
        self._run = run
        overwrite = run.settings.output.overwrite
        self._report = JsonFile(report, overwrite=overwrite) if report else None
        self._tracks = JsonFile(export_tracks, overwrite=overwrite) if export_tracks else None
        self.files = [file.file for file in (self._tracks, self._report) if file is not None]
        """To be published with the output, which `prepare` makes whole."""
        for file in self.files:
            stack.callback(file.discard)
        self._recorder: TracksRecorder | None = None
        if export_tracks:
            with _written(export_tracks):
                self._recorder = TracksRecorder(export_tracks.parent)
            stack.callback(self._recorder.close)
        self._on_progress = on_progress
        self._began = monotonic()
        self.summary = Summary(expected_frames=run.source.info.frames)

    def count(self, masked: MaskedFrame, redacted: RedactedFrame) -> None:
        self.summary.count(masked, redacted)
        self.summary.seconds = monotonic() - self._began
        if self._recorder is not None and self._tracks is not None:
            with _written(self._tracks.file.path):
                self._recorder.count(masked)
        if self._on_progress is not None:
            self._on_progress(self.summary)

    def prepare(self) -> None:
        """Everything has been written and nothing has been completed yet."""
        run, summary = self._run, self.summary
        run.check_input()
        losses = run.source.losses
        summary.lost_frames, summary.lost_packets = losses.frames, losses.packets
        summary.lost_reason = losses.reason
        summary.notes = run.notes()
        if self._tracks is not None and self._recorder is not None:
            self._tracks.prepare(self._recorder.text(run.source.info, run.input.final_hash()))
        if self._report is not None:
            record = report_record(
                summary,
                run.settings,
                run.input,
                engine=run.engine,
                model_hash=run.model_hash,
                tracks=run.tracks,
            )
            self._report.prepare([json.dumps(record, indent=1), "\n"])

    def log(self) -> None:
        """All is there."""
        summary = self.summary
        summary.seconds = monotonic() - self._began
        log.info(
            "%d frames in %.1f s, looked at %d of them, %d hidden whole",
            *(summary.frames, summary.seconds, summary.keyframes, summary.hidden_whole.total()),
        )


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Raise `SinkError` about `path` for what the system raises inside."""
    try:
        yield
    except OSError as error:
        raise write_error(path, error) from error
