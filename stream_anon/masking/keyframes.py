"""When a frame gets a detection pass, and at which working size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream_anon.detectors.base import DetectionPass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.config import Keyframes, Parsing
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.parts import Box

SMALLEST_SEEN = 13.0
"""Pixels at working size below which a face is easily missed."""
SMALLEST_PERSON = 34.0
"""The same of a whole person."""
SURELY_SEEN = 2.0
"""Times that size from which on hardly anybody is missed."""
LARGEST_SEEN = 400
"""Pixels at working size beyond which only parts of a face are found, each as a face."""
STRIDE = 0.8
"""The next pass comes before faces have moved by this share of their size."""
STEPS = (512, 640, 960, 1280, 1600)
"""Working sizes between light and deep; few, because each is compiled once."""
ENLARGED = 2.0
"""Times that the place of a close pass is enlarged, at most."""
WELL_SEEN = 32.0
"""Pixels of a face in a close pass that make it easiest to find, above all in a poor picture."""
MOST_HARD = 8
"""Close passes in one frame for faces that no pass over the picture sees."""
REGION_GROWTH = 1.0
"""A close pass covers the place where a face should be, and this many times its size around it."""


@dataclass(frozen=True, slots=True)
class FollowedFace:
    """One followed face, as the policy needs it."""

    box: Box
    speed: float
    """Pixels per frame."""
    turn: int = 0
    """Quarter turns counter-clockwise after which it was seen."""


@dataclass(frozen=True, slots=True)
class Effort:
    """Detection effort of a live stream; less where the machine is too slow for more."""

    deep_side: int
    """Longer side of a deep pass at most, in pixels."""
    larger_sides: tuple[int, ...] = STEPS
    """Sizes between a light and a deep pass."""
    interval_factor: float = 1.0
    """Times as long between two passes."""
    thorough: bool = True
    """Everything on every frame, where the run wants that."""
    extra: bool = True
    """Extra passes for small and turned faces at all."""


def _is_hard(face: FollowedFace) -> bool:
    return bool(face.turn) or face.box.size < SMALLEST_SEEN


def octaves(side: int, light: int) -> list[DetectionPass]:
    """Passes over the whole picture at half the size each; the last one is a light pass.

    From 640 pixels on they cost about a third more at most than the first alone. The last two
    octaves are one step: a light pass finds all that is too near for the one before, and is
    compiled anyway.
    """
    sides = [side]
    while sides[-1] > 4 * light:
        sides.append(sides[-1] // 2)
    if sides[-1] > 4 / 3 * light:
        sides.append(light)
    return [DetectionPass(side) for side in sides]


class KeyframePolicy:
    """Decides from what moves, from what is followed and from the time since the last passes.

    The decision depends on the frames only, never on how long anything took; `set_effort` is
    for live streams.
    """

    def __init__(
        self,
        keyframes: Keyframes,
        parsing: Parsing,
        info: StreamInfo,
        longest_gap: int,
        smallest: float = SMALLEST_SEEN,
    ) -> None:
        """Nothing has been decided.

        Args:
            keyframes: of the run.
            parsing: of the run.
            info: of the stream.
            longest_gap: frames between deep passes that the lookahead can bridge.
            smallest: pixels at working size below which the detector easily misses somebody.
        """
        width, height, aspect = info.width, info.height, float(info.pixel_aspect)
        self._settings = keyframes
        self._long_side = max(width * aspect, height)
        self._short_over_long = min(width * aspect, height) / self._long_side
        self._light = min(parsing.light_side, round(self._long_side))
        self._deep = min(parsing.deep_side, max(32, round(self._long_side)))
        self._region = parsing.region_side
        self._longest_gap = longest_gap
        self._smallest = smallest
        self.last_pass = 0
        """Index of the frame that had the last pass."""
        self.last_deep = 0
        """Index of the frame that had the last deep pass when one was due."""
        self._last_deep_time = 0.0
        self._effort = Effort(self._deep)
        self._turn = 0

    def set_effort(self, effort: Effort) -> None:
        """Use another effort from now on."""
        self._effort = effort

    @property
    def deep(self) -> DetectionPass:
        return DetectionPass(min(self._deep, self._effort.deep_side))

    @property
    def light(self) -> DetectionPass:
        return DetectionPass(self._light)

    def first(self, index: int, time: float) -> list[DetectionPass]:
        """Nothing is known: a deep pass, and smaller ones for whoever is too near for it."""
        self.last_pass = self.last_deep = index
        self._last_deep_time = time
        return octaves(self.deep.long_side, self._light)

    def still(self, index: int, time: float, *, changed: bool, lost: bool) -> list[DetectionPass]:
        """Nothing has moved since the last pass.

        Args:
            index: of the frame.
            time: of the frame, in seconds.
            changed: something has moved since the last deep pass.
            lost: somebody who is followed was not found by the last pass.
        """
        if lost and self.last_deep != self.last_pass:
            return self.first(index, time)  # nothing will change soon, so make sure
        wait = self._settings.deep_interval if changed else self._settings.quiet_interval
        if time - self._last_deep_time >= wait:
            return self.first(index, time)
        return []

    def moving(self, index: int, time: float, faces: Sequence[FollowedFace]) -> list[DetectionPass]:
        """Something moves."""
        since = time - self._last_deep_time
        wait = self._settings.deep_interval * self._effort.interval_factor
        if since >= wait or index - self.last_deep >= self._longest_gap:
            return [*self.first(index, time), *self.hard_passes(faces)]
        interval = self._settings.interval * self._effort.interval_factor
        for face in faces:
            interval = min(interval, STRIDE * face.box.size / max(face.speed, 1e-6))
        if index - self.last_pass < interval:
            return []
        self.last_pass = index
        return self._light_passes(faces)

    def now(self, index: int, faces: Sequence[FollowedFace]) -> list[DetectionPass]:
        """A pass that cannot wait: the frame, or one before it, is about to be released."""
        self.last_pass = index
        return self._light_passes(faces)

    def _light_passes(self, faces: Sequence[FollowedFace]) -> list[DetectionPass]:
        """Enough to see everybody who is followed: a larger picture, or close passes."""
        easy = [face for face in faces if not _is_hard(face)]
        return self._upright_passes(easy) + self.hard_passes(faces)

    def hard_passes(self, faces: Sequence[FollowedFace]) -> list[DetectionPass]:
        """Close passes for those whom no upright pass over the picture sees."""
        hard = [face for face in faces if _is_hard(face)]
        if len(hard) > MOST_HARD:  # they take turns
            self._turn = (self._turn + MOST_HARD) % len(hard)
            hard = [*hard, *hard][self._turn : self._turn + MOST_HARD]
        return [self.closely(face.box, face.turn) for face in hard]

    def _upright_passes(self, faces: Sequence[FollowedFace]) -> list[DetectionPass]:
        side = self._light
        small = [face for face in faces if face.box.size * side / self._long_side < self._smallest]
        if not small:
            return [DetectionPass(side)]
        needed = self._smallest * self._long_side / min(face.box.size for face in small)
        steps, most = self._effort.larger_sides, self.deep.long_side
        larger = min(next((s for s in steps if s >= needed and s > side), most), most)
        too_near = larger > side and larger * self._short_over_long > LARGEST_SEEN
        also = [DetectionPass(side)] if too_near else []
        cost = self._cost(larger) - (0 if too_near else self._cost(side))
        if cost < len(small) * self._region**2:
            return [DetectionPass(larger), *also]
        return [DetectionPass(side), *(self.closely(face.box) for face in small)]

    def _cost(self, side: int) -> float:
        return side * side * self._short_over_long

    def closely(self, box: Box, turn: int = 0) -> DetectionPass:
        """A close pass over the surroundings of one face, seen after some quarter turns."""
        reach = max(REGION_GROWTH * box.size, 24.0)
        enlarge = min(ENLARGED, WELL_SEEN / max(box.size, 1.0))
        if (
            not turn
        ):  # a turned face was found in a small picture; others are no worse in large ones
            enlarge = max(1.0, enlarge)
        return DetectionPass(self._region, box.grown(reach, reach), enlarge=enlarge, turn=turn)

    def surely_seen(self, detection_pass: DetectionPass) -> float:
        """Frame pixels from which on a face is hardly ever missed by a pass over the picture."""
        return SURELY_SEEN * self._smallest * max(1.0, self._long_side / detection_pass.long_side)

    def visible(self, box: Box, passes: Sequence[DetectionPass], turn: int = 0) -> bool:
        """Whether a face in `box`, upright after `turn`, should have been found by a pass."""
        for detection_pass in passes:
            if detection_pass.turn != turn:
                continue
            if detection_pass.region is None:
                if (
                    box.size * min(1.0, detection_pass.long_side / self._long_side)
                    >= self._smallest
                ):
                    return True
            elif detection_pass.region.overlap(box) > 0.9 * box.area:
                return True
        return False


SPARSE = 0.15
"""Seconds from frame to frame from which on motion cannot be followed: each frame is a keyframe."""


class ParsePolicy:
    """Decides when the slow parser runs: on keyframes, seconds apart.

    Like `KeyframePolicy`, it depends on the frames only.
    """

    def __init__(self, keyframes: Keyframes, lookahead: float, longest_gap: int) -> None:
        """Args: longest_gap: frames between keyframes that the lookahead can bridge."""
        self._interval = keyframes.parse_interval
        if lookahead:  # what lies between two keyframes is carried from both sides
            self._interval = min(self._interval, lookahead)
        self._quiet = max(keyframes.quiet_interval, self._interval)
        self._longest_gap = longest_gap
        self._last: int | None = None
        self._last_time = 0.0

    @property
    def interval(self) -> float:
        """Seconds between keyframes while anything moves."""
        return self._interval

    def is_due(self, index: int, time: float, *, first: bool, changed: bool, asked: bool) -> bool:
        """Whether a frame is a keyframe.

        Args:
            index: of the frame.
            time: of the frame, in seconds.
            first: a shot begins, or nothing is known.
            changed: something has moved since the last keyframe.
            asked: somebody came in who has no parts yet.
        """
        if first or asked or self._last is None:
            return True
        if changed and index - self._last >= self._longest_gap:
            return True
        if changed and (time - self._last_time) / (index - self._last) >= SPARSE:
            return True
        wait = self._interval if changed else self._quiet
        return time - self._last_time >= wait - 1e-6

    def parsed(self, index: int, time: float) -> None:
        """Frame `index` has become a keyframe."""
        self._last, self._last_time = index, time
