"""A smooth surface over what is hidden, drawn from the pixels around it and from nothing else.

The hole is filled by the harmonic surface that continues its rim (Laplace's equation with the known
pixels as boundary values, as in Perez, Gangnet and Blake, "Poisson Image Editing", 2003, without a
guiding field), solved coarse to fine on a small grid of averages and enlarged: soft as a strong
blur.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes

GRID = 20
"""Cells across the longer side of what is solved."""
SAMPLES = 3
"""Pixels along each side of a cell that are averaged; more would look the same and cost more."""
SMOOTH = 4
"""Times that a surface is enlarged smoothly; from there on, straight lines look the same."""
RELAX = 3
"""Passes of relaxation on each level: coarser levels have done most of it."""
RIM = 0.14
"""Share of the longer side that is read on each side, at first."""
MIN_KNOWN = 0.5
"""Share of the rim that nothing may hide; where more is hidden, a wider one is read."""
WIDEST = 3
"""Times that the rim is widened before the whole frame is read."""
TINY = np.float32(1e-4)
"""Shares of a cell below this are none."""
_NEIGHBOURS = np.array([[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]], np.float32)


class Window(NamedTuple):
    """A rectangle of the chroma planes."""

    top: int
    bottom: int
    left: int
    right: int


class Membrane:
    """The surface over one window, for all three planes."""

    def __init__(self, window: Window, surface: NDArray[np.uint8] | None) -> None:
        """Args: surface: (rows, columns, 3) of Y, U and V; None where nothing was known."""
        self._window = window
        self._surface = surface

    @classmethod
    def over(cls, planes: Planes, hidden: NDArray[np.bool_], place: Window) -> Membrane:
        """Read what is around a place.

        Args:
            planes: Y, U and V of 4:2:0, uint8.
            hidden: of the chroma planes' size; True where neither their pixels nor the luma pixels
                on even rows and columns may have any influence.
            place: what is to be drawn over.
        """
        window = _window(hidden, place)
        rows, columns = slice(window.top, window.bottom), slice(window.left, window.right)
        luma, u, v = planes
        side = max(1, -(-max(window.bottom - window.top, window.right - window.left) // GRID))
        step = max(1, side // SAMPLES)
        open_ = ~hidden[rows, columns][::step, ::step]
        parts = (luma[::2, ::2], u, v)
        sampled = [np.ascontiguousarray(p[rows, columns][::step, ::step]) for p in parts]
        pixels = np.asarray(cv2.merge(sampled), np.uint8)
        across, down = open_.shape[1] * step / side, open_.shape[0] * step / side
        cells = max(1, round(across)), max(1, round(down))
        values, known = _averages(pixels, open_, cells)
        if not known.any():
            return cls(window, None)
        grid = (SMOOTH * cells[0], SMOOTH * cells[1])
        surface = cv2.resize(_solved(values, known), grid, interpolation=cv2.INTER_CUBIC)
        return cls(window, np.rint(np.clip(surface, 0, 255)).astype(np.uint8))

    def draw(self, which: int, rows: slice, columns: slice, otherwise: int) -> Plane:
        """The surface on a rectangle of one plane.

        Args:
            which: 0 for Y, 1 for U, 2 for V.
            rows: of the rectangle, in pixels of that plane.
            columns: of the rectangle.
            otherwise: the level where nothing was known.

        Returns:
            uint8, of the rectangle's size.
        """
        size = (rows.stop - rows.start, columns.stop - columns.start)
        if self._surface is None:
            return np.full(size, otherwise, np.uint8)
        scale = 1 if which else 2
        top, bottom, left, right = (scale * edge for edge in self._window)
        cells = np.ascontiguousarray(self._surface[:, :, which])
        drawn = cv2.resize(cells, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        y, x = rows.start - top, columns.start - left
        return np.ascontiguousarray(drawn[y : y + size[0], x : x + size[1]])


def _window(hidden: NDArray[np.bool_], place: Window) -> Window:
    """The place with as much around it as shows enough that is not hidden."""
    height, width = hidden.shape
    tall, wide = place.bottom - place.top, place.right - place.left
    rim = max(2, round(RIM * max(tall, wide)))
    for _ in range(WIDEST):
        top, bottom = max(0, place.top - rim), min(height, place.bottom + rim)
        left, right = max(0, place.left - rim), min(width, place.right + rim)
        around = (bottom - top) * (right - left) - tall * wide
        shown = hidden[top:bottom, left:right]
        # What is known within the place, beyond the corners of a round mask, counts too.
        known = shown.size - int(np.count_nonzero(shown))
        if around and known >= MIN_KNOWN * around:
            return Window(top, bottom, left, right)
        rim *= 2
    return Window(0, height, 0, width)


def _averages(
    pixels: NDArray[np.uint8], open_: NDArray[np.bool_], cells: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Averages of what is known, on a grid of square cells, and which of them know anything."""
    shares = open_.astype(np.float32)
    weights = cv2.resize(shares, cells, interpolation=cv2.INTER_AREA)
    sums = cv2.resize(pixels * shares[:, :, None], cells, interpolation=cv2.INTER_AREA)
    known = np.asarray(weights > TINY)
    return _means(sums, weights), known


def _means(sums: Any, weights: Any) -> NDArray[np.float32]:
    return np.asarray(sums / np.maximum(weights, TINY)[:, :, None], np.float32)


def _solved(values: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Continue the known values over the rest; at least one is known.

    Args:
        values: (rows, columns, 3), 0 where they are not known.
        known: (rows, columns).
    """
    if known.all():
        return values
    rows, columns = known.shape
    half = ((columns + 1) // 2, (rows + 1) // 2)
    weights = cv2.resize(known.astype(np.float32), half, interpolation=cv2.INTER_AREA)
    coarse = np.asarray(weights > TINY)
    sums = cv2.resize(values, half, interpolation=cv2.INTER_AREA)
    means = _solved(_means(sums, weights), coarse)
    guess = cv2.resize(means, (columns, rows), interpolation=cv2.INTER_LINEAR)
    fixed = known[:, :, None]
    surface = np.where(fixed, values, guess)
    for _ in range(RELAX):
        surface = cv2.filter2D(surface, -1, _NEIGHBOURS, borderType=cv2.BORDER_REPLICATE)
        np.copyto(surface, values, where=fixed)
    return np.asarray(surface, np.float32)
