"""Passes for faces that ordinary ones miss: small ones, enlarged, and those that lie or hang.

The picture is cut into tiles that overlap, so that each small face is whole in one of them, and
tiles are searched enlarged; the whole picture is searched turned by one, two and three quarters.
A photo is searched everywhere. In a recording, tiles take turns: first those where something
moves, then those that were never searched; and so do the turns. Live, only `thorough` searches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass
from stream_anon.masking.association import SAME_PLACE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.config import Parsing, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.motion import Thumbnail

TILE = 192
"""Pixels along each side of a tile at most, as shown."""
OVERLAP = 32
"""Pixels that tiles share with their neighbours: a face of that size, which ordinary passes find,
is whole in one of them."""
ENLARGED = 2.0
"""Times that a tile is enlarged: a face of 8 pixels is then as large as one that is found."""
SIDE = 384
"""Working size of a tile."""
LARGEST = 2048
"""Pixels of the longer side up to which tiles are enlarged: beyond, faces are seldom that small.
Turned pictures are no larger."""
FLAT = 10
"""Grey levels between the darkest and the brightest of a tile that shows nothing ..."""
ORDINARY = 64
"""... and its brightest level at least: of a darker one, fewer levels are as much."""
TURNS = (1, 2, 3)
SMALL = {"face", "plate"}
"""Labels that are searched for in tiles: what bears them is often small, and whole in a tile."""
TURNED = {"face"}
"""Labels that are searched for in turned pictures: faces lie and hang, plates do not."""
LEAST_TURNED = 0.3
"""Score from which on a face that lies or hangs is believed: most things look like one less often
than a face does, but are seen three times as often."""
WITHIN = 0.5
"""What a face that is upright hides is no other one if this share of it lies on that face."""
AROUND = 0.2
"""Parts of its size that a face reaches beyond its box, for that: hair, chin and ears."""
AS_SURE = 0.7
"""Share of the score of an upright face from which on it may lie or hang instead."""
ALIKE = 1.6
"""Times that its size may differ then."""


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
EFFORTS = {"fast": Extra(0, 0), "normal": Extra(2, 4), "thorough": Extra(ALL, ALL, always=True)}
"""By `parsing.effort`."""
PHOTO = Extra(ALL, ALL)
"""Of a photo with normal effort."""
LIVE = Extra(0, 0)
"""Of a live stream with normal effort: beside a deep pass they would make it drop frames."""


def extra_of(settings: Settings, info: StreamInfo, horizon: Horizon) -> Extra:
    """What a run affords."""
    effort = settings.parsing.effort
    if effort != "normal":
        return EFFORTS[effort]
    if info.still:
        return PHOTO
    return EFFORTS[effort] if horizon.waits else LIVE


class ExtraPasses:
    """Decides which tiles are searched, and remembers when. Used by one thread."""

    def __init__(
        self, info: StreamInfo, parsing: Parsing, extra: Extra, labels: frozenset[str]
    ) -> None:
        """Nothing has been searched.

        Args:
            info: of the stream.
            parsing: working sizes.
            extra: how much.
            labels: of the detector.
        """
        self._aspect = aspect = float(info.pixel_aspect)
        self._size = info.width, info.height
        longest = max(info.width * aspect, info.height)
        deep = min(parsing.deep_side, round(longest), LARGEST)
        self._turns = TURNS if labels & TURNED else ()
        self._deep = [DetectionPass(deep, turn=turn) for turn in self._turns if deep > SIDE]
        self._whole = Box(0, 0, info.width, info.height)
        self._extra = self._wanted = extra
        enlarges = bool(labels & SMALL) and longest <= LARGEST
        self._tiles = _tiles(info.width, info.height, aspect) if enlarges else []
        self._seen: list[Thumbnail | None] = [None] * len(self._tiles)
        self._searched = [0] * len(self._tiles)
        self._last: Thumbnail | None = None
        self._count = 0

    def afford(self, *, thorough: bool, extra: bool) -> None:
        """Do as much as the run wants, or as a live stream can on a machine that is too slow."""
        eased = LIVE if self._wanted.always and not thorough else self._wanted
        self._extra = eased if extra else EFFORTS["fast"]

    @property
    def always(self) -> bool:
        """Every frame is searched everywhere."""
        return self._extra.always

    def first(self, thumbnail: Thumbnail) -> list[DetectionPass]:
        """Nothing is known of a picture."""
        if not self._extra.resting:
            return []
        self._seen = [None] * len(self._tiles)
        found = self._search(thumbnail, 0.0, self._extra.resting)
        found += [self._turned(turn) for turn in self._turns]
        return found + (self._deep if self._extra.resting == ALL else [])

    def again(self, thumbnail: Thumbnail, threshold: float, *, rests: bool) -> list[DetectionPass]:
        """Tiles that changed since they were searched, and the picture turned in one of the ways.

        Args:
            thumbnail: of the frame.
            threshold: grey levels by which a tile must differ to have changed.
            rests: nothing moves in the frame.
        """
        most = self._extra.resting if rests else self._extra.moving
        if not most:
            return []
        found = self._search(thumbnail, threshold, most)
        if self._turns:
            found.append(self._turned(self._turns[self._count % len(self._turns)]))
        return found

    def owns(self, detection_pass: DetectionPass) -> bool:
        """Whether ordinary passes see better what such a pass finds, where they see it."""
        return bool(detection_pass.turn) or detection_pass.region in self._tiles

    def believed(
        self, detection_pass: DetectionPass, detections: Sequence[Detection]
    ) -> list[Detection]:
        """Those of a turned picture or of a tile that no ordinary pass would see better."""
        turn = detection_pass.turn
        if turn:  # close passes as well, which follow such a face
            return [replace(d, turn=turn) for d in detections if d.score >= LEAST_TURNED]
        tile = detection_pass.region or self._whole
        return [d for d in detections if self._is_small(d.anchor, tile)]

    def _is_small(self, face: Box, tile: Box) -> bool:
        """A face of its own, and not a part of a larger one or what the tile's edge left of one."""
        if max(face.width * self._aspect, face.height) > 1.5 * OVERLAP:
            return False
        width, height = self._size
        return not (
            (face.x < tile.x and tile.x > 0)
            or (face.y < tile.y and tile.y > 0)
            or (face.x + face.width > tile.x + tile.width < width - 1)
            or (face.y + face.height > tile.y + tile.height < height - 1)
        )

    def _turned(self, turn: int) -> DetectionPass:
        """The whole picture, as large as a tile is searched: one compiled network for both."""
        return DetectionPass(SIDE, self._whole, turn=turn)

    def _search(self, thumbnail: Thumbnail, threshold: float, most: int) -> list[DetectionPass]:
        numbers = range(len(self._tiles))
        changed = [n for n in numbers if self._changed(n, self._seen[n], thumbnail, threshold)]
        # Whoever is seen to move counts for more than what was there all the time.
        rests = {n for n in changed if not self._changed(n, self._last, thumbnail, threshold)}
        changed.sort(key=lambda n: (n in rests, self._searched[n]))
        self._last, self._count = thumbnail, self._count + 1
        found: list[DetectionPass] = []
        for number in changed[:most]:
            self._searched[number], self._seen[number] = self._count, thumbnail
            found.append(DetectionPass(SIDE, self._tiles[number], enlarge=ENLARGED))
        return found

    def _changed(
        self, number: int, before: Thumbnail | None, now: Thumbnail, threshold: float
    ) -> bool:
        place = _on(now, self._tiles[number])
        shown = now.luma[place]
        if not shown.size or (self._extra.resting < ALL and _is_flat(shown)):
            return False
        if before is None or before.luma.shape != now.luma.shape:
            return True
        apart: NDArray[np.int16] = np.abs(shown.astype(np.int16) - before.luma[place])
        return float(apart.max()) > 2 * threshold


