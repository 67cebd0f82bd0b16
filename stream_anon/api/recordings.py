"""Recordings and pictures in files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.api.arguments import overrides, path_or_none
from stream_anon.config import load_settings
from stream_anon.core.clear import NOBODY, Clear
from stream_anon.errors import ConfigError
from stream_anon.pipeline.excerpt import select
from stream_anon.pipeline.job import Job
from stream_anon.pipeline.recording import redact_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from stream_anon.pipeline.excerpt import Selection
    from stream_anon.pipeline.report import Summary


def redact(
    source: str | PathLike[str],
    output: str | PathLike[str] | None,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    audio: str | None = None,
    begin: float | None = None,
    end: float | None = None,
    trim: bool = False,
    video_track: int | None = None,
    overwrite: bool | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    report: str | PathLike[str] | None = None,
    tracks: str | PathLike[str] | None = None,
    keep: Sequence[int] = (),
    only: Sequence[int] = (),
    masks: str | PathLike[str] | None = None,
    edits: str | PathLike[str] | None = None,
    export_tracks: str | PathLike[str] | None = None,
    export_masks: str | PathLike[str] | None = None,
    seal: str | list[str] | None = None,
    sealed: str | PathLike[str] | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Hide the faces in a recorded video or a picture.

    Args:
        source: the input, any video or picture that FFmpeg reads and that is one file.
        output: the output; its ending chooses the container. None with `export_masks`: the masks
            are computed, and nothing is rendered.
        scope: what to hide: `face`, `head`, `person`, a label or a list of labels.
        method: how to hide it: `blur` (the default), `fill`, `silhouette` or `avatar`; or
            `pixelate`, `noise`, `stylize` or `gaussian`, which read what they hide.
        audio: what to do with the sound: `drop` (the default), `copy` or `disguise`, and ranges to
            cover, in seconds or as `M:SS`: `"mute 12.5-14, 60-"`, `"disguise, beep 1:02-1:03.5"`.
        begin: redact from there on, in seconds; what is before is hidden whole.
        end: redact up to there, in seconds; what is after is hidden whole.
        trim: leave out what is before `begin` and after `end`; the output begins at 0.
        video_track: redact this video track, from 1; None for the one that players show.
        overwrite: replace an existing output.
        config: a TOML file with settings.
        settings: any other setting by its dotted path, such as `{"output.quality": 23}`; the
            arguments above win over it.
        report: write the record of the run here, as JSON.
        tracks: hide what this tracks file says instead of looking for faces.
        keep: numbers of people in it who are left clear, wherever it is surely them.
        only: numbers of people in it who alone are hidden.
        masks: hide exactly what this record of masks says instead of looking for faces.
        edits: corrections of that record, as somebody made them in a review.
        export_tracks: write what was hidden here, as JSON to edit.
        export_masks: write the record of masks here, to render from; `.gz` compresses it.
        seal: public keys of age, or files of them: what is hidden is stored, encrypted to them, so
            that `unseal` can bring somebody back. It is not anonymous then.
        sealed: where the seal goes; None for `.sealed` after the name of the output.
        on_progress: called after each frame with the counts so far.

    Returns:
        Counts of the run. `complete` is False where part of the input could not be decoded.

    Raises:
        StreamAnonError: one of its subclasses; there is then no output under its name.
    """
    return _job(
        source,
        output,
        overrides(settings, scope, method, audio=audio, overwrite=overwrite, seal=seal),
        config,
        _Files(
            report, tracks, masks, edits, export_tracks, export_masks, sealed, _clear(keep, only)
        ),
        select(begin, end, video_track, trim=trim),
        on_progress,
    ).run()


def start(
    source: str | PathLike[str],
    output: str | PathLike[str] | None,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    audio: str | None = None,
    begin: float | None = None,
    end: float | None = None,
    trim: bool = False,
    video_track: int | None = None,
    overwrite: bool | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    report: str | PathLike[str] | None = None,
    tracks: str | PathLike[str] | None = None,
    keep: Sequence[int] = (),
    only: Sequence[int] = (),
    masks: str | PathLike[str] | None = None,
    edits: str | PathLike[str] | None = None,
    export_tracks: str | PathLike[str] | None = None,
    export_masks: str | PathLike[str] | None = None,
    seal: str | list[str] | None = None,
    sealed: str | PathLike[str] | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Job:
    """Begin what `redact` does in a thread of its own, and come back at once.

    Arguments are those of `redact`. The job has `progress`, `cancel()` and `result()`, which
    raises what `redact` would raise.
    """
    return _job(
        source,
        output,
        overrides(settings, scope, method, audio=audio, overwrite=overwrite, seal=seal),
        config,
        _Files(
            report, tracks, masks, edits, export_tracks, export_masks, sealed, _clear(keep, only)
        ),
        select(begin, end, video_track, trim=trim),
        on_progress,
    ).begin()


class _Files(NamedTuple):
    """What a run reads and writes besides its input and output."""

    report: str | PathLike[str] | None
    tracks: str | PathLike[str] | None
    masks: str | PathLike[str] | None
    edits: str | PathLike[str] | None
    export_tracks: str | PathLike[str] | None
    export_masks: str | PathLike[str] | None
    sealed: str | PathLike[str] | None
    clear: Clear = NOBODY


def _job(
    source: str | PathLike[str],
    output: str | PathLike[str] | None,
    given: dict[str, object],
    config: str | PathLike[str] | None,
    files: _Files,
    selection: Selection,
    on_progress: Callable[[Summary], None] | None,
) -> Job:
    """A recording to redact; nothing is read yet."""

    def work(count: Callable[[Summary], None]) -> Summary:
        def progress(summary: Summary) -> None:
            count(summary)
            if on_progress is not None:
                on_progress(summary)

        return redact_file(
            Path(source),
            path_or_none(output),
            load_settings(path_or_none(config), given),
            selection=selection,
            report=path_or_none(files.report),
            tracks=path_or_none(files.tracks),
            clear=files.clear,
            masks=path_or_none(files.masks),
            edits=path_or_none(files.edits),
            export_tracks=path_or_none(files.export_tracks),
            export_masks=path_or_none(files.export_masks),
            sealed=path_or_none(files.sealed),
            on_progress=progress,
        )

    return Job(work)


def _clear(keep: Sequence[int], only: Sequence[int]) -> Clear:
    for number in (*keep, *only):
        if type(number) is not int or number < 0:
            raise ConfigError(f"{number!r} is not the number of a person in the tracks file")
    return Clear(tuple(keep), tuple(only))
