"""People that an audit follows, and what became of each of their faces in the redacted video."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class State(IntEnum):
    """What became of one face in one frame."""

    UNJUDGED = 0
    """Too small to compare, outside of the picture, or with nothing to see in the original."""
    HIDDEN = 1
    EXPOSED = 2
    NO_FRAME = 3
    """The redacted video has no frame for that time."""
    UNMATCHED = 4
    """It has one, which shows something else than the original: nothing can be compared."""


@dataclass(slots=True, eq=False)
class Person:
    """One person within one shot."""

    frames: NDArray[np.int32]
    """Frames of the original in which the face is to be seen, ascending."""
    boxes: NDArray[np.float32]
    """(n, 4): x, y, width, height in pixels, for each of them."""
    evidence: float = 1.0
    """How sure the detector was, added up."""
    believed: bool = True
    """False for what may be no face at all."""
    name: str = ""
    """From a tracks file, where one was given."""
    kept: bool = False
    """Left clear on purpose, says the tracks file."""
    share: NDArray[np.float32] = field(default_factory=lambda: np.empty(0, np.float32))
    """How much of the face is still to be seen in each frame, 0..1; not a number where unjudged."""
    state: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    """`State` in each frame."""

    def __post_init__(self) -> None:
        self.share = np.full(len(self.frames), np.nan, np.float32)
        self.state = np.zeros(len(self.frames), np.uint8)

    def count(self, *states: State) -> int:
        """Frames in any of these states."""
        return int(np.isin(self.state, states).sum())

    @property
    def judged(self) -> int:
        return self.count(State.HIDDEN, State.EXPOSED)

    @property
    def exposed(self) -> int:
        return self.count(State.EXPOSED)

    def exposures(self) -> Iterator[tuple[int, int]]:
        """First and last frame of each run of consecutive frames that show the face."""
        yield from runs(self.frames[self.state == State.EXPOSED])


def runs(frames: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    if len(frames):
        for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1):
            yield int(run[0]), int(run[-1])


def within(people: list[Person], start: int, stop: int) -> list[Person]:
    """Those who are to be seen from frame `start` on and before `stop`, in these frames alone."""
    found: list[Person] = []
    for person in people:
        inside = (person.frames >= start) & (person.frames < stop)
        if inside.any():
            frames, boxes = person.frames[inside], person.boxes[inside]
            found.append(replace(person, frames=frames, boxes=boxes))
    return found


class Place(NamedTuple):
    """One person in one frame."""

    person: Person
    at: int
    """Position in the person's arrays."""


class Roster:
    """Who is in the picture, frame by frame, in ascending order."""

    def __init__(self, people: list[Person]) -> None:
        self._coming = sorted(people, key=lambda person: -int(person.frames[0]))
        self._here: list[Person] = []

    def at(self, index: int) -> list[Place]:
        """Everybody whose face is known in this frame. Indices must not go down."""
        while self._coming and self._coming[-1].frames[0] <= index:
            self._here.append(self._coming.pop())
        self._here = [person for person in self._here if person.frames[-1] >= index]
        found: list[Place] = []
        for person in self._here:
            at = int(np.searchsorted(person.frames, index))
            if person.frames[at] == index:
                found.append(Place(person, at))
        return found
