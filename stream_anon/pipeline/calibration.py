"""Pictures that int8 is calibrated on."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING

from stream_anon.detectors.base import whole_frame_pass
from stream_anon.detectors.m2fp.configuration import MEAN
from stream_anon.detectors.picture import working_picture
from stream_anon.errors import ModelError
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


CALIBRATED_ON = 6
"""Frames of a file that int8 is calibrated on."""


FIRST_SECONDS = 5.0
"""Part of a stream that int8 is calibrated on where nothing else was given."""


def calibration_pictures(
    path: Path, short_side: int, seconds: float = math.inf
) -> list[NDArray[np.float32]]:
    """A few frames of a video or picture as m2fp gets them, spread evenly.

    Args:
        path: the file.
        short_side: working size, in pixels.
        seconds: take them from that much of its beginning.

    Returns:
        (1, 3, rows, columns) each, RGB in 0..255.

    Raises:
        SourceError: the file cannot be read.
        ModelError: no frame of it is intact.
    """
    kept: list[NDArray[np.float32]] = []
    step = 1
    with closing(MediaSource(path)) as source:
        info, detection_pass = source.info, whole_frame_pass(source.info, short_side)
        for frame in source.frames():
            if frame.time > seconds:
                break
            if frame.corrupt or frame.index % step:
                continue
            aspect = float(info.pixel_aspect)
            kept.append(working_picture(frame, detection_pass, info.color, aspect, MEAN).rgb)
            if len(kept) == 2 * CALIBRATED_ON:  # how long a file is shows at its end only
                kept, step = kept[::2], step * 2
    if not kept:
        raise ModelError(f"every frame of {path.name} is damaged: use another file")
    return kept[:: -(-len(kept) // CALIBRATED_ON)]
