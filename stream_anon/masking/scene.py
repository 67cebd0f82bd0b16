"""What a fixed camera sees when nobody is there: learned, held against light, and compared.

A cell of the small picture becomes known once it and everything around it has been at rest for long
enough: somebody alive moves somewhere, and what lies between two restless cells counts as restless.
Whatever differs from what is known is somebody, until proven otherwise.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_anon.masking.scene_light import Light, light_between, shift_between, shifted
from stream_anon.masking.scene_picture import (
    SPARSE,
    grown,
    noise_of,
    regions,
    solid,
    steps,
    touched,
)
from stream_anon.masking.scene_suspects import Lately, Suspects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stream_anon.config import Background
    from stream_anon.masking.scene_picture import Colors, Mask

MOST = 0.5
"""Share of the picture that may be unknown, or differ; where it is more, all of it is hidden."""
AGAIN = 3.0
"""Times as long that a new scene in place of a known one must be at rest."""
SURELY = 0.8
"""Share of the picture that must be at rest for that: somebody near may fill half of it."""
LONGEST_STEP = 0.5
"""Seconds that one frame counts for as rest, at most: nobody knows what a gap held."""
FOLLOWS = 20.0
"""Seconds in which the scene follows what slowly changes in it."""
REMEMBERS = 10.0
"""Seconds in which what is at rest follows what slowly changes in it."""
APART = 4
"""Cells around whatever differs that the scene does not follow."""
RESTLESS = 2
"""Cells around whatever moved that do not become known with what is at rest beside it."""
OFTEN = 0.02
"""Share of the picture that differs from which on light and camera are asked about it."""
LEAST_SHIFT = 0.05
"""Cells by which the camera must have moved for it to matter."""
BLOWN = 230.0
"""Luma from which on all is white."""
ADAPTS = 0.4
"""Logarithm of the gain from which on the scene is kept in the new light."""
MISFIT = 0.8
"""Steps by which most of the scene may differ from what light explains."""
ASKED_AGAIN = 1.0
"""Seconds after which it is asked again who has left."""
BRIGHTER = 0.75
"""Grey levels by which most of the scene differs from which on they are asked as well."""


class Seen(NamedTuple):
    """What differs from the scene in one frame. Masks of cells, 1 inside."""

    differs: Mask
    unknown: Mask
    """Cells of which nothing is known yet."""


class Scene:
    """The scene of one stream. Used by one thread."""

    def __init__(self, settings: Background) -> None:
        """Know nothing yet."""
        self._learn, self._sensitivity = settings.learn, settings.sensitivity
        self._absorb = max(settings.absorb, settings.learn) if settings.absorb else math.inf
        self.forget()

    def forget(self) -> None:
        """Begin again, with nobody hidden: nobody has looked meanwhile."""
        self._suspects = Suspects(())
        self._restart()

    def interrupt(self) -> None:
        """Begin again: this may be another place. If not, whoever is hidden stays so."""
        if self._cells:
            if not self._disturbed:  # otherwise most of the picture differs, and they are suspect
                self._suspects.add(self._differs > 0, self._scene, self._known)
            if self._light is not None:
                self._suspects.relit(self._light)
            self._suspects.moved(*self._offset)
        self._restart()

    def _restart(self) -> None:
        self._last: Colors | None = None
        self._light: Light | None = None
        """Now, compared with that of the scene."""
        self._cells: tuple[int, ...] = ()
        self._noise: float | None = None
        self._offset = (0.0, 0.0)

    def _begin(self, now: Colors) -> None:
        self._cells = cells = now.shape[:2]
        self._scene = now.copy()
        """What each cell shows when nobody is there; what it has shown at rest, while unknown."""
        self._rest = now.copy()
        """What each cell shows since it changed last."""
        self._rested = np.zeros(cells, np.float32)
        """Seconds since it changed last."""
        self._known = np.zeros(cells, bool)
        if self._suspects.cells.shape != cells:
            self._suspects = Suspects(cells)
        self._differs = np.zeros(cells, np.uint8)
        self._lately = Lately()
        self._asked = 0.0
        """Seconds since it was asked who has left."""
        self._disturbed = False
        """Most of what is known differed in the last frame."""

    def look(self, now: Colors, seconds: float, people: Iterable[Mask] = ()) -> Seen | None:
        """Compare a picture with the scene, and learn from it.

        Args:
            now: the picture.
            seconds: since the one before.
            people: where detectors see somebody; they never become part of the scene.

        Returns:
            What differs; None while most of the scene is not known, or differs.
        """
        if self._cells != now.shape[:2]:
            self._begin(now)
            seconds = 0.0
        picture = now
        now = self._explained(picture)
        self._measure_noise(now)
        differs = self._compare(now)
        disturbed = float(differs[self._known].mean()) > MOST if self._known.any() else False
        if disturbed and not self._disturbed and (before := self._lately.before()) is not None:
            self._suspects.disturbed(*before, self._scene, self._known)
        self._disturbed = disturbed
        moved = self._note_rest(now, min(seconds, LONGEST_STEP))
        for somebody in people:
            self._note(somebody > 0, differs > 0)
        if disturbed:
            self._suspects.follow(moved, picture, self._scene, self._known)
        else:
            self._follow(now, differs, seconds)
        self._note_leaving(now, seconds)
        self._learn_rested(differs)
        self._differs = differs = np.asarray(differs & self._known, np.uint8)
        if not disturbed:
            self._lately.add(differs, now, seconds)
        unknown = (~self._known).astype(np.uint8)
        if disturbed or float((differs | unknown).mean()) > MOST:
            return None
        return Seen(self._placed(differs), self._placed(unknown))

    def _measure_noise(self, now: Colors) -> None:
        before, self._last = self._last, now
        if before is None or before is now:
            return
        noise = noise_of(before, now)
        self._noise = noise if self._noise is None else 0.9 * self._noise + 0.1 * noise

    def _steps(self, scene: Colors, now: Colors) -> NDArray[np.float32]:
        return steps(scene, now, self._noise or 0.0, self._sensitivity)

    # -- light and camera ---------------------------------------------------------------------

    def _explained(self, picture: Colors) -> Colors:
        """The picture as it would be if neither the camera nor the light had changed."""
        self._offset = (0.0, 0.0)
        plain, used = self._plain(self._light, picture), self._usable()
        if not self._is_off(plain, used):
            return plain
        x, y = shift_between(self._scene, plain)
        if max(abs(x), abs(y)) >= LEAST_SHIFT:
            self._offset = (x, y)
            picture = shifted(picture, -x, -y)
            plain = self._plain(self._light, picture)
        light = light_between(self._scene, picture, used)
        if light is None:
            return plain
        other = self._plain(light, picture)
        if self._misfit(other, used) < min(MISFIT, self._misfit(plain, used)):
            self._light = light
            self._adapt()
            return self._plain(self._light, picture)
        return plain

    def _plain(self, light: Light | None, picture: Colors) -> Colors:
        """A picture in the light of the scene; what is too bright to tell, is the scene's."""
        if light is None:
            return picture
        plain = light.off(picture)
        blown = (picture[..., 0] > BLOWN) & (self._scene[..., 0] > plain[..., 0])
        np.copyto(plain[..., 0], self._scene[..., 0], where=blown)
        return plain

    def _adapt(self) -> None:
        """Once the light is quite another, keep the scene in it: rounding grows with the gain."""
        light = self._light
        if light is not None and abs(np.log(float(np.median(light.gain)))) > ADAPTS:
            self._scene, self._rest = light.on(self._scene), light.on(self._rest)
            self._suspects.relit(light)
            self._last = None
            self._light = None

    def _usable(self) -> NDArray[np.bool_]:
        """Cells where nobody was, as far as is known."""
        quiet = np.where(self._known, grown(self._differs, APART) == 0, self._rested > 0)
        return np.asarray(quiet & ~self._suspects.cells)

    def _is_off(self, now: Colors, used: NDArray[np.bool_]) -> bool:
        some = np.s_[::SPARSE, ::SPARSE]
        off = (now[..., 0][some] - self._scene[..., 0][some])[used[some]]
        if not off.size:
            return False
        if abs(float(np.median(off))) > BRIGHTER:
            return True
        return float((np.abs(off) > 5.0 + 3 * (self._noise or 0.0)).mean()) > OFTEN

    def _misfit(self, now: Colors, used: NDArray[np.bool_]) -> float:
        """Mean of the steps by which the cells differ from the scene; more than 2 count as 2."""
        return float(np.minimum(self._steps(self._scene, now)[used], 2).mean())

    def _placed(self, mask: Mask) -> Mask:
        """From where it lies in the scene to where it lies in the picture."""
        x, y = self._offset
        return mask if (x, y) == (0.0, 0.0) else np.asarray(shifted(grown(mask, 1), x, y), np.uint8)

    # -- comparing and learning ---------------------------------------------------------------

    def _compare(self, now: Colors) -> Mask:
        apart = self._steps(self._scene, now)
        apart[~self._known] = 0
        return solid(regions(apart))

    def _note_rest(self, now: Colors, seconds: float) -> Mask:
        """Count for how long each cell has been at rest; what has just changed is returned."""
        changed = regions(self._steps(self._rest, now))
        moved = changed > 0
        self._rested += np.float32(seconds)
        self._rested[moved] = 0
        self._rest += np.float32(min(1.0, seconds / REMEMBERS)) * (now - self._rest)
        self._rest[moved] = now[moved]
        np.copyto(self._scene, self._rest, where=~self._known[..., None])
        return changed

    def _note(self, somebody: NDArray[np.bool_], differs: NDArray[np.bool_]) -> None:
        """Somebody is seen there: what is not the scene there is theirs."""
        theirs = somebody & (differs | ~self._known | self._disturbed)
        self._rested[theirs] = 0
        self._suspects.add(theirs & (~self._known | self._disturbed), self._scene, self._known)

    def _note_leaving(self, now: Colors, seconds: float) -> None:
        """Whoever was suspect is gone once the scene behind them is seen again, at rest."""
        suspects = self._suspects
        self._asked += seconds
        if self._asked >= ASKED_AGAIN and suspects.cells.any():
            self._asked = 0.0
            differs = solid(regions(self._steps(suspects.unlike(now), now)))
            suspects.leave(differs, self._rested >= self._learn)

    def _follow(self, now: Colors, differs: Mask, seconds: float) -> None:
        """Let the scene take on what slowly changes in it, where nobody is."""
        free = self._known & (grown(differs, APART) == 0)
        rate = np.float32(min(1.0, seconds / FOLLOWS))
        self._scene += (rate * free)[..., None] * (now - self._scene)

    def _learn_rested(self, differs: Mask) -> None:
        """Make part of the scene what has been at rest for long enough, with all around it."""
        disturbed, suspect = self._disturbed, self._suspects.cells
        again = AGAIN * self._learn if disturbed else self._absorb
        waits = np.where(self._known, again, self._learn)
        waits[suspect] = max(again, self._absorb)
        waiting = ~self._known | (differs > 0) | (suspect & disturbed)
        if not (waiting & (self._rested >= waits)).any():
            return
        # Whoever stands where nothing is known yet differs from what is known around it.
        restless = (waiting & (self._rested < waits)).astype(np.uint8)
        learned = waiting & (grown(solid(restless), RESTLESS) == 0)
        if not disturbed:
            learned &= ~touched(differs, restless)
        # Whoever is suspect stays hidden, and does not keep the rest from being known.
        if not learned.any() or (disturbed and (learned | suspect).mean() < SURELY):
            return
        if disturbed:  # what is left of the old scene is not of the new one
            self._known &= learned | ((differs == 0) & ~suspect)
        np.copyto(self._scene, self._rest, where=learned[..., None])
        self._known |= learned
        self._suspects.drop(learned)
        differs[learned] = 0
