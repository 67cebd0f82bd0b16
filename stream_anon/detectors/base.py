"""What a parser is, and what it answers with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.parts import Box
    from stream_anon.core.frame import Frame


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Part:
    """One body part of one person, as seen in one frame."""

    label: str
    """Stable name, one of `stream_anon.detectors.labels.LABELS`."""
    box: Box
    """Where the part is, in frame pixels; it may reach over the frame's edge."""
    mask: NDArray[np.uint8]
    """How much each spot of `box` belongs to the part, 0..255; any size, stretched over the box."""
    score: float
    """The parser's confidence, 0..1."""
    person: int
    """Parts with the same number belong together; numbers hold within one answer, or one track."""
    spread: float = 0.0
    """Frame pixels around the mask that belong to it too: doubt about where the part is by now."""

    def __post_init__(self) -> None:
        if not all(math.isfinite(v) for v in (*self.box, self.score, self.spread)):
            raise ValueError(f"part {self.label!r} has a box or a score that is not a number")
        if self.box.width <= 0 or self.box.height <= 0:
            raise ValueError(f"part {self.label!r} has an empty box")
        if self.mask.ndim != 2 or self.mask.dtype != np.uint8 or self.mask.size == 0:
            raise ValueError(f"part {self.label!r} needs a two-dimensional mask of uint8")

    def __repr__(self) -> str:
        box = ", ".join(f"{v:.0f}" for v in self.box)
        return f"<Part {self.label} person={self.person} box=({box}) score={self.score:.2f}>"


@dataclass(frozen=True, slots=True)
class Look:
    """How closely to look."""

    long_side: int
    """Working size of the longer side, in pixels; the picture is never enlarged beyond its own."""
    region: Box | None = None
    """Look only here, in frame pixels; None looks at the whole picture."""


class Parser(Protocol):
    """Finds body parts in one frame. Used by one thread at a time."""

    @property
    def name(self) -> str:
        """Short name for reports, such as `centerface`."""

    @property
    def labels(self) -> frozenset[str]:
        """Every label that this parser can answer with."""

    @property
    def model_hash(self) -> str:
        """SHA-256 of the weights, hexadecimal."""

    def parse(self, frame: Frame, look: Look) -> list[Part]:
        """All parts that can be seen, the unlikely ones too; the same answer for the same input.

        Raises:
            ParserError: the engine failed or its answer makes no sense.
        """

    def close(self) -> None:
        """Free the engine. Called once; nothing is called after it."""
