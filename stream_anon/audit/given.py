"""People of a tracks file, beside those whom the audit found by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_anon.audit.people import Person
from stream_anon.core.parts import Box

if TYPE_CHECKING:
    from collections.abc import Sequence

FACES = ("face", "head")
"""Labels of the tracks that are judged: others hide what this audit does not compare."""
OFTEN = 0.5
"""Share of the frames that two have in common in which they must be in one place."""


class Track(Protocol):
    """One part of one person, as a tracks file has it."""

    id: int
    label: str
    hide: bool
    boxes: list[tuple[int, float, float, float, float]]


class Tracks(Protocol):
    """A tracks file."""

    @property
    def tracks(self) -> Sequence[Track]: ...


def with_tracks(people: list[Person], file: Tracks, frames: int) -> list[Person]:
    """Everybody: those who were found, named after their tracks, and the tracks' own places.

    Somebody found whose track says `"hide": false` counts as left clear. Frames in which a track
    hides a face that was not found are judged at the place that the track names.

    Args:
        people: who were found.
        file: the tracks.
        frames: of the original.
    """
    added: list[Person] = []
    hidden: set[int] = set()
    for track in file.tracks:
        boxes = {box[0]: Box(*box[1:]) for box in track.boxes if 0 <= box[0] < frames}
        if track.label not in FACES or not boxes:
            continue
        known: set[int] = set()
        for person in people:
            there = _together(person, boxes)
            if not there:
                continue
            known.update(there)
            common = sum(int(frame) in boxes for frame in person.frames)
            if len(there) >= OFTEN * common:
                person.name = person.name or f"track {track.id}"
                person.kept |= not track.hide and len(there) >= OFTEN * len(person.frames)
                hidden |= {id(person)} if track.hide else set()
        alone = sorted(set(boxes) - known)
        if alone and track.hide and track.label == "face":
            added.append(
                Person(
                    frames=np.array(alone, np.int32),
                    boxes=np.array([boxes[k] for k in alone], np.float32),
                    name=f"track {track.id}",
                )
            )
    for person in people:  # hidden here and clear there: all of it is judged
        person.kept &= id(person) not in hidden
    return [*people, *added]


def _together(person: Person, boxes: dict[int, Box]) -> list[int]:
    """Frames in which a person's face lies in the track's box."""
    found: list[int] = []
    for frame, corners in zip(person.frames.tolist(), person.boxes.tolist(), strict=True):
        box = boxes.get(frame)
        if box is not None:
            x, y = Box(*corners).center
            if box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height:
                found.append(frame)
    return found
