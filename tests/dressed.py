"""Synthetic people with faces and clothes of plain colours, and the tracks of their faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.core.frame import Frame
from stream_anon.masking.tracks_file import TracksFile
from tests.stubs import TIME_BASE, make_frame, make_info

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 320, 192
INFO = make_info(WIDTH, HEIGHT)
SIZE = 40
RED, BLUE, GREEN = (90, 200), (200, 90), (70, 70)
"""Colours of clothes: U and V."""
COUNT = 60

Place = tuple[float, float]


class Person:
    """Somebody with a face and clothes below it, along a path."""

    def __init__(
        self, colors: tuple[int, int], where: Callable[[int], Place | None], luma: int = 150
    ) -> None:
        self.colors, self.where, self.luma = colors, where, luma

    def draw(self, planes: Sequence[np.ndarray[Any, Any]], index: int) -> None:
        if (place := self.where(index)) is None:
            return
        x, y = (round(v) for v in place)
        for top, height, (u, v), luma in (
            (y, SIZE, (112, 150), self.luma),
            (y + SIZE, 2 * SIZE, self.colors, self.luma - 60),
        ):
            rows, columns = slice(max(0, top), top + height), slice(max(0, x), max(0, x + SIZE))
            planes[0][rows, columns] = luma
            half = (
                slice(max(0, top // 2), (top + height) // 2),
                slice(max(0, x // 2), max(0, (x + SIZE) // 2)),
            )
            planes[1][half], planes[2][half] = u, v


def scene(*people: Person, count: int = COUNT) -> list[Frame]:
    """Later ones stand in front of earlier ones."""
    frames = []
    for index in range(count):
        base = make_frame(WIDTH, HEIGHT, index)
        planes = tuple(plane.copy() for plane in base.planes)
        for person in people:
            person.draw(planes, index)
        frames.append(Frame(planes, index, index, TIME_BASE, duration=1))  # type: ignore[arg-type]
    return frames


def track(number: int, where: Callable[[int], Place | None], **more: Any) -> dict[str, Any]:
    """What a run would have written: the face with its margin, frame by frame."""
    pad = 0.2 * SIZE
    boxes = [
        (n, place[0] - pad, place[1] - pad, 1.4 * SIZE, 1.4 * SIZE)
        for n in range(COUNT)
        if (place := where(n)) is not None
    ]
    return {"id": number, "label": "face", "boxes": boxes, **more}


def tracks_file(*tracks: dict[str, Any], **more: Any) -> TracksFile:
    return TracksFile.model_validate(
        {"width": WIDTH, "height": HEIGHT, "frames": COUNT, "tracks": tracks, **more}
    )
