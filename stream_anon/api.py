"""The calls that most programs need."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from stream_anon.config import load_settings
from stream_anon.core.clear import NOBODY, Clear
from stream_anon.errors import ConfigError
from stream_anon.pipeline.excerpt import select
from stream_anon.pipeline.job import Job
from stream_anon.pipeline.picture import WarmRedactors
from stream_anon.pipeline.recording import redact_file
from stream_anon.pipeline.sealing import check_not_sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from stream_anon.pipeline.excerpt import Selection
    from stream_anon.pipeline.live.run import LiveRun
    from stream_anon.pipeline.report import Summary
    from stream_anon.pipeline.unsealing import SealedTrack, Unsealed

_WARM = 2
"""Settings whose detectors stay loaded between calls of `redact_picture`."""
_pictures = WarmRedactors(_WARM)


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
        method: how to hide it: `blur`, `pixelate` or `fill`.
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
        _overrides(settings, scope, method, audio=audio, overwrite=overwrite, seal=seal),
        config,
        _Files(report, tracks, masks, export_tracks, export_masks, sealed, _clear(keep, only)),
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
        _overrides(settings, scope, method, audio=audio, overwrite=overwrite, seal=seal),
        config,
        _Files(report, tracks, masks, export_tracks, export_masks, sealed, _clear(keep, only)),
        select(begin, end, video_track, trim=trim),
        on_progress,
    ).begin()


class _Files(NamedTuple):
    """What a run reads and writes besides its input and output."""

    report: str | PathLike[str] | None
    tracks: str | PathLike[str] | None
    masks: str | PathLike[str] | None
    export_tracks: str | PathLike[str] | None
    export_masks: str | PathLike[str] | None
    sealed: str | PathLike[str] | None
    clear: Clear = NOBODY


def _job(
    source: str | PathLike[str],
    output: str | PathLike[str] | None,
    overrides: dict[str, object],
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
            _path(output),
            load_settings(_path(config), overrides),
            selection=selection,
            report=_path(files.report),
            tracks=_path(files.tracks),
            clear=files.clear,
            masks=_path(files.masks),
            export_tracks=_path(files.export_tracks),
            export_masks=_path(files.export_masks),
            sealed=_path(files.sealed),
            on_progress=progress,
        )

    return Job(work)


def _clear(keep: Sequence[int], only: Sequence[int]) -> Clear:
    for number in (*keep, *only):
        if type(number) is not int or number < 0:
            raise ConfigError(f"{number!r} is not the number of a person in the tracks file")
    return Clear(tuple(keep), tuple(only))


def _overrides(
    settings: Mapping[str, object] | None,
    scope: str | list[str] | None,
    method: str | None,
    **output: object,
) -> dict[str, object]:
    """Settings by their dotted paths; arguments of their own win over `settings`."""
    named: dict[str, object] = {"redaction.scope": scope, "redaction.method": method}
    named |= {f"output.{name}": value for name, value in output.items()}
    given = {dotted: value for dotted, value in named.items() if value is not None}
    return {**(settings or {}), **given}


@overload
def redact_picture(
    picture: NDArray[np.uint8],
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> NDArray[np.uint8]: ...


@overload
def redact_picture(
    picture: bytes,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> bytes: ...


def redact_picture(
    picture: NDArray[np.uint8] | bytes,
    *,
    scope: str | list[str] | None = None,
    method: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> NDArray[np.uint8] | bytes:
    """Hide the faces in one picture in memory.

    Detectors stay loaded for the next call, until `close_pictures` or the end of the process.
    Calls from several threads take turns.

    Args:
        picture: an RGB array of uint8, (height, width, 3), or the bytes of a JPEG, PNG, WebP, TIFF
            or AVIF.
        scope: what to hide, as in `redact`.
        method: how to hide it.
        config: a TOML file with settings.
        settings: any other setting by its dotted path; the arguments above win over it.

    Returns:
        An array of the same shape, or a file of the same format: upright, without metadata and
        transparency.

    Raises:
        StreamAnonError: one of its subclasses; nothing is returned then.
    """
    if not isinstance(picture, (bytes, np.ndarray)):
        raise ConfigError("a picture is an RGB array of uint8, or the bytes of a picture file")
    loaded = load_settings(_path(config), _overrides(settings, scope, method))
    check_not_sealed(loaded, "a picture in memory")
    with _pictures.using(loaded) as redactor:
        if isinstance(picture, bytes):
            return redactor.redact_bytes(picture)
        return redactor.redact_array(picture)


def unseal(
    redacted: str | PathLike[str],
    sealed: str | PathLike[str],
    output: str | PathLike[str],
    *,
    key: str | PathLike[str],
    tracks: Sequence[str | int],
    overwrite: bool = False,
) -> Unsealed:
    """Bring back somebody whom `redact` has hidden and sealed, and nobody else.

    Args:
        redacted: the redacted video, unchanged.
        sealed: the seal that was written with it.
        output: where to; an `.mkv` is written without loss.
        key: a file with the secret key, as age-keygen writes it.
        tracks: numbers of tracks, or what else `sealed_tracks` lists.
        overwrite: replace an existing output.

    Returns:
        Counts, and notes on where the output differs from what was asked for.

    Raises:
        StreamAnonError: one of its subclasses; there is then no output under its name.
    """
    from stream_anon.pipeline.unsealing import unseal_file  # noqa: PLC0415 - seldom needed

    return unseal_file(
        Path(redacted),
        Path(sealed),
        Path(output),
        key=Path(key),
        tracks=[str(track) for track in tracks],
        overwrite=overwrite,
    )


def sealed_tracks(
    redacted: str | PathLike[str], sealed: str | PathLike[str], *, key: str | PathLike[str]
) -> list[SealedTrack]:
    """Whom a seal can bring back. Arguments are those of `unseal`.

    Raises:
        StreamAnonError: the seal does not open, or is of another video.
    """
    from stream_anon.pipeline.unsealing import sealed_tracks_of  # noqa: PLC0415 - seldom needed

    return sealed_tracks_of(Path(redacted), Path(sealed), Path(key))


def close_pictures() -> None:
    """Free the detectors that `redact_picture` keeps loaded; its next call reloads them."""
    _pictures.close()


atexit.register(close_pictures)


def prepare_live(
    source: str | PathLike[str],
    *,
    to: Sequence[str | PathLike[str]] = (),
    preview: bool = False,
    scope: str | list[str] | None = None,
    method: str | None = None,
    audio: str | None = None,
    segment: float | None = None,
    keep: float | None = None,
    pace: bool = False,
    name: str | None = None,
    config: str | PathLike[str] | None = None,
    settings: Mapping[str, object] | None = None,
) -> LiveRun:
    """Prepare a live run, which does not begin yet.

    Its `run()` runs it in this thread, its `start()` in one of its own; `stop()` ends it from any.

    Args:
        source: a webcam (`0`), an address such as `rtsp://camera/stream`, or with `pace` a file.
        to: where to: files, addresses, `hls:FOLDER`, `camera`. More can be added while it runs.
        preview: show it in a window.
        scope: what to hide, as in `redact`.
        method: how to hide it, as in `redact`.
        audio: `drop` (the default), `copy` or `disguise`: the sound, for files and streams.
        segment: seconds after which a recording goes on in the next file.
        keep: seconds after which files of the recording are deleted.
        pace: `source` is a file, to be played at its own pace.
        name: of the stream, for the log, where one process has several. The source's, without
            credentials, where none is given.
        config: a TOML file with settings.
        settings: any other setting by its dotted path; the arguments above win over it.

    Raises:
        StreamAnonError: it cannot be run like this. Nothing has been opened.
    """
    from stream_anon.pipeline.live.outputs import Outputs  # noqa: PLC0415
    from stream_anon.pipeline.live.run import LiveRun  # noqa: PLC0415 - not for recordings

    overrides = _overrides(settings, scope, method)
    if audio is not None:
        overrides["live.audio"] = audio
    return LiveRun(
        str(source),
        Outputs(tuple(str(place) for place in to), preview, segment, keep),
        load_settings(_path(config), overrides),
        pace=pace,
        name=name,
    )


def _path(name: str | PathLike[str] | None) -> Path | None:
    return None if name is None else Path(name)
