"""Who is who among the parts and faces of a stream: one person, one number."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from stream_anon.core.parts import Box, Part
    from stream_anon.masking.tracks import Detection, Track

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
        for person in dict.fromkeys(part.person for part in parts):
            own = [part for part in parts if part.person == person]
            theirs = [face for face in faces if _is_face_of(face.forward.get(index), own)]
            if person in votes:
                names[person] = votes[person].most_common(1)[0][0]
            elif theirs:
                names[person] = self.of_face(theirs[0])
            else:
                names[person] = self._number()
            self._faces.update({face.number: names[person] for face in theirs})
        named = set(names.values())
        self._parsed = {f.number for f in faces if self._faces.get(f.number) in named}
        return names

    def forget(self, tracks: set[int], faces: Iterable[Track]) -> None:
        """Keep these tracks, by number, and these faces only."""
        self._tracks = {n: p for n, p in self._tracks.items() if n in tracks}
        alive = {face.number for face in faces}
        self._faces = {n: p for n, p in self._faces.items() if n in alive}
        self._parsed &= alive


def _is_face_of(face: Box | None, parts: Sequence[Part]) -> bool:
    """Whether a face lies on these parts of one person."""
    if face is None:
        return False
    x, y = face.center
    for label in WHERE_FACES_ARE:
        for part in parts:
            box = part.box
            if part.label == label and (
                box.x <= x <= box.x + box.width and box.y <= y <= box.y + box.height
            ):
                return True
    return False
