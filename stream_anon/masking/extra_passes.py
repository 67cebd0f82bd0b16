"""Passes for faces that ordinary ones miss: small ones, enlarged, and those that lie or hang.

The picture is cut into tiles that overlap, so that each small face is whole in one of them, and
tiles are searched enlarged; the whole picture is searched turned by one, two and three quarters.
What that costs is bounded: while anything moves, tiles that changed take turns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.config import Parsing, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.motion import Thumbnail

TILE = 160
"""Pixels along each side of a tile at most, as shown."""
OVERLAP = 32
"""Pixels that tiles share with their neighbours: a face of that size, which ordinary passes find,
is whole in one of them."""
ENLARGED = 2.0
"""Times that a tile is enlarged: a face of 8 pixels is then as large as one that is found."""
LARGEST = 2048
"""Pixels of the longer side up to which tiles are enlarged: beyond, faces are seldom that small.
Turned pictures are no larger."""
FLAT = 10
"""Grey levels between the darkest and the brightest of a tile that shows nothing."""
TURNS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Extra:
    """How much of that a run affords."""

    moving: int
    """Tiles of a frame at most, while anything moves; 0 for no extra pass at all."""
    resting: int
    """The same on frames that rest, and on the first of a shot."""
    always: bool = False
    """Everything on every frame, changed or not."""


ALL = 1 << 30
EFFORTS = {"fast": Extra(0, 0), "normal": Extra(4, ALL), "thorough": Extra(ALL, ALL, always=True)}
"""By `parsing.effort`."""
LIVE = Extra(4, 4)
"""Of a live stream with normal effort: a frame cannot wait for more."""


def extra_of(settings: Settings, horizon: Horizon) -> Extra:
    """What a run affords."""
    effort = settings.parsing.effort
    return LIVE if effort == "normal" and not horizon.waits else EFFORTS[effort]


class ExtraPasses:
    """Decides which tiles are searched, and remembers when. Used by one thread."""

    def __init__(self, info: StreamInfo, parsing: Parsing, extra: Extra) -> None:
        """Nothing has been searched.

        Args:
            info: of the stream.
            parsing: working sizes.
            extra: how much.
        """
        aspect = float(info.pixel_aspect)
        longest = max(info.width * aspect, info.height)
        deep = min(parsing.deep_side, round(longest), LARGEST)
        self._light = min(parsing.light_side, deep)
        sides = sorted({self._light, max(self._light, deep // 2), deep})
        # The largest picture, turned, costs as much as all of the others: photos are worth that.
        self._sides = sides if info.still or extra.always else sides[:2]
        self._extra = extra
        self._tiles = _tiles(info.width, info.height, aspect) if longest <= LARGEST else []
        self._seen: list[Thumbnail | None] = [None] * len(self._tiles)
        self._searched = [0] * len(self._tiles)
        self._count = 0

    @property
    def always(self) -> bool:
        """Every frame is searched everywhere."""
        return self._extra.always

    def first(self, thumbnail: Thumbnail) -> list[DetectionPass]:
        """Nothing is known of a picture."""
        if not self._extra.resting:
            return []
        self._seen = [None] * len(self._tiles)
        return self._turned(self._sides) + self._search(thumbnail, 0.0, self._extra.resting)

    def again(self, thumbnail: Thumbnail, threshold: float, *, rests: bool) -> list[DetectionPass]:
        """Tiles that changed since they were searched, enlarged, and the whole picture turned.

        Args:
            thumbnail: of the frame.
            threshold: grey levels by which a tile must differ to have changed.
            rests: nothing moves in the frame.
        """
        most = self._extra.resting if rests else self._extra.moving
        if not most:
            return []
        return self._turned([self._light]) + self._search(thumbnail, threshold, most)

    def _turned(self, sides: Sequence[int]) -> list[DetectionPass]:
        return [DetectionPass(side, turn=turn) for side in sides for turn in TURNS]

    def _search(self, thumbnail: Thumbnail, threshold: float, most: int) -> list[DetectionPass]:
        numbers = range(len(self._tiles))
        changed = [number for number in numbers if self._changed(number, thumbnail, threshold)]
        changed.sort(key=lambda number: self._searched[number])
        found: list[DetectionPass] = []
        for number in changed[:most]:
            self._count += 1
            self._searched[number], self._seen[number] = self._count, thumbnail
            side = round(ENLARGED * TILE)
            found.append(DetectionPass(side, self._tiles[number], enlarge=ENLARGED))
        return found

    def _changed(self, number: int, now: Thumbnail, threshold: float) -> bool:
        place = _on(now, self._tiles[number])
        shown = now.luma[place]
        if not shown.size or int(shown.max()) - int(shown.min()) < FLAT:
            return False
        before = self._seen[number]
        if before is None or before.luma.shape != now.luma.shape:
            return True
        apart: NDArray[np.int16] = np.abs(shown.astype(np.int16) - before.luma[place])
        return float(apart.max()) > 2 * threshold


def _on(thumbnail: Thumbnail, tile: Box) -> tuple[slice, slice]:
    """Rows and columns of a thumbnail that show anything of a tile."""
    left, top = (math.floor(edge / thumbnail.scale) for edge in tile[:2])
    right = math.ceil((tile.x + tile.width) / thumbnail.scale)
    bottom = math.ceil((tile.y + tile.height) / thumbnail.scale)
    return np.s_[top:bottom, left:right]


def _tiles(width: int, height: int, aspect: float) -> list[Box]:
    """Tiles of one size over a picture, in its pixels, row by row."""
    columns = _spans(width, TILE / aspect, OVERLAP / aspect)
    rows = _spans(height, TILE, OVERLAP)
    return [Box(x, y, wide, tall) for y, tall in rows for x, wide in columns]


def _spans(length: float, tile: float, overlap: float) -> list[tuple[float, float]]:
    """Where the fewest tiles begin that cover a length, and how long they are."""
    count = max(1, math.ceil((length - overlap) / (tile - overlap)))
    long = (length + (count - 1) * overlap) / count
    return [(n * (long - overlap), long) for n in range(count)]
