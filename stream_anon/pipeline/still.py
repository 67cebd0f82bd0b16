"""One raw picture of a source, to draw zones on. It is shown in a window and goes nowhere else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.address import split_address
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.redacted import DebugFrame, MaskedFrame, Unknown
from stream_anon.core.scaling import shrunk
from stream_anon.errors import SourceError
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.window.preview import matrix_for
from stream_anon.sinks.window.zone_editor import EditorWindow, ZoneEditor, edit
from stream_anon.sources.file import MediaSource
from stream_anon.sources.live.address import device
from stream_anon.sources.live.source import LiveSource
from stream_anon.sources.ranges import TimeRange
from stream_anon.sources.registry import parse_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from stream_anon.config import Redaction, Settings
    from stream_anon.core.frame import Frame, StreamInfo

LARGEST = (1280, 800)
"""Pixels that the still takes on the screen, at most."""
TITLE = "stream-anon zones"
RAW_STILL = Unknown.NOT_PARSED
"""Nothing was detected: whoever does not ask for the raw picture sees nothing of it."""


def draw_zones(
    source: str,
    settings: Settings,
    at: Fraction,
    save: Callable[[str], None],
    rest: Callable[[], object],
) -> None:
    """Show a still of a source, and let somebody draw zones on it.

    Args:
        source: a recording or picture, or what a live run is given.
        settings: those of redaction name the zones that exist.
        at: time of the still in a recording, in seconds.
        save: called with the zones as TOML each time that they are to be saved.
        rest: called between two looks at the window.

    Raises:
        StreamAnonError: there is no such picture, or no window.
    """
    with single_threaded_opencv:
        info, frame = _frame_of(source, settings, at)
        still = _shown(_raw(settings.redaction, info, frame), info)
        columns = still.shape[1]
        editor = ZoneEditor(list(settings.redaction.zones))
        with closing(EditorWindow(TITLE, columns, editor.drawn_on(still).shape[0])) as window:
            edit(editor, still, window, save, rest)


def _frame_of(source: str, settings: Settings, at: Fraction) -> tuple[StreamInfo, Frame]:
    if split_address(source) is None and device(source, settings.live) is None:
        with closing(MediaSource(Path(source))) as recording:
            info = recording.info
            if at and not info.still:
                recording.seek(TimeRange(info.zero + at, None))
            return info, _intact(recording.frames(), info, f" from {float(at):g} s on")
    once = settings.live.model_copy(update={"attempts": 1})
    with closing(LiveSource(parse_source(source, settings=once), once)) as live:
        info = live.connect()
        return info, _intact(live.frames(), info, "")


def _intact(frames: Iterable[Frame], info: StreamInfo, where: str) -> Frame:
    for frame in frames:
        if not frame.corrupt:
            y, u, v = frame.planes  # their memory may be the decoder's, which is about to be closed
            return replace(frame, planes=(y.copy(), u.copy(), v.copy()))
    raise SourceError(f"{info.label} has no intact picture{where}")


def _raw(redaction: Redaction, info: StreamInfo, frame: Frame) -> DebugFrame:
    redactor = Redactor(redaction, info.color, debug=True)
    return redactor.debug_view(MaskedFrame(frame, RAW_STILL), raw=True)


def _shown(still: DebugFrame, info: StreamInfo) -> NDArray[np.uint8]:
    """In blue, green and red, as large as the screen may take it and as wide as it is shown."""
    wide, high = info.width * float(info.pixel_aspect), float(info.height)
    scale = min(1.0, LARGEST[0] / wide, LARGEST[1] / high)
    size = max(1, round(wide * scale)), max(1, round(high * scale))
    fitted = cv2.merge([shrunk(plane, *size) for plane in still.planes])
    return np.asarray(cv2.transform(fitted, matrix_for(info.color)), np.uint8)
