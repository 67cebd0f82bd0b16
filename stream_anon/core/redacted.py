"""Pictures that may be shown, and the masked frames that they are made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, final

import numpy as np

from stream_anon.core.frame import check_planes

if TYPE_CHECKING:
    from stream_anon.core.frame import Frame, Planes, Stamp
    from stream_anon.core.parts import Part


class Unknown(Enum):
    """Why there is no mask for a frame. "Nobody here" is not among them: that is a mask."""

    CORRUPT = "damaged input"
    NOT_IN_TRACKS = "not covered by the tracks file"
    NOT_PARSED = "the parser has not answered yet"
    NO_SCENE = "the scene is not known yet"
    PARSER_FAILED = "the parser failed"
    LATE = "no mask in time"
    FAILED = "redaction failed"
    AWAY = "no picture from the source"
    OUTSIDE = "outside of the range"


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MaskedFrame:
    """A raw picture with the parts to hide, or with the reason why they are not known."""

    frame: Frame
    parts: tuple[Part, ...] | Unknown
    """Parts to hide, in frame pixels, motion and growth applied; `Unknown` hides it whole."""
    is_keyframe: bool = False
    """This very frame had a detection pass."""
    age: int = 0
    """Frames between this one and the oldest detection that its masks rest on."""

    def __repr__(self) -> str:
        what = self.parts.name if isinstance(self.parts, Unknown) else f"{len(self.parts)} parts"
        return f"<MaskedFrame {self.frame.index} {what}>"


class _RedactorKey:
    """Held by the redactor alone; see `RedactedFrame`."""


_REDACTOR_KEY = _RedactorKey()


def _check_apart(planes: Planes, raw: Planes | None) -> None:
    """Refuse any of `planes` that may lie in the memory of any of `raw`."""
    # Bounds are enough, and cheap: an array that only lies between the rows of a raw one is
    # refused too, and no redactor makes one.
    if raw and any(np.may_share_memory(new, old) for new in planes for old in raw):
        raise ValueError("a picture to show must not share memory with the raw one")


@final
class RedactedFrame:
    """A picture that is safe to show. The redactor makes it, and nothing else can."""

    planes: Planes
    """Y, U and V after redaction, in memory of their own; read-only."""
    index: int
    pts: int
    time_base: Fraction
    duration: int | None
    parts_hidden: int
    """Regions hidden in this picture; 0 where it is hidden whole."""
    hidden_whole: Unknown | None
    """Why the picture is hidden whole; None where it is not."""

    __slots__ = ("duration", "hidden_whole", "index", "parts_hidden", "planes", "pts", "time_base")

    def __init__(
        self,
        key: _RedactorKey,
        *,
        planes: Planes,
        stamp: Stamp,
        raw: Planes | None,
        parts_hidden: int = 0,
        hidden_whole: Unknown | None = None,
    ) -> None:
        """Args: raw: what it was made of; None where no raw picture went into it."""
        if key is not _REDACTOR_KEY:
            raise TypeError("only the redactor can make a RedactedFrame")
        check_planes(planes)
        _check_apart(planes, raw)
        for plane in planes:
            plane.setflags(write=False)
        set_once = super().__setattr__
        set_once("planes", planes)
        for name in ("index", "pts", "time_base", "duration"):
            set_once(name, getattr(stamp, name))
        set_once("parts_hidden", parts_hidden)
        set_once("hidden_whole", hidden_whole)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a RedactedFrame is immutable: {name} cannot be set")

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def __repr__(self) -> str:
        what = self.hidden_whole.value if self.hidden_whole else f"{self.parts_hidden} hidden"
        return f"<RedactedFrame {self.index} pts={self.pts} {self.width}x{self.height} {what}>"


@final
class DebugFrame:
    """A picture for the preview of a debug run: with outlines, or raw under a banner.

    The redactor makes it, in debug mode only. No sink takes it; the preview's window does.
    """

    planes: Planes
    """Y, U and V in memory of their own; read-only."""

    __slots__ = ("planes",)

    def __init__(self, key: _RedactorKey, planes: Planes, *, raw: Planes | None) -> None:
        """Args: raw: what it was made of; None where no raw picture is in this process."""
        if key is not _REDACTOR_KEY:
            raise TypeError("only the redactor can make a DebugFrame")
        check_planes(planes)
        _check_apart(planes, raw)
        for plane in planes:
            plane.setflags(write=False)
        super().__setattr__("planes", planes)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a DebugFrame is immutable: {name} cannot be set")

    def __repr__(self) -> str:
        return f"<DebugFrame {self.planes[0].shape[1]}x{self.planes[0].shape[0]}>"
