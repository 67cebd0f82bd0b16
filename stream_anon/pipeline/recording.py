"""From settings and paths to objects, and the one call that runs them."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.audio.tracks import SideTracks
from stream_anon.core.credentials import scheme_of
from stream_anon.core.files import HashedFile, JsonFile, check_target, part_of, write_error
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.detectors.scopes import choose, resolve_scope
from stream_anon.errors import ConfigError, SinkError, SourceError
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.masker import Masker
from stream_anon.masking.tracks_file import TracksMasker, TracksRecorder, load_tracks
from stream_anon.pipeline import threads as pipeline
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.report import Summary, report_record
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.file import MediaSink
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.files import PartFile
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame

log = logging.getLogger(__name__)

TRACKS_ENGINE = "tracks file"


def redact_file(
    source_path: Path,
    output_path: Path,
    settings: Settings,
    *,
    report: Path | None = None,
    tracks: Path | None = None,
    export_tracks: Path | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Redact one recorded video or picture.

    Args:
        source_path: the input.
        output_path: the output; its ending chooses the container.
        settings: everything else.
        report: write the record of the run here, as JSON.
        tracks: hide what this file says instead of looking for faces.
        export_tracks: write what was hidden here, as JSON to edit.
        on_progress: called after each frame.

    Raises:
        StreamAnonError: with no output under its name.
    """
    try:
        _check_paths(source_path, output_path, tracks, report, export_tracks)
        _check_free(settings, report, export_tracks)
    except (OSError, ValueError) as error:
        raise ConfigError(f"a file name cannot be used: {error}") from error
    with ExitStack() as stack:
        stack.enter_context(single_threaded_opencv)
        run = _Run(stack, source_path, settings, tracks)
        record = _Record(stack, run, report, export_tracks, on_progress)
        run.open_sink(stack, output_path, record.files)
        pipeline.run(
            run.source,
            run.masks,
            Redactor(settings.redaction, run.source.info.color),
            run.sink,
            settings.pipeline,
            on_frame=record.count,
            before_finish=record.prepare,
            on_stuck=run.in_use.pop_all,  # closing them under a running thread would crash
        )
    record.log()
    return record.summary


class _Run:
    """All that one run needs, opened; closed with `stack`."""

    def __init__(
        self, stack: ExitStack, source: Path, settings: Settings, tracks: Path | None
    ) -> None:
        self.in_use = stack.enter_context(ExitStack())
        """Closes what the threads use."""
        self.settings = settings
        self.input = HashedFile(source)
        self.tracks = HashedFile(tracks) if tracks else None
        loaded = load_tracks(tracks) if tracks else None
        self.source = MediaSource(source)
        self.in_use.callback(self.source.close)
        _log_input(self.source.info)
        self._notes: list[str] = []
        self._expected: str | None = None
        """SHA-256 of the input that the tracks were made from."""
        self.masks: pipeline.Masks
        if loaded is not None:
            self._expected = loaded.input_sha256
            self.check_input()
            self.masks = TracksMasker(loaded, self.source.info)
            self.engine, self.model_hash = TRACKS_ENGINE, ""
        else:
            self.masks = self._masker(self.source.info)
        log.info("engine %s %s", self.engine, self.model_hash[:16])

    def open_sink(self, stack: ExitStack, output: Path, along: Sequence[PartFile]) -> None:
        """Open the output; it gets its name together with `along`."""
        side = _side(self.input.path, self.settings)
        self.sink = MediaSink(output, self.source.info, self.settings.output, side, along)
        stack.callback(self.sink.close)

    def check_input(self) -> None:
        """Refuse tracks of another file than the input, also one that became another meanwhile."""
        path = self.input.path
        if self._expected and self._expected != self.input.sha256:
            raise ConfigError(
                f"the tracks were made from another file than {path.name}: remove input_sha256 "
                "from the tracks file if they fit all the same"
            )
        if self._expected and self.input.changed:
            raise SourceError(
                f"{path} changed while it was read, and the tracks may not fit what it is now: "
                "wait until nobody writes it, and run again"
            )

    def _masker(self, info: StreamInfo) -> Masker:
        settings = self.settings
        rows = choose(settings.parsing.engine, settings.redaction.scope)
        scope = resolve_scope(settings.redaction.scope, rows)
        engines = load_engines(rows, settings, info, self.input.path)
        for parser in engines.all:
            self.in_use.callback(parser.close)
        self.engine, self.model_hash = engines.name, engines.model_hash
        self._notes += engines.notes
        log.info("hiding %s", ", ".join(sorted(scope)))
        horizon = Horizon.of_recording(settings, info)
        return Masker(engines.fast, scope, settings, info, horizon, bodies=engines.slow)

    def notes(self) -> list[str]:
        """What differs from what was asked for."""
        notes = [*self._notes, *self.sink.notes]
        if converted := self.source.info.converted_from:
            notes.append(f"pictures were converted from {converted} to 8-bit 4:2:0")
        if self.tracks and "scope" in self.settings.redaction.model_fields_set:
            notes.append(f"the scope had no effect: {self.tracks.path.name} tells what to hide")
        read = [self.input, self.tracks] if self.tracks else [self.input]
        return notes + [
            f"{file.path.name} changed while it was read: its hash is not known"
            for file in read
            if file.changed
        ]


class _Record:
    """Counts while the run goes on, and writes what was asked for before its output appears."""

    def __init__(
        self,
        stack: ExitStack,
        run: _Run,
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


def _log_input(info: StreamInfo) -> None:
    rate = f"{float(info.rate):.3g} frames/s" if info.rate else "unknown rate"
    log.info(
        "input %s: %dx%d, %s, about %s frames",
        info.label,
        info.width,
        info.height,
        rate,
        info.frames,
    )
    log.debug("%s, pixel aspect %s, %s", info.color, info.pixel_aspect, info.time_base)


def _side(source: Path, settings: Settings) -> partial[SideTracks] | None:
    output = settings.output
    if output.audio == "drop" and not output.keep_subtitles:
        return None
    return partial(_open_side, source, output.audio, output.keep_subtitles)


def _open_side(source: Path, audio: str, subtitles: bool, output: object) -> SideTracks:
    return SideTracks(source, output, audio=audio, subtitles=subtitles)  # type: ignore[arg-type]


def _check_paths(source: Path, output: Path, *others: Path | None) -> None:
    """No file of the run may be another one of its files, nor another one's `.part`."""
    _check_names(source, output, *others)
    written = [output, *(path for path in others[1:] if path is not None)]
    seen: set[Path] = set()
    for path in [source, *(path for path in others[:1] if path is not None), *written]:
        for name in (path, part_of(path)) if path in written else (path,):
            real = name.resolve()
            if real in seen or (path is not source and _same(name, source)):
                raise ConfigError(
                    f"{name} is needed twice: input and outputs must be different files"
                )
            seen.add(real)
    for path in written[1:]:
        if not path.parent.is_dir():
            raise SinkError(f"the folder {path.parent} does not exist: create it first")


def _check_names(*paths: Path | None) -> None:
    for path in paths:
        scheme = scheme_of(path)
        if path is not None and scheme and not path.exists() and not path.parent.is_dir():
            raise ConfigError(  # without the rest, which may hold a password
                f"an address ({scheme}://…) is not a file: cameras and streams are for "
                "`stream-anon live`"
            )


def _same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _check_free(settings: Settings, *paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            check_target(path, overwrite=settings.output.overwrite)
