"""Passes for faces that ordinary ones miss: small ones, enlarged, and those that lie or hang.

The picture is cut into tiles that overlap, so that each small face is whole in one of them. A tile
is searched enlarged, and turned by one, two and three quarters; larger faces are searched for in
the whole picture, turned. What that costs is bounded: tiles that changed take turns.
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

    from stream_anon.config import Parsing, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.motion import Thumbnail

TILE = 320
"""Pixels along each side of a tile, as shown."""
OVERLAP = 64
"""Pixels that tiles share with their neighbours: a face of that size is whole in one of them."""
ENLARGED = 2.0
"""Times that a tile is enlarged: a face of 8 pixels is then as large as one that is found."""
LARGEST = 2048
"""Pixels of the longer side up to which tiles are enlarged: beyond, faces are seldom that small."""
TURNS = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Extra:
    """How much of that a run affords."""

    at_once: int
    """Tiles of a frame at most, while anything moves; 0 for no extra pass at all."""
    everywhere: bool = True
    """All tiles, enlarged and turned, on first frames, after cuts and on pictures that rest."""
    always: bool = False
    """The same on every frame, changed or not."""


EFFORTS = {"fast": Extra(0), "normal": Extra(1), "thorough": Extra(1 << 30, always=True)}
"""By `parsing.effort`."""
LIVE = Extra(1, everywhere=False)
"""Of a live stream with normal effort: a frame cannot wait for more."""


def extra_of(settings: Settings, horizon: Horizon, *, small: bool = True) -> Extra:
    """What a run affords for a detector; nothing extra for one that finds nothing small."""
    effort = settings.parsing.effort
    if not small:
        return Extra(0, always=EFFORTS[effort].always)
    return LIVE if effort == "normal" and not horizon.waits else EFFORTS[effort]


class ExtraPasses:
    """Decides which tiles are searched, and remembers when. Used by one thread."""

    def __init__(
        self, info: StreamInfo, parsing: Parsing, extra: Extra, *, turned: bool = True
    ) -> None:
        """Nothing has been searched.

        Args:
            info: of the stream.
            parsing: working sizes.
            extra: how much.
            turned: search turned pictures too: faces lie and hang, plates do not.
        """
        aspect = float(info.pixel_aspect)
        self._longest = max(info.width * aspect, info.height)
        light_side, deep_side = parsing.light_side, min(parsing.deep_side, round(self._longest))
        self._tiles = _tiles(info.width, info.height, aspect)
        self._extra = extra
        self._turns = TURNS if turned else ()
        self._sides = [side for side in (light_side, deep_side // 2) if side <= self._longest]
        self._seen: list[Thumbnail | None] = [None] * len(self._tiles)
        self._searched = [0] * len(self._tiles)
        self._count = 0

    @property
    def always(self) -> bool:
        """Every frame is searched everywhere."""
        return self._extra.always

    def everywhere(self, thumbnail: Thumbnail) -> list[DetectionPass]:
        """Nothing is known of a picture, or it rests: all that is affordable."""
        if not self._extra.at_once:
            return []
        if not self._extra.everywhere:
            return self.where_it_moved(thumbnail, 0.0)
        found = self._turned(self._sides)
        for number, tile in enumerate(self._tiles):
            found += [DetectionPass(TILE, tile, turn=turn) for turn in self._turns]
            found += self._search(number, thumbnail)
        return found

    def where_it_moved(self, thumbnail: Thumbnail, threshold: float) -> list[DetectionPass]:
        """Something moves: the tiles that changed since they were searched in turn, enlarged, and
        the whole picture turned.

        Args:
            thumbnail: of the frame.
            threshold: grey levels by which a tile must differ to have changed.
        """
        if not self._extra.at_once:
            return []
        changed = [n for n in range(len(self._tiles)) if self._changed(n, thumbnail, threshold)]
        changed.sort(key=lambda n: self._searched[n])
        found = self._turned(self._sides[:1])
        for number in changed[: self._extra.at_once]:
            found += self._search(number, thumbnail)
        return found

    def _turned(self, sides: Sequence[int]) -> list[DetectionPass]:
        return [DetectionPass(side, turn=turn) for side in sides for turn in self._turns]

    def _search(self, number: int, thumbnail: Thumbnail) -> list[DetectionPass]:
        self._count += 1
        self._searched[number], self._seen[number] = self._count, thumbnail
        if self._longest > LARGEST:
            return []
        side = round(ENLARGED * TILE)
        return [DetectionPass(side, self._tiles[number], enlarge=ENLARGED)]

    def _changed(self, number: int, now: Thumbnail, threshold: float) -> bool:
        before = self._seen[number]
        if before is None or before.luma.shape != now.luma.shape:
            return True
        tile = self._tiles[number]
        left, top = (math.floor(edge / now.scale) for edge in tile[:2])
        right = math.ceil((tile.x + tile.width) / now.scale)
        bottom = math.ceil((tile.y + tile.height) / now.scale)
        place = np.s_[top:bottom, left:right]
        apart = np.abs(now.luma[place].astype(np.int16) - before.luma[place])
        return bool(apart.size) and float(apart.max()) > 2 * threshold


def _tiles(width: int, height: int, aspect: float) -> list[Box]:
    """Tiles over a picture, in its pixels, row by row."""
    wide = TILE / aspect
    columns = _starts(width, wide, OVERLAP / aspect)
    rows = _starts(height, TILE, OVERLAP)
    return [Box(x, y, min(wide, width), min(TILE, height)) for y in rows for x in columns]


def _starts(length: float, tile: float, overlap: float) -> list[float]:
    if length <= tile:
        return [0.0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [n * (length - tile) / (count - 1) for n in range(count)]
