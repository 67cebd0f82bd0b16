"""Made footage of a fixed camera: a room, and who is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from tests.stubs import StubParser, make_frame, make_info, make_plane, masker_of, nobody

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame, Plane
    from stream_anon.masking.masker import Masker

WIDTH, HEIGHT = 320, 192
RATE = 5
"""Frames per second."""
UNITS = 25 // RATE
"""Units of pts per frame."""
LEARN = 1.0
AFTER = round(LEARN * RATE) + 2
"""The first frame after the scene is known."""
SCOPE = frozenset({"moving", "face"})


def room(seed: int = 3) -> Plane:
    """With walls and furniture."""
    luma = make_plane(HEIGHT, WIDTH, pattern="texture", seed=seed)
    luma[120:170, 20:60] = 60
    luma[40:90, 250:300] = 110
    return luma


def somebody(luma: Plane, x: int, *, top: int = 60) -> Plane:
    """The picture with a person at `x`: a head with hair, and a body that is 30 pixels wide."""
    drawn = luma.copy()
    cv2.rectangle(drawn, (x - 15, top + 18), (x + 15, HEIGHT - 10), 40, -1)
    cv2.circle(drawn, (x, top + 10), 9, 20, -1)  # hair
    cv2.circle(drawn, (x, top + 12), 6, 190, -1)
    return drawn


def place_of(x: int, *, top: int = 60) -> list[Box]:
    """Where that person is in the picture: body and head."""
    boxes = [Box(x - 15, top + 18, 31, HEIGHT - 28 - top), Box(x - 6, top + 4, 13, 13)]
    inside = []
    for box in boxes:
        left, right = max(0.0, box.x), min(float(WIDTH), box.x + box.width)
        if right > left:
            inside.append(Box(left, box.y, right - left, box.height))
    return inside


def filmed(
    lumas: Iterable[Plane], *, first: int = 0, discontinuity: int | None = None, noise: float = 0.0
) -> list[Frame]:
    """Frames of these pictures, five a second."""
    rng = np.random.default_rng(5)
    frames = []
    for index, luma in enumerate(lumas, first):
        grainy = np.clip(np.rint(luma + rng.normal(0, noise, luma.shape)), 0, 255).astype(np.uint8)
        frames.append(
            make_frame(
                WIDTH,
                HEIGHT,
                index,
                luma=grainy if noise else luma.copy(),
                pts=index * UNITS,
                discontinuity=index == discontinuity,
            )
        )
    return frames


def scene_masker(
    parser: StubParser | None = None,
    *,
    hidden: frozenset[str] = SCOPE,
    live: bool = False,
    **overrides: object,
) -> Masker:
    values: dict[str, object] = {"background.learn": LEARN}
    values |= {key.replace("__", "."): value for key, value in overrides.items()}
    stub = StubParser(nobody) if parser is None else parser
    return masker_of(stub, make_info(WIDTH, HEIGHT), values, hidden=hidden, live=live)


def masked(
    frames: list[Frame], parser: StubParser | None = None, **how: object
) -> list[MaskedFrame]:
    """Every frame with what moves in it."""
    return list(scene_masker(parser, **how).masks(iter(frames)))  # type: ignore[arg-type]


def hidden_pixels(frame: MaskedFrame) -> NDArray[np.bool_]:
    """(rows, columns): True where the masks of a frame are."""
    if isinstance(frame.parts, Unknown):
        return np.ones((HEIGHT, WIDTH), bool)
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for part in frame.parts:
        _stamp(pixels, part)
    return pixels


def _stamp(pixels: NDArray[np.bool_], part: Part) -> None:
    x, y, width, height = (round(v) for v in part.box)
    mask = cv2.resize(part.mask, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    left, top = max(0, -x), max(0, -y)
    seen = mask[top : HEIGHT - y, left : WIDTH - x]
    pixels[y + top : y + top + seen.shape[0], x + left : x + left + seen.shape[1]] |= seen


def written(path: Path, lumas: Iterable[Plane]) -> Path:
    """A recording of these pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"crf": "12", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for luma in lumas:
            gray = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
            planes = np.vstack([luma, gray])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        container.mux(stream.encode(None))
    return path


def is_hidden(frame: MaskedFrame, boxes: Iterable[Box]) -> bool:
    """Whether every pixel of these is hidden."""
    pixels = hidden_pixels(frame)
    return all(
        pixels[int(b.y) : int(b.y + b.height), int(b.x) : int(b.x + b.width)].all() for b in boxes
    )


def share(frame: MaskedFrame) -> float:
    """Of the picture that is hidden."""
    return float(hidden_pixels(frame).mean())


def lit(luma: Plane, field: NDArray[np.float64] | float) -> Plane:
    """In another light."""
    return np.clip(np.rint((luma.astype(np.float64) - 16) * field + 16), 0, 255).astype(np.uint8)


def lamp(strength: float, middle: tuple[float, float] = (0.3, 0.2)) -> NDArray[np.float64]:
    """(rows, columns): the gain of a lamp that hangs there and reaches over half of the room."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    far = np.hypot(x / WIDTH - middle[0], (y / HEIGHT - middle[1]) * HEIGHT / WIDTH)
    field: NDArray[np.float64] = 1 + strength * np.exp(-((far / 0.5) ** 2))
    return field


def trembling(luma: Plane, count: int, most: int = 2) -> list[Plane]:
    """The picture again and again, moved by up to `most` pixels."""
    rng = np.random.default_rng(2)
    steps = [(0, 0), *(tuple(rng.integers(-most, most + 1, 2)) for _ in range(count - 1))]
    return [moved(luma, int(x), int(y)) for x, y in steps]


def moved(luma: Plane, x: int, y: int) -> Plane:
    rim = max(abs(x), abs(y))
    padded = np.pad(luma, rim, mode="edge")
    return padded[rim - y : rim - y + HEIGHT, rim - x : rim - x + WIDTH].copy()
