"""Everybody in a recording: when they are seen, what they look like, and whose tracks may be one's.

Appearance is coarse, so joining is careful: two tracks become one person only where they are never
seen at the same time, look much alike, have faces of about one size, and nobody else looks nearly
as much like them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_anon.core.zones import is_zone
from stream_anon.masking.appearance import appearance_of, place_of
from stream_anon.masking.keeping import CROSSES
from stream_anon.masking.tracks_file import Join

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Part
    from stream_anon.masking.appearance import Appearance

EVERY = 5
"""Frames between two looks at somebody."""
LEAST_LOOKS = 3
"""Of each of two tracks, before they may be joined."""
ALIKE = 0.8
"""Likeness from which two tracks may be of one person, …"""
APART = 0.1
"""… if it is less with everybody else by this much."""
SIZE_RATIO = 1.6
"""Faces that differ in size by more may be anybody's."""
FADES = 0.1
"""Share of each look in what somebody is remembered to look like."""


@dataclass(slots=True)
class Seen:
    """One track, as far as it is known."""

    number: int
    first: int
    """Frame."""
    begin: float
    """Seconds."""
    last: int = 0
    end: float = 0.0
    frames: int = 0
    looks: Appearance | None = None
    looked: int = 0
    """How often."""
    looked_at: int = -EVERY
    size: float = 0.0
    """Of the face, in pixels; the mean of all looks."""


@dataclass(slots=True)
class Meeting:
    """Two tracks that come close enough to be taken for each other."""

    one: int
    other: int
    first: int
    begin: float
    last: int
    end: float


@dataclass(slots=True)
class People:
    """Everybody seen so far."""

    seen: dict[int, Seen] = field(default_factory=dict)
    """By the number of the track."""
    meetings: list[Meeting] = field(default_factory=list)

    def count(self, frame: Frame, time: float, parts: Iterable[Part]) -> dict[int, list[Part]]:
        """Take the masks of one frame into account.

        Args:
            frame: the raw one.
            time: when it is shown, in seconds.
            parts: what is hidden in it.

        Returns:
            The parts of each person in it.
        """
        people: dict[int, list[Part]] = {}
        for part in parts:
            if part.person >= 0 and not is_zone(part.label):
                people.setdefault(part.person, []).append(part)
        places = {number: place_of(theirs) for number, theirs in people.items()}
        for number, place in places.items():
            seen = self.seen.setdefault(number, Seen(number, frame.index, time))
            seen.last, seen.end, seen.frames = frame.index, time, seen.frames + 1
            if place is not None and frame.index - seen.looked_at >= EVERY:
                _look(seen, frame, place)
        self._meet(frame.index, time, {n: place for n, place in places.items() if place})
        return people

    def joins(self) -> list[Join]:
        """Tracks of one person, each with the earlier one that it is most like."""
        groups: dict[int, list[Seen]] = {}
        """By the first track of each person."""
        joined: list[Join] = []
        for seen in sorted(self.seen.values(), key=lambda seen: (seen.first, seen.number)):
            others = [
                (likeness(seen, known), first, known.number)
                for first, group in groups.items()
                for known in group
            ]
            best, first, nearest = max(others, default=(0.0, -1, -1))
            if best >= ALIKE and self._is_alone(seen, groups[first], best - APART, others, first):
                groups[first].append(seen)
                joined.append(Join(tracks=(nearest, seen.number), likeness=round(best, 2)))
            else:
                groups[seen.number] = [seen]
        return joined

    def _is_alone(
        self,
        seen: Seen,
        group: Sequence[Seen],
        most: float,
        others: Sequence[tuple[float, int, int]],
        first: int,
    ) -> bool:
        """Whether a track can be of a person, and nobody else is nearly as much like them."""
        rivals = [like for like, whose, _ in others if whose != first]
        for other in self.seen.values():
            if other is seen or other in group:
                continue
            if not _are_apart(other, seen):  # so it is somebody else, who may be that person
                rivals += (likeness(other, known) for known in group)
            elif not all(_are_apart(other, known) for known in group):
                rivals.append(likeness(other, seen))
        fits = all(_may_be_one(seen, known) for known in group)
        return fits and max(rivals, default=0.0) <= most

    def _meet(self, index: int, time: float, places: dict[int, Part]) -> None:
        numbers = sorted(places)
        for n, one in enumerate(numbers):
            for other in numbers[n + 1 :]:
                if places[one].box.iou(places[other].box) > CROSSES:
                    self._note(one, other, index, time)

    def _note(self, one: int, other: int, index: int, time: float) -> None:
        for meeting in reversed(self.meetings):
            if (meeting.one, meeting.other) == (one, other) and meeting.last >= index - EVERY:
                meeting.last, meeting.end = index, time
                return
        self.meetings.append(Meeting(one, other, index, time, index, time))


def likeness(a: Seen, b: Seen) -> float:
    """Of two tracks, 0..1; 0 where too little was seen of one."""
    if a.looks is None or b.looks is None or min(a.looked, b.looked) < LEAST_LOOKS:
        return 0.0
    return a.looks.likeness(b.looks)


def _are_apart(a: Seen, b: Seen) -> bool:
    return a.first > b.last or b.first > a.last


def _may_be_one(a: Seen, b: Seen) -> bool:
    ratio = max(a.size, b.size) / max(1.0, min(a.size, b.size))
    clothes = all(s.looks is not None and s.looks.clothes is not None for s in (a, b))
    return _are_apart(a, b) and clothes and ratio <= SIZE_RATIO


def _look(seen: Seen, frame: Frame, place: Part) -> None:
    looks = appearance_of(frame, place)
    if looks is None:
        return
    seen.looked_at = frame.index
    seen.looks = looks if seen.looks is None else seen.looks.blended(looks, FADES)
    seen.looked += 1
    seen.size += (place.box.size - seen.size) / seen.looked


def in_groups(people: People, joined: Sequence[Join]) -> list[list[int]]:
    """Numbers of the tracks of each person, people in the order in which they come."""
    person = {number: number for number in people.seen}
    for join in joined:
        one, other = (person[number] for number in join.tracks)
        person = {n: one if whose == other else whose for n, whose in person.items()}
    groups: dict[int, list[int]] = {}
    order = sorted(people.seen.values(), key=lambda seen: (seen.first, seen.number))
    for seen in order:
        groups.setdefault(person[seen.number], []).append(seen.number)
    return list(groups.values())


def clock(seconds: float) -> str:
    """A time as people write it: 1:02.5."""
    tenths = math.floor(10 * max(0.0, seconds) + 0.5)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"
