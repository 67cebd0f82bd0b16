"""What a parser is, and what it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Box, Part


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


def whole_look(info: StreamInfo, short_side: int) -> Look:
    """The whole picture, its shorter side that many pixels long."""
    width, height = float(info.width * info.pixel_aspect), float(info.height)
    return Look(max(32, round(short_side * max(width, height) / min(width, height))))
