"""Which faces are hidden: by size, turn, light, blur and what covers them, end to end on photos.

100 people (LFW, in scikit-image) in drawn rooms, up to a dozen in a picture; beside it pictures
without anybody, of which each one with a mask is false. Settings are the program's own.
"""

from __future__ import annotations

import math
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from footage_faces import PLACES, WIDTH, crowd, photographs
from footage_room import living_room, reception
from skimage import data

import stream_anon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from footage_faces import Corners, Picture

GREEN, NEAR = (0, 177, 64), 80.0
HIDDEN = 0.9
"""Share of a face's oval."""
EFFORTS = ("fast", "normal")
CASES: dict[str, dict[str, Any]] = {
    **{f"{n} px": {"pixels": n, "turn": 0} for n in (8, 10, 12, 16, 24)},
    **{f"{n} px, {90 * k}°": {"pixels": n, "turn": k} for n in (24, 64) for k in (1, 2)},
    "32 px": {"pixels": 32, "turn": 0},
    "32 px, a tenth of the light": {"pixels": 32, "turn": 0, "light": 0.1},
    "32 px, blurred by 0.4 widths": {"pixels": 32, "turn": 0, "blur": 0.4},
    "32 px, blurred by 0.8 widths": {"pixels": 32, "turn": 0, "blur": 0.8},
    "32 px, lower half covered": {"pixels": 32, "turn": 0, "covered": True},
}
OBJECTS = ("coffee", "chelsea", "rocket", "hubble_deep_field", "retina", "immunohistochemistry")
"""Pictures of scikit-image without a face of a person."""


def measure() -> dict[str, Any]:
    """Percent of the faces that are hidden, and of the empty pictures with a mask."""
    result: dict[str, Any] = {}
    print(f"{'faces':32}" + "".join(f"{effort:>9}" for effort in EFFORTS))
    for name, case in CASES.items():
        result[name] = {effort: _share(case, effort) for effort in EFFORTS}
        print(f"{name:32}" + "".join(f"{result[name][effort]:8.0f}%" for effort in EFFORTS))
    empty = list(_empty())
    for effort in EFFORTS:
        began = perf_counter()
        false = sum(bool(_green(_redacted(picture, effort)).sum() > NEAR) for picture in empty)
        each = (perf_counter() - began) / len(empty)
        result[f"false, {effort}"] = {"pictures": len(empty), "false": false, "seconds": each}
        print(f"{effort}: {false} of {len(empty)} empty pictures have a mask, {each:.2f} s each")
    return result


def _share(case: dict[str, Any], effort: str) -> float:
    per_picture = 4 if case["pixels"] > WIDTH / 16 else PLACES
    numbers = list(range(len(photographs())))
    hidden = 0
    for first in range(0, len(numbers), per_picture):
        picture, faces = crowd(people=numbers[first : first + per_picture], **case)
        green = _green(_redacted(picture, effort))
        hidden += sum(_hidden_share(green, face) >= HIDDEN for face in faces)
    return 100 * hidden / len(numbers)


def _redacted(picture: Picture, effort: str) -> Picture:
    color = "#{:02x}{:02x}{:02x}".format(*GREEN)
    return stream_anon.redact_picture(
        np.ascontiguousarray(picture[:, :, ::-1]),
        method="fill",
        settings={"redaction.color": color, "parsing.effort": effort},
    )


def _green(picture: Picture) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return np.linalg.norm(picture.astype(np.float32) - GREEN, axis=2) < NEAR


def _hidden_share(green: np.ndarray[Any, np.dtype[np.bool_]], face: Corners) -> float:
    x1, y1, x2, y2 = face
    left, top = max(0, math.floor(x1)), max(0, math.floor(y1))
    seen = green[top : math.ceil(y2) + 1, left : math.ceil(x2) + 1]
    oval = np.zeros(seen.shape, np.uint8)
    middle = round((x1 + x2) / 2) - left, round((y1 + y2) / 2) - top
    sides = max(1, round((x2 - x1) / 2)), max(1, round((y2 - y1) / 2))
    cv2.ellipse(oval, middle, sides, 0, 0, 360, 1, -1)
    return float(seen[oval > 0].mean()) if oval.any() else 0.0


def _empty() -> Iterator[Picture]:
    for number in range(20):
        room = reception(640, 360, number) if number % 2 else living_room(640, 360)
        noise = np.random.default_rng(number).normal(0, 2, room.wall.shape)
        yield np.clip(room.wall + noise, 0, 255).astype(np.uint8)
    for name in OBJECTS:
        picture = np.asarray(getattr(data, name)())[:, :, 2::-1]
        for turn in range(4):
            yield np.ascontiguousarray(np.rot90(picture, turn))
