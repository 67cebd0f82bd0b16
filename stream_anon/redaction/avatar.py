"""A drawn face, the same for everybody, or a picture of the user's, in place of who is hidden."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stream_anon.errors import ConfigError
from stream_anon.redaction.colors import planes_of
from stream_anon.redaction.methods import blur

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.config import Redaction
    from stream_anon.core.frame import ColorTags, Plane
    from stream_anon.redaction.spot import Spot

    Canvas = tuple[NDArray[np.uint8], ...]
    """Y, U, V and opacity, all of one size."""

FACES = {"face", "head"}
"""Parts that get a face; all others are blurred."""
WIDTH, HEIGHT = 240, 320
FINER = 4
"""Times that it is drawn larger, for smooth edges."""
LARGEST = 1024
"""Pixels along the longer side of the user's picture; a larger one is shrunk."""
SKIN, SHADE, INK, LIPS = "#c8b09a", "#b89e87", "#4a4039", "#9c7265"


def avatar(spot: Spot) -> Plane:
    """A face at the place, size and roll of the one that is hidden; nothing else of it is known."""
    if spot.part.label not in FACES:
        return blur(spot)
    size = (spot.opacity.shape[1], spot.opacity.shape[0])
    picture = _picture(spot.settings)
    canvas = _painted(picture, spot.color)
    back = _placement(spot, canvas[0].shape, whole=picture is not None)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    # Around the drawn face its rim goes on, under the soft edge.
    levels = np.asarray(
        cv2.warpAffine(canvas[spot.which], back, size, flags=how, borderMode=cv2.BORDER_REPLICATE),
        np.uint8,
    )
    if picture is None:
        return levels
    opacity = cv2.warpAffine(canvas[3], back, size, flags=how).astype(np.float32) / 255
    return np.asarray(cv2.blendLinear(levels, blur(spot), opacity, 1 - opacity), np.uint8)


def check_picture(settings: Redaction) -> None:
    """Refuse a picture that cannot be used, before anything is hidden with it.

    Raises:
        ConfigError: it cannot be.
    """
    _picture(settings)


def _placement(spot: Spot, shape: tuple[int, ...], *, whole: bool) -> NDArray[np.float64]:
    """From pixels of the spot to those of the canvas.

    Args:
        spot: where.
        shape: rows and columns of the canvas.
        whole: keep its proportions; a drawn face is as tall as its mask is.
    """
    box, scale = spot.part.box.grown(spot.part.spread, spot.part.spread), spot.scale
    wide, tall = box.width * scale / shape[1], box.height * scale / shape[0]
    if whole:
        wide = tall = min(wide, tall)
    x, y = box.center
    angle = math.radians(spot.part.roll)
    cos, sin = math.cos(angle), math.sin(angle)
    # The canvas, scaled, turned by the roll and set on the middle of the box; and back.
    middle_x, middle_y = x * scale - spot.columns.start - 0.5, y * scale - spot.rows.start - 0.5
    turn = np.array([[cos / wide, sin / wide], [-sin / tall, cos / tall]])
    shift = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2]) - turn @ [middle_x, middle_y]
    return np.hstack([turn, shift[:, None]])


@lru_cache(maxsize=1)
def _drawn() -> NDArray[np.float32]:
    """The face that everybody gets: RGB and opacity of 0..1."""
    wide, high = WIDTH * FINER, HEIGHT * FINER
    ink, solid = (
        np.full((high, wide, 3), _rgb(SHADE), np.float32),
        np.zeros((high, wide), np.float32),
    )

    def oval(color: str, x: float, y: float, across: float, down: float, **arc: float) -> None:
        middle = round(x * wide), round(y * high)
        axes = round(across * wide / 2), round(down * high / 2)
        line = round(arc.get("line", 0) * wide) or -1
        ends = arc.get("begin", 0.0), arc.get("end", 360.0)
        cv2.ellipse(ink, middle, axes, 0, *ends, _rgb(color), line)

    cv2.ellipse(
        solid, (wide // 2, high // 2), (wide // 2 - FINER, high // 2 - FINER), 0, 0, 360, 1, -1
    )
    oval(SKIN, 0.5, 0.49, 0.94, 0.95)
    for x in (0.31, 0.69):
        oval(INK, x, 0.45, 0.085, 0.075)
        oval(INK, x, 0.40, 0.2, 0.1, begin=205, end=335, line=0.016)
    oval(SHADE, 0.5, 0.57, 0.12, 0.08, begin=20, end=160, line=0.016)
    oval(LIPS, 0.5, 0.68, 0.32, 0.13, begin=25, end=155, line=0.022)
    all_of_it = np.dstack([ink, solid])
    return np.asarray(cv2.resize(all_of_it, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def _rgb(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _picture(settings: Redaction) -> Path | None:
    """The user's picture, looked at once."""
    if not settings.replace_with:
        return None
    path = Path(settings.replace_with)
    _loaded(path)
    return path


def _to_float(picture: Any) -> NDArray[Any]:
    return np.asarray(picture / (255 if picture.dtype == np.uint8 else 65535), np.float32)


@lru_cache(maxsize=4)
def _loaded(path: Path) -> NDArray[np.float32]:
    """RGB and opacity of 0..1."""
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        read = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the picture {path.name} of replace_with: {error}"
        ) from error
    except cv2.error:
        read = None
    if read is None or not read.size:
        raise ConfigError(f"{path.name}, of replace_with, is not a picture: name a PNG or a JPEG")
    scaled = _to_float(read)
    if scaled.ndim == 2:
        scaled = np.repeat(scaled[:, :, None], 3, axis=2)
    if scaled.shape[2] == 3:
        scaled = np.dstack([scaled, np.ones(scaled.shape[:2], np.float32)])
    by = LARGEST / max(scaled.shape[:2])
    if by < 1:
        columns, rows = (max(1, round(side * by)) for side in scaled.shape[1::-1])
        small = cv2.resize(scaled, (columns, rows), interpolation=cv2.INTER_AREA)
        scaled = np.asarray(small, np.float32)
    return np.ascontiguousarray(scaled[:, :, [2, 1, 0, 3]])


@lru_cache(maxsize=8)
def _painted(path: Path | None, color: ColorTags) -> Canvas:
    """The drawn face, or the user's picture, as planes."""
    picture = _drawn() if path is None else _loaded(path)
    opacity = np.rint(picture[:, :, 3] * 255).astype(np.uint8)
    return (*planes_of(picture[:, :, :3], color), opacity)
