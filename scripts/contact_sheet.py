"""Shows videos at a glance: frames by number, and sheets of them before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Picture = NDArray[np.uint8]

SHEET_WIDTH = 1600
GUTTER = 8
LABEL_WIDTH = 36
_PAPER = (250, 250, 250)
_INK = (70, 70, 70)


def sample_frames(path: Path, indices: Iterable[int]) -> dict[int, Picture]:
    """Decode some frames of a video.

    Args:
        path: the video.
        indices: positions in the order of presentation, 0 first.

    Returns:
        Index → BGR, uint8 (height, width, 3). Indices beyond the end are left out.

    Raises:
        OSError: the file is missing, or FFmpeg cannot read it.
    """
    wanted = set(indices)
    found: dict[int, Picture] = {}
    with av.open(str(path)) as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index in wanted:
                found[index] = np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)
            if len(found) == len(wanted):
                break
    return found


def contact_sheet(
    pairs: list[tuple[Picture, Picture]],
    path: Path,
    labels: tuple[str, str] = ("before", "after"),
) -> None:
    """Write a PNG about 1600 pixels wide: the first of each pair above the second.

    Args:
        pairs: BGR pictures, uint8 (height, width, 3); the first one's shape counts for all.
        path: where to.
        labels: what to call the two rows.

    Raises:
        ValueError: there are no pairs.
        OSError: the file cannot be written.
    """
    if not pairs:
        raise ValueError("a contact sheet needs at least one pair of pictures")
    rows, columns = pairs[0][0].shape[:2]
    width = (SHEET_WIDTH - LABEL_WIDTH - GUTTER * len(pairs)) // len(pairs)
    height = max(1, round(width * rows / columns))
    down, across = height + GUTTER, width + GUTTER
    sheet = np.full((2 * down + GUTTER, LABEL_WIDTH + across * len(pairs), 3), _PAPER, np.uint8)
    for row, label in enumerate(labels):
        top = GUTTER + row * down
        sheet[top : top + height, :LABEL_WIDTH] = _label(label, height)
        for column, pair in enumerate(pairs):
            left = LABEL_WIDTH + column * across
            sheet[top : top + height, left : left + width] = cv2.resize(
                pair[row], (width, height), interpolation=cv2.INTER_AREA
            )
    written, encoded = cv2.imencode(".png", sheet)
    assert written
    path.write_bytes(encoded.tobytes())


def _label(text: str, height: int) -> Picture:
    """The word written upwards, in the middle of a strip of this height."""
    strip = np.full((LABEL_WIDTH, height, 3), _PAPER, np.uint8)
    font, size = cv2.FONT_HERSHEY_SIMPLEX, 0.55
    (wide, tall), _ = cv2.getTextSize(text, font, size, 1)
    at = ((height - wide) // 2, (LABEL_WIDTH + tall) // 2)
    cv2.putText(strip, text, at, font, size, _INK, 1, cv2.LINE_AA)
    return np.asarray(cv2.rotate(strip, cv2.ROTATE_90_COUNTERCLOCKWISE), np.uint8)
