"""Live runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.api.arguments import overrides, path_or_none
from stream_anon.config import load_settings
from stream_anon.pipeline.live.outputs import Outputs
from stream_anon.pipeline.live.run import LiveRun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from os import PathLike


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
    given = overrides(settings, scope, method)
    if audio is not None:
        given["live.audio"] = audio
    return LiveRun(
        str(source),
        Outputs(tuple(str(place) for place in to), preview, segment, keep),
        load_settings(path_or_none(config), given),
        pace=pace,
        name=name,
    )
