"""Pictures in which somebody who was hidden can be seen again: they have a way out of their own."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, final

from stream_anon.core.frame import check_planes

if TYPE_CHECKING:
    from stream_anon.core.frame import Planes, Stamp


class _RestorerKey:
    """Held by the restorer alone; see `UnsealedFrame`."""


_RESTORER_KEY = _RestorerKey()


@final
class UnsealedFrame:
    """A redacted picture into which sealed regions were put back.

    The restorer makes it from a seal that a key has opened, and nothing else can. It is not a
    `RedactedFrame`: no sink of a redacted video takes it, only `UnsealedSink` does.
    """

    planes: Planes
    """Y, U and V in memory of their own; read-only."""
    index: int
    pts: int
    time_base: Fraction
    duration: int | None
    restored: bool
    """Something was put back in this very picture."""

    __slots__ = ("duration", "index", "planes", "pts", "restored", "time_base")

    def __init__(self, key: _RestorerKey, *, planes: Planes, stamp: Stamp, restored: bool) -> None:
        if key is not _RESTORER_KEY:
            raise TypeError("only the restorer can make an UnsealedFrame")
        check_planes(planes)
        for plane in planes:
            plane.setflags(write=False)
        set_once = super().__setattr__
        set_once("planes", planes)
        for name in ("index", "pts", "time_base", "duration"):
            set_once(name, getattr(stamp, name))
        set_once("restored", restored)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"an UnsealedFrame is immutable: {name} cannot be set")

    @property
    def width(self) -> int:
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        return int(self.planes[0].shape[0])

    def __repr__(self) -> str:
        what = "restored" if self.restored else "as it was"
        return f"<UnsealedFrame {self.index} pts={self.pts} {self.width}x{self.height} {what}>"
