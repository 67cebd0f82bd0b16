"""The outlines that masks of faces and heads get: one shape for everybody, in steps, held steady.

The proportions of a detected box tell who somebody is: with nothing else to go by, 33 of 100
photographs of 30 people are known. So each mask grows to one proportion and to one of a few sizes,
and stays where it is for as long as it covers what it has to. That tells less, not nothing
(docs/privacy.md has the figures).
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.parts import Box
from stream_anon.detectors.shapes import EXPONENT, ellipse

if TYPE_CHECKING:
    from stream_anon.core.parts import Part

ASPECTS = {"face": 0.78, "head": 0.8}
"""Width over height of the masks of these labels."""
STEP = 1.08
"""Ratio of one size to the next."""
ABSORBED = 0.25
"""Share of the margin, which comes on top of an outline, that an outline may take up."""
KEPT_FOR = 250
"""Frames after which the outline of somebody who is not seen is forgotten."""
FLATTEST = 6.0
"""Steps that noise may add, at most, over epsilon."""


@dataclass(slots=True)
class _Held:
    box: Box
    frame: int


class Outlines:
    """Gives masks their outlines; remembers each track's last one. Used by one thread."""

    def __init__(
        self, epsilon: float = 0.0, *, margin: float = 0.0, secret: int | None = None
    ) -> None:
        """Nobody is known yet.

        Args:
            epsilon: privacy of a track's size in steps: each track grows by a number of steps of
                its own, drawn once (discrete Laplace noise, shifted so that a mask never shrinks,
                and bounded: what is beyond the bounds has a chance below exp(-`FLATTEST` / 2)). 0
                adds none.
            margin: share of a part's size that is added on each side afterwards.
            secret: what the noise is drawn from; None draws one.
        """
        self._epsilon = epsilon
        self._absorbed = ABSORBED * margin
        self._secret = secrets.randbits(128) if secret is None else secret
        self._held: dict[tuple[int, str, int], _Held] = {}
        self._frame = 0
        self._seen: dict[tuple[int, str], int] = {}
        """Places of each part in this frame so far, less one."""

    def next_frame(self) -> None:
        """Before the first outline of each frame."""
        self._frame += 1
        self._seen.clear()
        if self._frame % KEPT_FOR == 0:
            oldest = self._frame - KEPT_FOR
            self._held = {key: held for key, held in self._held.items() if held.frame > oldest}

    def around(self, track: int, part: Part, box: Box) -> Box:
        """The outline around `box`, which is where a part of a track is in this frame.

        It covers the box less some of the margin, so that masks are no larger on the whole.
        Parts that are not of faces or heads, or of a shape that was seen, keep their box.
        """
        if part.mask is not ellipse() or part.label not in ASPECTS:
            return box
        taken = self._absorbed * box.size
        box = box.grown(-min(taken, box.width / 4), -min(taken, box.height / 4))
        who = track, part.label
        nth = self._seen[who] = self._seen.get(who, -1) + 1  # doubt hides several places
        key = (*who, nth)
        aspect = ASPECTS[part.label]
        needed = max(box.height, box.width / aspect)
        steps = math.ceil(math.log(needed) / math.log(STEP) - 1e-9) + self._added(track, part.label)
        held = self._held.get(key)
        x, y = box.center
        if held is not None and held.frame >= self._frame - 1:
            before = round(math.log(held.box.height) / math.log(STEP))
            if steps == before - 1:  # back and forth between two sizes would be told apart too
                steps = before
            x, y = held.box.center
        height = STEP**steps
        outline = _over(box, x, y, aspect * height, height)
        self._held[key] = _Held(outline, self._frame)
        return outline

    def _added(self, track: int, label: str) -> int:
        """Steps that this track's outlines are larger by."""
        if not self._epsilon:
            return 0
        most = math.ceil(FLATTEST / 2 / self._epsilon)
        random = np.random.default_rng([self._secret, track, *label.encode()])
        # The difference of two geometric numbers is discrete Laplace noise.
        one, other = random.geometric(1 - math.exp(-self._epsilon), 2)
        return int(np.clip(most + int(one) - int(other), 0, 2 * most))


def _over(box: Box, x: float, y: float, width: float, height: float) -> Box:
    """An outline of that size around `box`, as near to the middle `x`, `y` as covers it.

    With a and b the sizes of an ellipse and of the one that is to cover it, and r the larger ratio
    a / b of the two directions: it is covered where the middles differ by a point of the other
    ellipse shrunk by 1 - r, because that shape is convex.
    """
    room = 1 - max(box.width / width, box.height / height)
    middle_x, middle_y = box.center
    dx, dy = middle_x - x, middle_y - y
    off = abs(2 * dx / width) ** EXPONENT + abs(2 * dy / height) ** EXPONENT
    distance = off ** (1 / EXPONENT)
    keep = 1.0 if distance <= room else max(0.0, room) / distance
    x, y = middle_x - keep * dx, middle_y - keep * dy
    return Box(x - width / 2, y - height / 2, width, height)
