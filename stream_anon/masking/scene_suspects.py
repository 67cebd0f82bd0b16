"""Where somebody may be whom no new scene must take in, until they were seen to leave."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.masking.scene_light import shifted
from stream_anon.masking.scene_picture import grown, solid, touched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.masking.scene_light import Light
    from stream_anon.masking.scene_picture import Colors, Mask

CALM = 0.15
"""Share of the picture that moves from which on it is the camera or the light, and nobody."""
NEAR = 2
"""Cells from a suspect one within which whatever moves may be the same somebody."""
SOUGHT = 8
"""Regions that are looked for elsewhere in the picture, at most; the largest ones."""
LIKE = 0.6
"""Correlation with what was hidden from which on it is the same."""
FLAT = 1.0
"""Grey levels, as a standard deviation, below which a region looks like anything."""


SPACED = 0.5
"""Seconds between the frames that are remembered."""
LATELY = 10.0
"""Seconds before a disturbance in which it may have begun already: light fades, a camera pans."""
STEEP = 0.15
"""Share of the picture by which more differs each second while it begins: nobody comes so fast."""
WIDE = 2.0
"""Times what was hidden; where more than that moves at once, it is not they alone."""


class _Moment(NamedTuple):
    """What was hidden in one frame."""

    clock: float
    differs: Mask
    luma: NDArray[np.uint8]
    share: float


class Lately:
    """What was hidden in the last seconds, to tell people from how a disturbance begins."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._clock = 0.0
        self._moments: deque[_Moment] = deque()
        """Oldest first: spaced ones, and the newest."""

    def add(self, differs: Mask, now: Colors, seconds: float) -> None:
        """One more frame, that many seconds after the one before."""
        self._clock += seconds
        moments = self._moments
        if len(moments) > 1 and moments[-1].clock < moments[-2].clock + SPACED:
            moments.pop()
        while moments and moments[0].clock < self._clock - LATELY:
            moments.popleft()
        luma = np.clip(now[..., 0], 0, 255).astype(np.uint8)
        moments.append(_Moment(self._clock, differs, luma, float(differs.mean())))

    def before(self) -> tuple[Mask, NDArray[np.float32]] | None:
        """What was hidden before that which goes on now began, and the luma of that frame."""
        if not self._moments:
            return None
        found = self._moments[-1]
        for earlier in list(self._moments)[-2::-1]:
            if found.share - earlier.share < STEEP * (found.clock - earlier.clock):
                break
            found = earlier
        return found.differs, found.luma.astype(np.float32)


class _Look(NamedTuple):
    """What a hidden region looked like."""

    luma: NDArray[np.float32]
    inside: Mask
    x: int
    y: int

    def found(self, luma: NDArray[np.float32]) -> tuple[int, int] | None:
        """By how many cells it has moved right and down in another picture, if it is there."""
        down, across = (side // 2 for side in self.luma.shape)  # it may reach beyond the picture
        wider = cv2.copyMakeBorder(luma, down, down, across, across, cv2.BORDER_REPLICATE)
        alike = cv2.matchTemplate(wider, self.luma, cv2.TM_CCOEFF_NORMED)
        _, best, _, (x, y) = cv2.minMaxLoc(alike)
        return (x - across - self.x, y - down - self.y) if best >= LIKE else None


class Suspects:
    """Suspect cells of one scene. Used by one thread."""

    def __init__(self, cells: tuple[int, ...]) -> None:
        """Suspect nobody in a picture of these rows and columns."""
        self.cells = np.zeros(cells, bool)
        """(rows, columns)."""
        self._behind = np.zeros((*cells, 3), np.float32)
        """What they showed when nobody was there ..."""
        self._told = np.zeros(cells, bool)
        """... as far as it was known."""
        self._looks: list[_Look] = []
        """What was hidden when the disturbance began."""

    def add(self, somebody: NDArray[np.bool_], scene: Colors, known: NDArray[np.bool_]) -> None:
        """Somebody may be there."""
        new = somebody & ~self.cells
        self._behind[new] = scene[new]
        self._told[new] = known[new]
        self.cells |= new

    def drop(self, cells: NDArray[np.bool_]) -> None:
        """Nobody is there."""
        self.cells &= ~cells

    def disturbed(
        self, hidden: Mask, before: NDArray[np.float32], scene: Colors, known: NDArray[np.bool_]
    ) -> None:
        """The scene holds no longer: whoever is hidden is suspect from now on.

        Args:
            hidden: what differed in a picture before.
            before: its luma.
            scene: what it was compared with.
            known: cells of the scene that are known.
        """
        self.add(hidden > 0, scene, known)
        around = grown(self.cells.astype(np.uint8), NEAR)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=8)
        largest = sorted(range(1, count), key=lambda n: -int(stats[n, cv2.CC_STAT_AREA]))
        self._looks = []
        for number in largest[:SOUGHT]:
            x, y, width, height = (int(v) for v in stats[number, :4])
            place = np.s_[y : y + height, x : x + width]
            luma = np.ascontiguousarray(before[place])
            if luma.std() >= FLAT:
                inside = (labels[place] == number).astype(np.uint8)
                self._looks.append(_Look(luma, inside, x, y))

    def follow(self, moved: Mask, picture: Colors, scene: Colors, known: NDArray[np.bool_]) -> None:
        """Find whoever was hidden when the disturbance began again: they, or the camera, moved.

        Args:
            moved: what has just changed.
            picture: what is there.
            scene: as it was before the disturbance.
            known: cells of the scene that are known.
        """
        if moved.mean() > CALM or not self.cells.any():
            return
        luma = np.ascontiguousarray(picture[..., 0])
        for look in self._looks:
            place = look.found(luma)
            if place is not None:
                at = np.zeros(self.cells.shape, np.uint8)
                height, width = look.inside.shape
                at[look.y : look.y + height, look.x : look.x + width] = look.inside
                self.add(shifted(at, *place) > 0, scene, known)
        hidden = sum(int(look.inside.sum()) for look in self._looks)
        if np.count_nonzero(moved) <= WIDE * hidden:
            near = grown(self.cells.astype(np.uint8), NEAR)
            self.add(touched(solid(moved), near), scene, known)

    def unlike(self, now: Colors) -> Colors:
        """What to compare `now` with: what lies behind suspect cells, as far as it is known."""
        behind = now.copy()
        at = self.cells & self._told
        behind[at] = self._behind[at]
        return behind

    def leave(self, differs: Mask, rested: NDArray[np.bool_]) -> None:
        """Drop regions that show as a whole what lies behind them: somebody was seen to leave.

        Args:
            differs: from a comparison with `unlike`.
            rested: cells that have been at rest for long enough to be believed.
        """
        stay = (differs > 0) | ~self._told | ~rested
        together = solid(self.cells.astype(np.uint8))
        self.cells &= touched(together, (stay & self.cells).astype(np.uint8))

    def relit(self, light: Light) -> None:
        """The scene is kept in another light from now on."""
        self._behind = light.on(self._behind)

    def moved(self, x: float, y: float) -> None:
        """All of it lies this many cells further right and down from now on."""
        if (x, y) != (0.0, 0.0):
            self.cells = shifted(grown(self.cells.astype(np.uint8), 1), x, y) > 0
            self._behind = shifted(self._behind, x, y)
            self._told = shifted(self._told.astype(np.uint8), x, y) > 0
