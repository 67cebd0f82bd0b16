"""What a detector saw of one person in one frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from stream_anon.core.parts import Box, Part


def alike(labels: frozenset[str], others: frozenset[str]) -> bool:
    """Whether what has these labels may be one with what has those."""
    return labels == others or not labels.isdisjoint(others)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """The parts of one person that a detector saw in one frame."""

    anchor: Box
    """The face; where there is none, the person, or everything that was seen."""
    parts: tuple[Part, ...]
    score: float
    kind: str = ""
    """Tracks take detections of their own kind only: a part's label, or empty for a person."""
    shape: NDArray[np.uint8] | None = None
    """Mask of the anchor's box, stretched over it; None where only the box counts."""
    turn: int = 0
    """Quarter turns counter-clockwise after which it was seen."""

    @property
    def labels(self) -> frozenset[str]:
        """Those of its parts."""
        return frozenset(part.label for part in self.parts)

    def may_be(self, labels: frozenset[str]) -> bool:
        """Whether something that has these labels may be the same: a face is no person's box."""
        return alike(self.labels, labels)

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Detection:
        """Group the parts of one person.

        Whoever is seen without a face is followed by their silhouette, if there is one.
        """
        score = max(part.score for part in parts)
        faces = [part.box for part in parts if part.label == "face"]
        whole = next((part for part in parts if part.label == "human"), None)
        if whole is not None and not faces:
            return cls(whole.box, tuple(parts), score, shape=whole.mask)
        anchor = faces[0] if faces else parts[0].box
        for part in () if faces else parts[1:]:
            anchor = anchor.union(part.box)
        return cls(anchor, tuple(parts), score)

    @classmethod
    def of_part(cls, part: Part) -> Detection:
        """One part by itself, mask and all."""
        return cls(part.box, (part,), part.score, part.label, part.mask)


def group_people(parts: Sequence[Part]) -> list[Detection]:
    """One detection for each person in a parser's answer, best first."""
    people: dict[int, list[Part]] = {}
    for part in parts:
        people.setdefault(part.person, []).append(part)
    return sorted(map(Detection.of, people.values()), key=lambda s: -s.score)
