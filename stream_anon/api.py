"""The calls that most programs need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from stream_anon.config import load_settings
from stream_anon.pipeline.recording import redact_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from stream_anon.pipeline.live.run import LiveRun
    from stream_anon.pipeline.report import Summary


def redact(
    source: str | PathLike[str],
    output: str | PathLike[str] | None,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    audio: Literal["drop", "copy", "disguise"] | None = None,
    overwrite: bool | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
    report: str | PathLike[str] | None = None,
    tracks: str | PathLike[str] | None = None,
    masks: str | PathLike[str] | None = None,
    export_tracks: str | PathLike[str] | None = None,
    export_masks: str | PathLike[str] | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Hide the faces in a recorded video or a picture.

    Args:
        source: the input, any video or picture that FFmpeg reads and that is one file.
        output: the output; its ending chooses the container. None with `export_masks`: the masks
            are worked out, and nothing is rendered.
        scope: what to hide: `face`, `head`, `person`, a label or a list of labels.
        method: how to hide it: `blur`, `pixelate` or `fill`.
        audio: what to do with the sound; dropped by default.
        overwrite: replace an existing output.
        config: a TOML file with settings.
        settings: any other setting by its dotted path, such as `{"output.quality": 23}`; the
            arguments above win over it.
        report: write the record of the run here, as JSON.
        tracks: hide what this tracks file says instead of looking for faces.
        masks: hide exactly what this record of masks says instead of looking for faces.
        export_tracks: write what was hidden here, as JSON to edit.
        export_masks: write the record of masks here, to render from; `.gz` compresses it.
        on_progress: called after each frame with the counts so far.

    Returns:
        Counts of the run. `complete` is False where part of the input could not be decoded.

    Raises:
        StreamAnonError: one of its kinds; there is then no output under its name.
    """
    named = {
        "redaction.scope": scope,
        "redaction.method": method,
        "output.audio": audio,
        "output.overwrite": overwrite,
    }
    given = {dotted: value for dotted, value in named.items() if value is not None}
    overrides: dict[str, object] = {**(settings or {}), **given}
    return redact_file(
        Path(source),
        _path(output),
        load_settings(_path(config), overrides),
        report=_path(report),
        tracks=_path(tracks),
        masks=_path(masks),
        export_tracks=_path(export_tracks),
        export_masks=_path(export_masks),
        on_progress=on_progress,
    )


def redact_live(
    source: str | PathLike[str],
    *,
    to: Sequence[str | PathLike[str]] = (),
    preview: bool = False,
    scope: str | list[str] | None = None,
    method: str | None = None,
    segment: float | None = None,
    keep: float | None = None,
    pace: bool = False,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> LiveRun:
    """Describe a live run; its `run()` runs it, its `stop()` ends it from any other thread.

    Args:
        source: a webcam (`0`), an address such as `rtsp://camera/stream`, or with `pace` a file.
        to: where to: files, addresses, `hls:FOLDER`, `camera`.
        preview: show it in a window.
        scope: what to hide, as in `redact`.
        method: how to hide it, as in `redact`.
        segment: seconds after which a recording goes on in the next file.
        keep: seconds after which files of the recording are deleted.
        pace: `source` is a file, to be played at its own pace.
        config: a TOML file with settings.
        settings: any other setting by its dotted path; the arguments above win over it.

    Raises:
        StreamAnonError: it cannot be run like this. Nothing has been opened.
    """
    from stream_anon.pipeline.live.outputs import Outputs  # noqa: PLC0415
    from stream_anon.pipeline.live.run import LiveRun  # noqa: PLC0415 - not for recordings

    named = {"redaction.scope": scope, "redaction.method": method}
    given = {dotted: value for dotted, value in named.items() if value is not None}
    return LiveRun(
        str(source),
        Outputs(tuple(str(place) for place in to), preview, segment, keep),
        load_settings(_path(config), {**(settings or {}), **given}),
        pace=pace,
    )


def _path(name: str | PathLike[str] | None) -> Path | None:
    return None if name is None else Path(name)
