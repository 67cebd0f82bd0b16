"""The ways to hide a spot that read it: what they show still tells something of who is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.redaction.kept import GONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane
    from stream_anon.redaction.spot import Spot

LUMA_STEP = 16
"""Distance of the levels that a cell can have. Coarse on purpose: fine steps add up over time."""
CHROMA_STEP = 4
"""Finer than luma, which carries the face: coarser steps would tint skin green and purple."""
SAMPLES = 8
"""Pixels along each side of a cell that are averaged; more would look the same and cost more."""
SIGMA = 0.1
"""Of `gaussian`, as a share of the part's longer side."""
SHRUNK = 4.0
"""Pixels of sigma after shrinking: a wide blur of a large picture is a narrow one of a small."""
MIDDLE = 128
"""Chroma of grey."""


def pixelate(spot: Spot) -> Plane:
    """Cells of what is there, drawn flat."""
    return pixelated(spot.shown, spot.cell, spot.cell, CHROMA_STEP if spot.which else LUMA_STEP)


def gaussian(spot: Spot) -> Plane:
    """What is there behind a Gaussian blur."""
    box, shown = spot.part.box, spot.shown
    sigma = max(1.0, SIGMA * max(box.width, box.height) * spot.scale)
    height, width = shown.shape
    by = max(1.0, sigma / SHRUNK)
    small = (max(1, round(width / by)), max(1, round(height / by)))
    shrunk = cv2.resize(shown, small, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(shrunk, (0, 0), sigma / by, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def noise(spot: Spot) -> Plane:
    """Cells of what is there with noise that makes them differentially private.

    Fan, "Image Pixelization with Differential Privacy" (DBSec 2018): the averages of cells of b x b
    pixels, each with Laplace noise of scale 255 m / (b^2 epsilon), are epsilon-differentially
    private for pictures of the part that differ in at most m pixels.

    What is released is the track's first picture alone, and its cells are shown in all frames: a
    release for each frame would cost epsilon each, and the same noise on changing averages would
    show their differences. Colour is not released. So a track costs epsilon for each of its
    labels that is hidden, once, and a person that for each of their tracks, in all recordings.

    The limits: m pixels are what is protected, not a face; who differs in more is told apart more
    easily, by the ratio of the two. Noise is drawn in floating point (Mironov 2012).
    """
    if spot.which:
        return np.full(spot.opacity.shape, MIDDLE, np.uint8)
    kept, key = spot.track(), ("noise", spot.part.label)
    if GONE in kept:
        return np.full(spot.opacity.shape, spot.level, np.uint8)
    if key not in kept:
        kept[key] = _released(spot)
    height, width = spot.opacity.shape
    return np.asarray(cv2.resize(kept[key], (width, height), interpolation=cv2.INTER_NEAREST))


def _released(spot: Spot) -> NDArray[np.uint8]:
    settings, shown = spot.settings, spot.shown
    side = settings.noise_cell
    columns, rows = (max(1, extent // side) for extent in (shown.shape[1], shown.shape[0]))
    means = cv2.resize(shown.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    cell = shown.size / (rows * columns)
    # Each pixel has a share of 1 / cell in all averages together, wherever it lies.
    sensitivity = 255 * min(settings.noise_pixels, shown.size) / cell
    scale = sensitivity / settings.noise_epsilon
    drawn = _random(spot, "noise").laplace(0.0, scale, (rows, columns))
    return np.clip(np.rint(means + drawn), 0, 255).astype(np.uint8)


def stylize(spot: Spot) -> Plane:
    """A few shades of what is there, mixed with shades and swirls of the track's own."""
    steps = 3 if spot.which else 4
    height, width = spot.opacity.shape
    rough = cv2.resize(spot.shown, (5, 5), interpolation=cv2.INTER_AREA).astype(np.float32)
    own = spot.track().setdefault("stylize", _Own(_random(spot, "stylize")))
    mean, spread = float(rough.mean()), max(6.0, float(rough.std()))
    mixed = MIX * rough + (1 - MIX) * (mean + spread * own.shades[spot.which])
    stroke = max(1.0, spread * 2 / steps)
    flat = np.rint(mixed / stroke) * stroke
    size = (max(8, width // 4), max(8, height // 4))
    smooth = cv2.resize(np.clip(flat, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_CUBIC)
    x, y = own.swirl(size)
    swirled = cv2.remap(smooth, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(
        cv2.resize(swirled, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
    )


MIX = 0.35
"""Share of what is there in what `stylize` shows."""
SWIRLS, TURN = 5, 2.2
"""How many, and by how many radians in their middles."""


class _Own:
    """The shades and swirls of a track."""

    def __init__(self, random: np.random.Generator) -> None:
        self.shades = random.normal(0, 1, (3, 5, 5)).astype(np.float32)
        self._middles = random.uniform(0.1, 0.9, (SWIRLS, 2))
        self._turns = random.uniform(-TURN, TURN, SWIRLS)

    def swirl(self, size: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Where each pixel of a picture of `size`, width and height, is taken from."""
        width, height = size
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        u, v = x / width, y / height
        for (middle_x, middle_y), turn in zip(self._middles, self._turns, strict=True):
            dx, dy = u - middle_x, v - middle_y
            angle = turn * np.exp(-(dx * dx + dy * dy) / 0.05)
            cos, sin = np.cos(angle), np.sin(angle)
            u, v = middle_x + cos * dx - sin * dy, middle_y + sin * dx + cos * dy
        return (u * width).astype(np.float32), (v * height).astype(np.float32)


def _random(spot: Spot, purpose: str) -> np.random.Generator:
    """Belongs to the track and the label, and to this run alone."""
    names = [*purpose.encode(), 0, *spot.part.label.encode()]
    return np.random.default_rng([spot.secret, spot.seed, *names])


def cell_means(plane: Plane, cell_width: float, cell_height: float, step: int) -> Plane:
    """Average `plane` to cells of about the given size in pixels and quantise them by `step`.

    Returns:
        uint8 of height // cell_height rows and width // cell_width columns, at least one of each:
        cells come out larger than asked for, never smaller.
    """
    height, width = plane.shape
    columns = max(1, min(width, int(width / cell_width)))
    rows = max(1, min(height, int(height / cell_height)))
    stride_x = max(1, width // columns // SAMPLES)
    stride_y = max(1, height // rows // SAMPLES)
    sampled = np.ascontiguousarray(plane[::stride_y, ::stride_x])
    means = cv2.resize(sampled, (columns, rows), interpolation=cv2.INTER_AREA)
    levels = (means.astype(np.int16) + step // 2) // step * step  # 128, no colour, stays 128
    return np.minimum(levels, 255).astype(np.uint8)


def pixelated(plane: Plane, cell_width: float, cell_height: float, step: int) -> Plane:
    """Cells drawn as flat rectangles."""
    cells, size = cell_means(plane, cell_width, cell_height, step), (plane.shape[1], plane.shape[0])
    return np.asarray(cv2.resize(cells, size, interpolation=cv2.INTER_NEAREST), np.uint8)
