"""Pictures whose content is known, and what a player shows of a decoded one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    Rgb: TypeAlias = NDArray[np.uint8]

SIZE = (320, 180)
BARS = (
    (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0),
    (191, 0, 191), (191, 0, 0), (0, 0, 191), (40, 40, 40),
)  # fmt: skip
"""75 % colour bars, left to right, as red, green and blue."""
BITS = 6
"""Binary digits of the frame number in the lower part of the picture, highest first."""
LIMITED, FULL = 1, 2
BT709, BT601 = 1, 6


def bars(index: int, size: tuple[int, int] = SIZE) -> Rgb:
    """Colour bars above, the frame number as black and white blocks below, RGB."""
    width, height = size
    picture = np.zeros((height, width, 3), np.uint8)
    edges = np.linspace(0, width, len(BARS) + 1).round().astype(int)
    for color, left, right in zip(BARS, edges, edges[1:], strict=False):
        picture[:, left:right] = color
    picture[height * 2 // 3 :] = 0
    edges = np.linspace(0, width, BITS + 1).round().astype(int)
    for bit, left, right in zip(range(BITS)[::-1], edges, edges[1:], strict=False):
        picture[height * 2 // 3 :, left:right] = 255 * (index >> bit & 1)
    return picture


def texture(index: int, size: tuple[int, int] = SIZE, seed: int = 1) -> Rgb:
    """Smooth noise that moves, RGB: damage anywhere in it shows."""
    width, height = size
    small = np.random.default_rng(seed).integers(30, 226, (height // 8 + 16, width // 8 + 24, 3))
    large = small.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    picture = large[index : index + height, 2 * index : 2 * index + width]
    assert picture.shape == (height, width, 3)
    return picture


def moving(index: int, size: tuple[int, int] = SIZE) -> Rgb:
    """A texture that moves slowly, with the frame number of `bars` in a narrow strip, RGB."""
    height = size[1]
    picture = texture(0, (size[0] + 64, height))[:, index : index + size[0]].copy()
    strip = slice(height * 4 // 5, height * 13 // 15)
    picture[strip] = bars(index, size)[strip]
    return picture


def number_shown(picture: Rgb) -> int:
    """The frame number that `bars` wrote into a picture."""
    height, width, _ = picture.shape
    row = picture[height * 5 // 6]
    centres = [round(width * (bit + 0.5) / BITS) for bit in range(BITS)]
    return int("".join("01"[int(row[at].mean() > 127)] for at in centres), 2)


def bar_colors(picture: Rgb) -> NDArray[np.float64]:
    """Mean colour in the middle of each bar, shape (8, 3)."""
    height, width, _ = picture.shape
    rows = slice(height // 6, height // 2)
    centres = [round(width * (bar + 0.5) / len(BARS)) for bar in range(len(BARS))]
    reach = max(1, width // 40)
    return np.array([picture[rows, at - reach : at + reach].mean(axis=(0, 1)) for at in centres])


_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 2: (0.299, 0.114)}
"""Weights of red and blue in luma, by H.273 matrix."""


def to_rgb(picture: av.VideoFrame) -> Rgb:
    """What a player shows, by the picture's own tags; the formulas of H.273, not libswscale."""
    name = picture.format.name
    if picture.format.is_rgb or name == "pal8":
        return cast("Rgb", picture.to_ndarray(format="rgb24"))
    full = picture.color_range == FULL or name.startswith("yuvj")
    if name.startswith("gray"):
        shift = 2.0 ** (picture.format.components[0].bits - 8)
        luma = _luma(_plane(picture, 0) / shift, full or picture.color_range != LIMITED)
        return np.clip(np.stack([luma] * 3, axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)
    depth = picture.format.components[0].bits
    planes = [_plane(picture, number) / 2.0 ** (depth - 8) for number in range(3)]
    luma = _luma(planes[0], full)
    rows, columns = luma.shape
    cb, cr = (
        plane.repeat(-(-rows // plane.shape[0]), axis=0).repeat(
            -(-columns // plane.shape[1]), axis=1
        )[:rows, :columns]
        for plane in planes[1:]
    )
    span = 255.0 if full else 224.0
    cb, cr = (cb - 128) / span, (cr - 128) / span
    red_weight, blue_weight = _WEIGHTS[int(picture.colorspace)]
    red = luma + 2 * (1 - red_weight) * cr
    blue = luma + 2 * (1 - blue_weight) * cb
    green = (luma - red_weight * red - blue_weight * blue) / (1 - red_weight - blue_weight)
    return np.clip(np.stack([red, green, blue], axis=-1) * 255 + 0.5, 0, 255).astype(np.uint8)


def _luma(plane: NDArray[Any], full: bool) -> NDArray[np.float64]:
    return plane / 255.0 if full else (plane - 16.0) / 219.0


def _plane(picture: av.VideoFrame, number: int) -> NDArray[np.float64]:
    plane = picture.planes[number]
    deep = picture.format.components[0].bits > 8
    values = np.frombuffer(bytes(plane), np.uint16 if deep else np.uint8)
    rows = values.reshape(plane.height, -1)
    return rows[:, : plane.width].astype(np.float64)
