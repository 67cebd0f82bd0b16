"""How a picture has to be turned and mirrored to be seen as a player shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type

from stream_anon.sources.decoding.filtering import chain

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane


UNKNOWN_KINDS = 8
"""Kinds of side data that FFmpeg may have and PyAV not know."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """One of the eight ways to lay a rectangle: first transposed, then mirrored."""

    transposed: bool = False
    """Rows become columns."""
    mirrored_across: bool = False
    """Left and right change places."""
    mirrored_down: bool = False
    """Top and bottom change places."""

    @classmethod
    def of(cls, picture: av.VideoFrame) -> Orientation:
        """What the picture's display matrix asks for, to the nearest quarter turn.

        FFmpeg's matrix takes the point (p, q) of the coded picture, q downwards, to
        (a p + c q, b p + d q) on the screen; it is stored as a, b, u, c, d, v, x, y, w.
        """
        data = _display_matrix(picture)
        if data is None:
            return cls()
        a, b, _, c, d, *_ = (int(value) for value in np.frombuffer(data, np.int32))
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(mirrored_across=a < 0, mirrored_down=d < 0)
        return cls(transposed=True, mirrored_across=c < 0, mirrored_down=b < 0)

    def upright(self, plane: Plane) -> Plane:
        """The plane as a player shows it; the same memory where nothing is to be done."""
        if self.transposed:
            plane = cast("Plane", cv2.transpose(plane))
        if self.mirrored_across or self.mirrored_down:
            both = self.mirrored_across and self.mirrored_down
            plane = cast("Plane", cv2.flip(plane, -1 if both else int(self.mirrored_across)))
        plane.setflags(write=False)
        return plane


def side_data_of(picture: av.VideoFrame) -> Any:
    """The side data of a picture, by their types."""
    try:
        return picture.side_data
    except ValueError:  # PyAV 18 refuses to list kinds that it does not know, such as EXIF
        return _known_kinds_only(picture).side_data


def _display_matrix(picture: av.VideoFrame) -> bytes | None:
    data = side_data_of(picture).get(Type.DISPLAYMATRIX)
    return None if data is None else bytes(data)


def _known_kinds_only(picture: av.VideoFrame) -> av.VideoFrame:
    newest = max(int(cast("Any", kind).value) for kind in Type)
    unknown = range(newest + 1, newest + 1 + UNKNOWN_KINDS)
    graph = chain(picture, *(("sidedata", f"mode=delete:type={kind}") for kind in unknown))
    graph.push(picture)
    return cast("av.VideoFrame", graph.pull())
