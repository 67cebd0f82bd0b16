"""Videos that a test camera shows: real people where real footage is at hand, else the demo's."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any, Final

import av
import cv2
import numpy as np
from footage import make_footage

from tests.runs import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    Image = NDArray[np.uint8]
    Faces = dict[int, tuple[float, float, float, float]]

SIZE: Final = (1280, 720)
RATE: Final = 25
GOP: Final = 25
BITS, CHECK_BITS = 12, 4
CELL = 16
MARGIN = 8


@dataclass(frozen=True, slots=True)
class ServingClip:
    """A video for a test camera, and the truth about it."""

    path: Path
    width: int
    height: int
    rate: int
    frames: int
    faces: list[Faces]
    """For each frame, person → box (x1, y1, x2, y2) of the face in pixels."""
    real: bool
    """Whether it shows real people."""


def serving_clip(
    folder: Path,
    name: str = "walk",
    *,
    seconds: float = 20.0,
    size: tuple[int, int] = SIZE,
    rate: int = RATE,
) -> ServingClip:
    """Make a video for a test camera: H.264, a keyframe after `GOP` frames, no B-frames.

    It goes forward and backward, so that nothing jumps where the server starts over, and each frame
    carries its number, which `read_number` finds. Made once for a folder.

    Args:
        folder: where it is kept.
        name: which of the shared clips; the demo's footage where there are none, or for "demo".
        seconds: about how long.
        size: width and height in pixels.
        rate: frames a second.
    """
    truth_file = SHARED / "clips" / "truth.json"
    real = name != "demo" and truth_file.is_file()
    if real:
        images, faces = _shared(name, json.loads(truth_file.read_text())[name], size)
    else:
        images, faces = _demo(folder, size)
    order = _forth_and_back(len(images), seconds * rate)
    shape = f"{size[0]}x{size[1]}-{len(order)}-{rate}"
    path = folder / f"{name if real else 'demo'}-{shape}.mp4"
    if not path.is_file():
        write_numbered(path, (images[k] for k in order), size, rate)
    return ServingClip(path, *size, rate, len(order), [faces[k] for k in order], real)


def _forth_and_back(count: int, frames: float) -> list[int]:
    once = [*range(count), *range(count - 2, 0, -1)]
    rounds = max(1, round(frames / len(once)))
    return list(islice(cycle(once), min(rounds * len(once), 1 << BITS)))


def _shared(name: str, truth: dict[str, Any], size: tuple[int, int]) -> tuple[list[Image], Any]:
    """Scaled to the full height; what is missing at the sides is mirrored."""
    path = next(path for path in (SHARED / "clips").iterdir() if path.stem == name)
    with av.open(str(path)) as container:
        images = [_fit(f.to_ndarray(format="bgr24"), size) for f in container.decode(video=0)]
    scale = min(size[0] / truth["width"], size[1] / truth["height"])
    left = (size[0] - round(truth["width"] * scale)) // 2
    top = (size[1] - round(truth["height"] * scale)) // 2
    faces: list[Faces] = [{} for _ in images]
    for person, track in enumerate(truth["tracks"]):
        for index, x1, y1, x2, y2 in track:
            box = (left + x1 * scale, top + y1 * scale, left + x2 * scale, top + y2 * scale)
            faces[index][person] = box
    return images, faces


def _fit(image: Any, size: tuple[int, int]) -> Image:
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (round(width * scale), round(height * scale))
    image = cv2.resize(image, inner, interpolation=cv2.INTER_CUBIC)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    right, bottom = size[0] - inner[0] - left, size[1] - inner[1] - top
    return np.asarray(
        cv2.copyMakeBorder(image, top, bottom, left, right, cv2.BORDER_REFLECT), np.uint8
    )


def _demo(folder: Path, size: tuple[int, int]) -> tuple[list[Image], list[Faces]]:
    path = folder / f"footage-{size[0]}x{size[1]}.mp4"
    made = make_footage(path, width=size[0], height=size[1], seconds=4.0, rate=RATE, sound=False)
    with av.open(str(path)) as container:
        images = [_fit(f.to_ndarray(format="bgr24"), size) for f in container.decode(video=0)]
    return images, [dict(faces) for faces in made.faces]


def write_numbered(
    path: Path, images: Iterable[Image], size: tuple[int, int], rate: int = RATE
) -> None:
    """Write a video for a test camera: each frame carries its number."""
    part = path.with_suffix(".part")
    options = {"preset": "superfast", "crf": "20", "bf": "0", "g": str(GOP), "sc_threshold": "0"}
    with av.open(str(part), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, rate)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(with_number(image, number), "bgr24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    part.rename(path)


# -- the number of a frame, as a row of dark and bright squares in its lower left corner ----------


def with_number(image: Image, number: int) -> Image:
    """The image, with a number that survives encoding and scaling of brightness."""
    image = image.copy()
    code = number << CHECK_BITS | _check(number)
    bottom = image.shape[0] - MARGIN
    for place in range(BITS + CHECK_BITS):
        left = MARGIN + place * CELL
        bright = code >> place & 1
        image[bottom - CELL : bottom, left : left + CELL] = 215 if bright else 40
    return image


def read_number(luma: Image) -> int | None:
    """The number of a frame of `serving_clip`; None where it cannot be read."""
    bottom, code, half = luma.shape[0] - MARGIN, 0, CELL // 4
    for place in range(BITS + CHECK_BITS):
        left = MARGIN + place * CELL
        cell = luma[bottom - CELL + half : bottom - half, left + half : left + CELL - half]
        level = float(cell.mean())
        if 100 < level < 156:
            return None
        code |= (level > 128) << place
    number = code >> CHECK_BITS
    return number if code & ((1 << CHECK_BITS) - 1) == _check(number) else None


def number_of(frame: av.VideoFrame) -> int | None:
    """What `read_number` finds in a decoded frame."""
    return read_number(np.asarray(frame.to_ndarray(format="gray"), np.uint8))


def _check(number: int) -> int:
    return (number ^ number >> 4 ^ number >> 8 ^ 0b0101) & ((1 << CHECK_BITS) - 1)
