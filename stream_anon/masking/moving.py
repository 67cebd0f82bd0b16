"""Whatever is not the scene of a fixed camera: the labels `moving` and `background`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import Unknown
from stream_anon.detectors.labels import BACKGROUND, MOVING, SCENE_LABELS
from stream_anon.errors import ConfigError
from stream_anon.masking.scene import Scene
from stream_anon.masking.scene_picture import colors_of, grown
from stream_anon.masking.zones import NOBODY, OUTSIDE_OFTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.scene import Seen
    from stream_anon.masking.scene_picture import Mask
    from stream_anon.masking.window import HeldFrame
    from stream_anon.masking.zones import Zones

MARGIN = 2
"""Cells around whatever differs that are hidden too."""
SHOWN = 1
"""Cells around whatever differs that are shown where the scene is hidden."""
MOST_PARTS = 24
"""Regions that get masks of their own; where there are more, they are one."""


@dataclass(slots=True, eq=False)
class _Look:
    """What differed in one frame."""

    index: int
    clock: float
    seen: Seen | None


class Moving:
    """The scene of one stream, and what moves in it. Used by one thread.

    It does nothing until `moving` or `background` are to be hidden.
    """

    def __init__(
        self,
        hidden: frozenset[str],
        settings: Settings,
        info: StreamInfo,
        horizon: Horizon,
        number: Callable[[], int],
    ) -> None:
        """Know nothing yet.

        Args:
            hidden: labels to hide.
            settings: of the run.
            info: of the stream.
            horizon: how far the run sees.
            number: gives each region its number.

        Raises:
            ConfigError: one of its labels is to be hidden in a single picture.
        """
        self._info, self._number = info, number
        self._linger = horizon.linger
        self._lead = min(horizon.lookahead, horizon.linger)
        self._scene = Scene(settings.background)
        self._looks: deque[_Look] = deque()
        self._clock: float | None = None
        self._numbers: NDArray[np.int32] | None = None
        """In the last frame that was not hidden whole: the number of each cell's region, or 0."""
        self._outside: dict[int, int] = {}
        """Frames in which a region lay outside of the ignored zones, by its number."""
        self.hide(hidden)

    def hide(self, hidden: frozenset[str]) -> None:
        """Hide these labels from now on; a scene that nobody asked for was not learned.

        Raises:
            ConfigError: as at the beginning.
        """
        self._hidden = hidden & SCENE_LABELS
        if self._hidden and self._info.still:
            raise ConfigError(
                f"the scope {min(self._hidden)} compares the pictures of a fixed camera, and "
                f"{self._info.label} is a single picture: choose another one, such as face"
            )
        if not self._hidden:
            self._scene.forget()
            self._looks.clear()
            self._clock = self._numbers = None

    # -- looking ------------------------------------------------------------------------------

    def take(self, held: HeldFrame, people: Iterable[Box]) -> None:
        """Compare the newest frame with the scene, and learn from it.

        Args:
            held: the frame.
            people: where detectors see somebody, in frame pixels.
        """
        if not self._hidden:
            return
        frame, clock = held.frame, held.clock
        if frame.discontinuity:
            self._scene.interrupt()
        if frame.corrupt:
            return
        colors = colors_of(frame, held.thumbnail.luma)
        seconds = 0.0 if self._clock is None else max(0.0, clock - self._clock)
        self._clock = clock
        self._cells = held.thumbnail.luma.shape
        # The thumbnail of a tiny picture reaches beyond it.
        rows, columns = self._cells
        self._box = Box(0, 0, max(frame.width, columns), max(frame.height, rows))
        masks = [self._cells_in(box) for box in people]
        self._looks.append(_Look(held.index, clock, self._scene.look(colors, seconds, masks)))

    def _cells_in(self, box: Box) -> Mask:
        rows, columns = self._cells
        across, down = columns / self._box.width, rows / self._box.height
        mask = np.zeros((rows, columns), np.uint8)
        top, bottom = int(box.y * down), int(np.ceil((box.y + box.height) * down))
        left, right = int(box.x * across), int(np.ceil((box.x + box.width) * across))
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 1
        return mask

    # -- hiding -------------------------------------------------------------------------------

    def added(self, masked: MaskedFrame, clock: float, zones: Zones) -> MaskedFrame:
        """A frame with what moves in it, or with its scene, beside what is hidden already.

        Args:
            masked: the frame; frames are asked for in order.
            clock: its time.
            zones: nothing that moves is hidden in those that are ignored.
        """
        if not self._hidden:
            return masked
        while self._looks and self._looks[0].clock < clock - self._linger - 1e-6:
            self._looks.popleft()
        if isinstance(masked.parts, Unknown):
            return masked
        now = next((look for look in self._looks if look.index == masked.frame.index), None)
        if now is None or now.seen is None:
            return replace(masked, parts=Unknown.NO_SCENE)
        parts: list[Part] = []
        if MOVING in self._hidden:
            parts += self._moving(now.seen, clock, zones)
        if BACKGROUND in self._hidden:
            parts.append(self._background(now.seen))
        return replace(masked, parts=(*masked.parts, *parts))

    def _moving(self, seen: Seen, clock: float, zones: Zones) -> Iterator[Part]:
        """What differs, shortly before and after too: nobody is gone for a moment."""
        differs = seen.differs | seen.unknown
        for look in self._looks:
            if look.seen is not None and look.clock <= clock + self._lead + 1e-6:
                differs = differs | look.seen.differs
        count, labels, stats, _ = cv2.connectedComponentsWithStats(grown(differs, MARGIN))
        if count - 1 > MOST_PARTS:
            labels, count = np.minimum(labels, 1), 2
            stats = np.array([stats[0], [0, 0, *labels.shape[::-1], 0]])
        before, self._numbers = self._numbers, np.zeros(labels.shape, np.int32)
        if before is not None and before.shape != labels.shape:
            before = None
        outside: dict[int, int] = {}
        taken: set[int] = set()
        for label in range(1, count):
            x, y, width, height = (int(v) for v in stats[label, :4])
            place = np.s_[y : y + height, x : x + width]
            inside = labels[place] == label
            old = np.zeros(0, np.int32) if before is None else before[place][inside]
            number = self._number_of(old, taken)
            self._numbers[place][inside] = number + 1
            box = self._placed(x, y, width, height)
            # Whoever was outside once is somebody who passes by.
            was = max((self._outside.get(int(n) - 1, 0) for n in np.unique(old)), default=0)
            outside[number] = was + (not zones.covers(box))
            if zones.ignores and outside[number] < OUTSIDE_OFTEN and zones.covers(box):
                continue
            yield Part(MOVING, box, np.where(inside, 255, 0).astype(np.uint8), 1.0, number)
        self._outside = outside

    def _number_of(self, old: NDArray[np.int32], taken: set[int]) -> int:
        """That of the region that lay there in the frame before, or a new one."""
        for number in np.bincount(old).argsort()[::-1] if old.size else ():
            if number and int(number) - 1 not in taken and (old == number).any():
                taken.add(int(number) - 1)
                return int(number) - 1
        number = self._number()
        taken.add(number)
        return number

    def _placed(self, x: int, y: int, width: int, height: int) -> Box:
        rows, columns = self._cells
        across, down = self._box.width / columns, self._box.height / rows
        return Box(x * across, y * down, width * across, height * down)

    def _background(self, seen: Seen) -> Part:
        """The scene, as far as it is known, and what may be it."""
        shown = grown(seen.differs, SHOWN) & (1 - seen.unknown)
        return Part(BACKGROUND, self._box, 255 * (1 - shown).astype(np.uint8), 1.0, NOBODY)
