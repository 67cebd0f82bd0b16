"""What of an input's metadata goes into the output: nothing but this."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Metadata(StrEnum):
    """What can be kept."""

    date = "date"
    gps = "gps"
    timecode = "timecode"
    projection = "projection"


@dataclass(frozen=True, slots=True)
class Projection:
    """How a sphere became a flat picture."""

    kind: str
    """FFmpeg's name, or its number where that is not known here."""
    stereo: str = ""
    """`left-right` or `top-bottom` where both eyes are in one picture."""

    @property
    def is_plain(self) -> bool:
        """The whole sphere, 360 by 180 degrees."""
        return self.kind == "equirectangular"


@dataclass(frozen=True, slots=True)
class Kept:
    """Metadata that was asked for and found."""

    tags: dict[str, str] = field(default_factory=dict)
    """By FFmpeg's names."""
    projection: Projection | None = None
