"""From settings and paths to objects, and the one call that runs them."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon import pipeline
from stream_anon.audio.tracks import SideTracks
from stream_anon.errors import ConfigError, SinkError, StalledError
from stream_anon.masking.masker import Masker
from stream_anon.masking.tracks_file import TracksMasker, TracksRecorder, load_tracks, to_json
from stream_anon.parsing.centerface import CenterFace
from stream_anon.parsing.labels import resolve_scope
from stream_anon.redaction.redactor import Redactor
from stream_anon.report import Summary, file_hash, write_json, write_report
from stream_anon.sinks.media import MediaSink
from stream_anon.sources.media import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Settings
    from stream_anon.frame import MaskedFrame, RedactedFrame, StreamInfo
    from stream_anon.parsing.base import Parser

TRACKS_ENGINE = "tracks file"


def build_parser(settings: Settings, info: StreamInfo) -> Parser:
    """The engine that the settings name.

    Raises:
        ModelError: its weights are missing or damaged.
    """
    return CenterFace(
        info.color,
        pixel_aspect=float(info.pixel_aspect),
        min_score=settings.masking.track_score,
        threads=settings.parsing.threads,
    )


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
    _check_paths(source_path, output_path, report, tracks, export_tracks)
    loaded = load_tracks(tracks) if tracks else None
    with ExitStack() as owned:
        try:
            source = MediaSource(source_path)
            owned.callback(source.close)
            if loaded is not None:
                _check_input(loaded.input_sha256, source_path)
                masks: pipeline.Masks = TracksMasker(loaded, source.info)
                engine, model_hash = TRACKS_ENGINE, ""
            else:
                scope = resolve_scope(settings.redaction.scope, CenterFace.labels, CenterFace.name)
                parser = build_parser(settings, source.info)
                owned.callback(parser.close)
                masks = Masker(parser, scope, settings, source.info)
                engine, model_hash = parser.name, parser.model_hash
            sink = MediaSink(
                output_path, source.info, settings.output, _side(source_path, settings)
            )
            owned.callback(sink.close)
            summary = Summary(expected_frames=source.info.frames)
            recorder = TracksRecorder() if export_tracks else None
            began = monotonic()

            def on_frame(masked: MaskedFrame, redacted: RedactedFrame) -> None:
                summary.count(masked, redacted)
                summary.seconds = monotonic() - began
                if recorder is not None:
                    recorder.count(masked)
                if on_progress is not None:
                    on_progress(summary)

            redactor = Redactor(settings.redaction, source.info.color)
            pipeline.run(source, masks, redactor, sink, settings.pipeline, on_frame)
        except StalledError:
            owned.pop_all()  # a thread still uses them: closing them under it would crash
            raise
        summary.seconds = monotonic() - began
        summary.lost_frames, summary.lost_packets = source.losses.frames, source.losses.packets
        summary.lost_reason = source.losses.reason
        summary.notes = _notes(source.info, sink)
    if recorder is not None and export_tracks is not None:
        write_json(export_tracks, to_json(recorder.file(source.info, file_hash(source_path))))
    if report is not None:
        write_report(report, summary, settings, source_path, engine, model_hash)
    return summary


def _side(source: Path, settings: Settings) -> partial[SideTracks] | None:
    output = settings.output
    if output.audio == "drop" and not output.keep_subtitles:
        return None
    return partial(_open_side, source, output.audio, output.keep_subtitles)


def _open_side(source: Path, audio: str, subtitles: bool, output: object) -> SideTracks:
    return SideTracks(source, output, audio=audio, subtitles=subtitles)  # type: ignore[arg-type]


def _notes(info: StreamInfo, sink: MediaSink) -> list[str]:
    notes = list(sink.notes)
    if info.converted_from:
        notes.append(f"pictures were converted from {info.converted_from} to 8-bit 4:2:0")
    return notes


def _check_paths(source: Path, output: Path, *others: Path | None) -> None:
    paths = [source, output, *(path for path in others if path is not None)]
    seen: dict[Path, Path] = {}
    for path in paths:
        real = path.resolve()
        if real in seen or (path is not source and path.exists() and _same(path, source)):
            raise ConfigError(f"{path} is named twice: input and outputs must be different files")
        seen[real] = path
    for path in others:
        if path is not None and not path.parent.is_dir():
            raise SinkError(f"the folder {path.parent} does not exist: create it first")


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _check_input(expected: str | None, source: Path) -> None:
    if expected and expected != file_hash(source):
        raise ConfigError(
            f"the tracks were made from another file than {source.name}: remove input_sha256 from "
            "the tracks file if they fit all the same"
        )