def _is_flat(shown: NDArray[np.uint8]) -> bool:
    """Whether a tile shows nothing. Pictures are brightened before they are searched."""
    darkest, brightest = int(shown.min()), int(shown.max())
    return brightest - darkest < FLAT * min(1.0, brightest / ORDINARY)


def besides(found: Sequence[Detection], extra: Sequence[Detection]) -> list[Detection]:
    """What ordinary passes found, and what extra ones found that is no part of it.

    What has a label that the other one lacks is no part of it.
    Where both saw the same face and are as sure, it may be either: both are hidden, as one.
    """
    kept = list(found)
    for other in extra:
        same = next((n for n, face in enumerate(found) if _hides(face, other)), None)
        if same is None:
            kept.append(other)
        elif _may_be(found[same], other):
            kept[same] = replace(kept[same], parts=(*kept[same].parts, *other.parts))
    return kept


def _hides(upright: Detection, other: Detection) -> bool:
    """Whether an upright face is what another pass saw a part of, or saw again."""
    if upright.turn or other.score > upright.score or not other.labels <= upright.labels:
        return False
    reach = AROUND * upright.anchor.size
    shared = upright.anchor.grown(reach, reach).overlap(other.anchor)
    return shared >= WITHIN * other.anchor.area


def _may_be(upright: Detection, other: Detection) -> bool:
    """Whether a face that was seen upright may as well be what another pass saw of it elsewhere."""
    if upright.anchor.iou(other.anchor) >= SAME_PLACE:
        return False
    ratio = other.anchor.size / max(upright.anchor.size, 1e-6)
    return other.score >= AS_SURE * upright.score and 1 / ALIKE <= ratio <= ALIKE


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
