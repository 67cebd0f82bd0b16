"""Who is who among the parts and faces of a stream: one person, one number."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from stream_anon.core.parts import INSIDE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stream_anon.core.parts import Part
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.tracks import Track

HUMAN = "human"
WHERE_FACES_ARE = ("face", "hair", "hat", "sunglasses", HUMAN)
"""Parts that identify whose face it is, the surest first."""


class Identities:
    """The person that each track of a part, and each followed face, belongs to."""

    def __init__(self, number: Callable[[], int]) -> None:
        """Nobody is known. Args: number: gives each person their number."""
        self._number = number
        self._tracks: dict[int, int] = {}
        """Person of each part's track, by track number."""
        self._faces: dict[int, int] = {}
        """Person of each followed face, by the face's track number."""
        self._parsed: set[int] = set()
        """Followed faces on whose bodies the parser's newest answer is."""

    def of_track(self, track: Track) -> int:
        """The person whose part it is."""
        return self._tracks[track.number]

    def of_face(self, face: Track) -> int:
        """The person whose face it is."""
        return self._faces.get(face.number, face.number)

    def assign(self, track: Track, person: int) -> None:
        """Say whose part a track is."""
        self._tracks[track.number] = person

    def ask_about(self, faces: Iterable[Track]) -> None:
        """The parser is asked about a frame with these faces: none of them is new any more."""
        for face in faces:
            self._faces.setdefault(face.number, face.number)

    def has_new(self, faces: Iterable[Track]) -> bool:
        """Whether the parser has not been asked about one of these faces."""
        return any(face.number not in self._faces for face in faces)

    def is_parsed(self, face: Track) -> bool:
        """Whether the parser's newest answer has the body of this face."""
        return face.number in self._parsed

    def name(
        self,
        parts: Sequence[Part],
        pairs: Sequence[tuple[Track, Detection]],
        faces: Sequence[Track],
        index: int,
    ) -> dict[int, int]:
        """Our number for each person of an answer: that of most of their parts, or their face's.

        Args:
            parts: the answer.
            pairs: tracks, and the parts of the answer that continue them.
            faces: those who are followed.
            index: the frame that the answer is about.
        """
        votes: dict[int, Counter[int]] = {}
        for track, detection in pairs:
            person = detection.parts[0].person
            votes.setdefault(person, Counter())[self.of_track(track)] += 1
        names: dict[int, int] = {}
        theirs = _faces_of(parts, faces, index)
        for person in dict.fromkeys(part.person for part in parts):
            face = theirs.get(person)
            if person in votes:
                names[person] = votes[person].most_common(1)[0][0]
            elif face is not None:
                names[person] = self.of_face(face)
            else:
                names[person] = self._number()
            if face is not None:
                self._faces[face.number] = names[person]
        self._parsed = {face.number for face in theirs.values()}
        return names

    def forget(self, tracks: set[int], faces: Iterable[Track]) -> None:
        """Keep these tracks, by number, and these faces only."""
        self._tracks = {n: p for n, p in self._tracks.items() if n in tracks}
        alive = {face.number for face in faces}
        self._faces = {n: p for n, p in self._faces.items() if n in alive}
        self._parsed &= alive


def _faces_of(parts: Sequence[Part], faces: Sequence[Track], index: int) -> dict[int, Track]:
    """The face of each person of an answer: one at most, on the mask of their surest part.

    Whoever stands in front of somebody has a face there too, but not where that one's head is.
    """
    candidates: list[tuple[int, float, int, int]] = []
    for row, face in enumerate(faces):
        if (box := face.forward.get(index)) is None:
            continue
        for part in parts:
            if part.label in WHERE_FACES_ARE and _is_on(part, *box.center):
                far = math.dist(box.center, _head(part))
                candidates.append((WHERE_FACES_ARE.index(part.label), far, part.person, row))
    theirs: dict[int, Track] = {}
    used: set[int] = set()
    for _, _, person, row in sorted(candidates):
        if person not in theirs and row not in used:
            theirs[person] = faces[row]
            used.add(row)
    return theirs


def _is_on(part: Part, x: float, y: float) -> bool:
    """Whether a spot of the frame is on the mask of a part."""
    rows, columns = part.mask.shape
    row = math.floor((y - part.box.y) * rows / part.box.height)
    column = math.floor((x - part.box.x) * columns / part.box.width)
    inside = 0 <= row < rows and 0 <= column < columns
    return inside and bool(part.mask[row, column] >= INSIDE)


def _head(part: Part) -> tuple[float, float]:
    """About where the head is: in the middle of one of its parts, at the top of a whole person."""
    x, y = part.box.center
    return (x, part.box.y) if part.label == HUMAN else (x, y)
