"""Synthetic people whose every pixel is known: textured shapes that move over a texture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.labels import CIHP_LABELS
from tests.stubs import make_frame, make_plane

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

WIDTH, HEIGHT = 480, 270
PARSED = frozenset(CIHP_LABELS.values())


@dataclass(frozen=True)
class Shape:
    """One part of one person: a fixed shape that moves evenly."""

    label: str
    person: int
    box: tuple[int, int, int, int]
    """In frame 0: x, y, width, height."""
    step: tuple[int, int] = (0, 0)
    """Pixels per frame."""
    form: str = "ellipse"
    """`ellipse`, or `hook`: an upright bar with a foot, which fills a third of its box."""

    def at(self, index: int) -> tuple[int, int]:
        return self.box[0] + self.step[0] * index, self.box[1] + self.step[1] * index

    @property
    def mask(self) -> NDArray[np.bool_]:
        _, _, width, height = self.box
        y, x = np.mgrid[:height, :width]
        if self.form == "hook":
            return np.asarray((x < width // 5) | (y >= height - height // 6))
        across, down = (x + 0.5) / width * 2 - 1, (y + 0.5) / height * 2 - 1
        return np.asarray(across**2 + down**2 <= 1)

    def inside(self, index: int) -> NDArray[np.bool_]:
        """(HEIGHT, WIDTH): where the part is in frame `index`."""
        canvas = np.zeros((3 * HEIGHT, 3 * WIDTH), bool)
        x, y = self.at(index)
        _, _, width, height = self.box
        canvas[HEIGHT + y :, WIDTH + x :][:height, :width] = self.mask
        return canvas[HEIGHT : 2 * HEIGHT, WIDTH : 2 * WIDTH]

    def part(self, index: int, score: float = 0.9) -> Part | None:
        """As a parser sees it; None out of view."""
        if not self.inside(index).any():
            return None
        x, y = self.at(index)
        box = Box(x, y, self.box[2], self.box[3])
        return Part(self.label, box, self.mask.astype(np.uint8) * 255, score, self.person)


def scene(shapes: Sequence[Shape], count: int, *, start: int = 0) -> list[Frame]:
    """`count` frames of the shapes, each with a texture of its own, over a still background."""
    ground = make_plane(HEIGHT, WIDTH, pattern="texture", value=90, seed=5)
    textures = [
        make_plane(shape.box[3], shape.box[2], pattern="texture", value=140, seed=20 + n)
        for n, shape in enumerate(shapes)
    ]
    frames = []
    for index in range(start, start + count):
        luma = np.pad(ground, ((HEIGHT, HEIGHT), (WIDTH, WIDTH)))
        for shape, texture in zip(shapes, textures, strict=True):
            x, y = shape.at(index)
            view = luma[HEIGHT + y :, WIDTH + x :][: shape.box[3], : shape.box[2]]
            view[shape.mask] = texture[shape.mask]
        shown = np.ascontiguousarray(luma[HEIGHT : 2 * HEIGHT, WIDTH : 2 * WIDTH])
        frames.append(make_frame(WIDTH, HEIGHT, index, luma=shown))
    return frames


class PeopleParser:
    """Answers with the shapes, as they are in the frame that it is asked about."""

    name = "people"
    labels = PARSED
    model_hash = "1" * 64

    def __init__(
        self,
        shapes: Sequence[Shape] | Callable[[int], Sequence[Shape]],
        sees: Callable[[int], bool] = lambda _index: True,
        before: Callable[[int], object] = lambda _index: None,
    ) -> None:
        """Answer with shapes.

        Args:
            shapes: the same ones always, or those of a frame by its index.
            sees: in which frames anything is seen.
            before: called with the index before each answer.
        """
        self._shapes = shapes if callable(shapes) else lambda _index: shapes
        self._sees, self._before = sees, before
        self.asked: list[int] = []
        self.closed = 0

    def parse(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        self._before(frame.index)
        self.asked.append(frame.index)
        shapes = self._shapes(frame.index) if self._sees(frame.index) else []
        parts = [shape.part(frame.index) for shape in shapes]
        return [part for part in parts if part is not None]

    def close(self) -> None:
        self.closed += 1
