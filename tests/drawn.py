"""Drawn licence plates and signs in a street of textures, with exact truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from tests.stubs import frame_of_rgb

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Box

    Picture = NDArray[np.uint8]
    Corners = NDArray[np.float32]

FONT = cv2.FONT_HERSHEY_DUPLEX


class Style(NamedTuple):
    """How a country's plates look. Colours are BGR."""

    width: int
    height: int
    """Millimetres, about."""
    text: str
    ink: tuple[int, int, int]
    ground: tuple[int, int, int]
    band: tuple[int, int, int] | None = None
    """The strip on the left with the country's letter."""


STYLES = {
    "germany": Style(520, 110, "B AD 4217", (20, 20, 20), (240, 242, 242), (150, 60, 10)),
    "britain": Style(520, 111, "LK71 XBD", (20, 20, 20), (30, 200, 245), (150, 60, 10)),
    "france": Style(520, 110, "FD-391-KW", (20, 20, 20), (245, 245, 245), (150, 60, 10)),
    "usa": Style(305, 152, "7TRG 902", (110, 40, 20), (240, 240, 235)),
    "china": Style(440, 140, "A 8K271", (245, 245, 245), (170, 70, 10)),
    "china-electric": Style(480, 140, "A D28163", (20, 20, 20), (140, 210, 120)),
    "india": Style(500, 120, "MH12 DE 1433", (20, 20, 20), (245, 245, 245)),
}


def plate(style: Style, *, scale: float = 1.0) -> Picture:
    """A plate from the front, (height, width, 3), BGR."""
    height, width = round(style.height * scale), round(style.width * scale)
    drawn = np.full((height, width, 3), style.ground, np.uint8)
    left = 0
    if style.band is not None:
        left = width // 12
        drawn[:, :left] = style.band
    cv2.rectangle(drawn, (2, 2), (width - 3, height - 3), style.ink, max(1, height // 40))
    room, tall = (width - left) * 0.86, height * 0.6
    thick = max(1, height // 12)
    (wide, high), _ = cv2.getTextSize(style.text, FONT, 1.0, thick)
    size = min(room / wide, tall / high)
    (wide, high), _ = cv2.getTextSize(style.text, FONT, size, thick)
    at = (left + (width - left - wide) // 2, (height + high) // 2)
    cv2.putText(drawn, style.text, at, FONT, size, style.ink, thick, cv2.LINE_AA)
    return drawn


def street(width: int, height: int, seed: int = 0) -> Picture:
    """A road, facades and a car's rear around the middle: nothing with letters on it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(80, 170, (height // 80 + 2, width // 80 + 2, 1)).astype(np.uint8)
    grey = cv2.GaussianBlur(cv2.resize(coarse, (width, height)), (0, 0), 3)
    scene = np.stack([grey + 6.0, grey * 1.0, grey - 4.0], 2)
    scene[height * 2 // 3 :] = (92, 90, 88)
    noise = random.normal(0, 6, scene.shape)
    return np.clip(scene + noise, 0, 255).astype(np.uint8)


def corners_at(
    style: Style, middle: tuple[float, float], width: float, *, yaw: float, roll: float
) -> Corners:
    """(4, 2): a plate's corners in the picture, from the top left one on, clockwise.

    Args:
        style: the plate.
        middle: where it is, in pixels.
        width: of the plate seen from the front, in pixels.
        yaw: degrees by which it is turned away; its far side becomes smaller.
        roll: degrees by which it is turned in the picture.
    """
    height = width * style.height / style.width
    turn, lean = np.radians(yaw), np.radians(roll)
    points = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64) * (width / 2, height / 2)
    depth = 1 + points[:, :1] * np.sin(turn) / (4 * width)
    seen = np.concatenate([points[:, :1] * np.cos(turn), points[:, 1:]], 1) / depth
    rotation = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    return np.asarray(seen @ rotation + middle, np.float32)


def corners_of(box: Box) -> Corners:
    """(4, 2): those of an upright box."""
    right, bottom = box.x + box.width, box.y + box.height
    return np.array([[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom]], np.float32)


def put(scene: Picture, drawn: Picture, corners: Corners) -> Picture:
    """The scene with a drawn plate, and a car's rear around it."""
    height, width = scene.shape[:2]
    high, wide = drawn.shape[:2]
    result = scene.copy()
    middle, reach = corners.mean(0), np.ptp(corners, 0).max()
    left, top = np.asarray(middle - np.array([1.1, 0.9]) * reach, int)
    right, bottom = np.asarray(middle + np.array([1.1, 0.5]) * reach, int)
    cv2.rectangle(result, (left, top), (right, bottom), (70, 52, 48), -1)
    cv2.rectangle(result, (left, top), (right, top + (bottom - top) // 3), (110, 105, 100), -1)
    from_front = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32)
    matrix = cv2.getPerspectiveTransform(from_front, corners)
    warped = cv2.warpPerspective(drawn, matrix, (width, height), flags=cv2.INTER_AREA)
    covered = cv2.warpPerspective(np.full((high, wide), 255, np.uint8), matrix, (width, height))
    share = covered[..., None] / 255.0
    return np.asarray(result * (1 - share) + warped * share, np.uint8)


def blurred(picture: Picture, length: int) -> Picture:
    """Motion blur across the picture, `length` pixels."""
    if length < 2:
        return picture
    return np.asarray(cv2.blur(picture, (length, 1)), np.uint8)


def inside(corners: Corners, width: int, height: int) -> NDArray[np.bool_]:
    """The pixels that show a plate."""
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1)
    return mask.astype(bool)


def drive_by(
    style: Style, width: int, height: int, count: int, *, seed: int = 0, blur: int = 0
) -> Iterator[tuple[Picture, Corners]]:
    """A car that comes closer and turns: pictures, BGR, and the truth; `blur` pixels of motion."""
    scene, drawn = street(width, height, seed), plate(style)
    for n in range(count):
        t = n / max(1, count - 1)
        middle = (width * (0.25 + 0.45 * t), height * (0.55 + 0.1 * t))
        wide = width * (0.06 + 0.12 * t)
        corners = corners_at(style, middle, wide, yaw=-35 + 60 * t, roll=-4 + 8 * t)
        yield blurred(put(scene, drawn, corners), blur), corners


def sign(lines: Sequence[str], width: int, height: int) -> Picture:
    """A sign with lines of text, dark on bright."""
    drawn = np.full((height, width, 3), 235, np.uint8)
    step = height / (len(lines) + 0.5)
    for n, line in enumerate(lines):
        thick = max(1, round(step / 14))
        (wide, high), _ = cv2.getTextSize(line, FONT, 1.0, thick)
        size = min(0.9 * width / wide, 0.6 * step / high)
        at = (round(0.05 * width), round((n + 0.9) * step))
        cv2.putText(drawn, line, at, FONT, size, (30, 30, 30), thick, cv2.LINE_AA)
    return drawn


def word(text: str, width: int, height: int) -> Picture:
    """A word that fills its sign."""
    (wide, high), below = cv2.getTextSize(text, FONT, 4.0, 10)
    drawn = np.full((high + below, wide, 3), 235, np.uint8)
    cv2.putText(drawn, text, (0, high + below // 2), FONT, 4.0, (30, 30, 30), 10, cv2.LINE_AA)
    return np.asarray(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def frame_of(picture: Picture, index: int = 0) -> Frame:
    """A frame of a picture."""
    return frame_of_rgb(np.ascontiguousarray(picture[..., ::-1]), index=index)
