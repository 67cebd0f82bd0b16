"""From settings and paths to objects, and the one call that runs them."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from stream_anon.audio.tracks import SideTracks
from stream_anon.core.files import HashedFile, check_target, part_of
from stream_anon.detectors.labels import resolve_scope
from stream_anon.errors import ConfigError, SinkError, SourceError
from stream_anon.masking.masker import Masker
from stream_anon.masking.tracks_file import TracksMasker, load_tracks
from stream_anon.pipeline import threads as pipeline
from stream_anon.pipeline.engines import engine_name, load_engines, seen_labels
from stream_anon.pipeline.record import Record
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.file import MediaSink
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.files import PartFile
    from stream_anon.core.frame import StreamInfo
    from stream_anon.pipeline.report import Summary

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
        stack.enter_context(_single_threaded_opencv())
        run = _Run(stack, source_path, settings, tracks)
        record = Record(stack, run, report, export_tracks, on_progress)
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


@contextmanager
def _single_threaded_opencv() -> Iterator[None]:
    """Its pictures are small here: threads of its own cost more than they bring."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


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
        engine = engine_name(settings)
        scope = resolve_scope(settings.redaction.scope, seen_labels(engine), engine)
        engines = load_engines(engine, settings, info, self.input.path)
        for parser in engines.all:
            self.in_use.callback(parser.close)
        self.engine, self.model_hash = engines.name, engines.model_hash
        self._notes += engines.notes
        log.info("hiding %s", ", ".join(sorted(scope)))
        return Masker(engines.faces, scope, settings, info, body_parser=engines.bodies)

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


def _same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def _check_free(settings: Settings, *paths: Path | None) -> None:
    for path in paths:
        if path is not None:
            check_target(path, overwrite=settings.output.overwrite)
