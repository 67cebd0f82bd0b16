"""What each method costs: three faces of 200 pixels in a 1080p frame, on decoded planes."""

from __future__ import annotations

import math
from fractions import Fraction
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.shapes import ellipse
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH, HEIGHT, SIDE = 1920, 1080, 200
FACES = ((300.0, 250.0), (900.0, 420.0), (1480.0, 610.0))


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds a frame, the median of all rounds; methods and the naive way take turns."""
    frame, parts = _frame(), _parts()
    ways: dict[str, Callable[[int], object]] = {"naive": lambda _: _naive(frame, parts)}
    for method in METHODS:
        redactor = Redactor(Redaction(method=method.name), ColorTags())

        def redact(number: int, redactor: Redactor = redactor) -> object:
            # It moves, so that nothing can be kept from frame to frame.
            moved = tuple(_moved(part, number) for part in parts)
            return redactor.redact(MaskedFrame(frame, moved))

        ways[method.name] = redact
    copying = Redactor(Redaction(), ColorTags())
    ways["copying alone"] = lambda _: copying.redact(MaskedFrame(frame, ()))
    times: dict[str, list[float]] = {name: [] for name in ways}
    with single_threaded_opencv:
        for number in range(rounds):
            for name, way in ways.items():
                began = perf_counter()
                way(number)
                times[name].append(1000 * (perf_counter() - began))
    figures = {name: round(median(found), 2) for name, found in times.items()}
    for name, found in figures.items():
        print(f"{name:14}{found:9.2f} ms{figures['naive'] / found:9.1f} x naive")
    return figures


def _frame() -> Frame:
    random = np.random.default_rng(0)

    def plane(rows: int, columns: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
        small = random.integers(0, 256, (rows // 8, columns // 8), np.uint8)
        return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC))

    half = (HEIGHT // 2, WIDTH // 2)
    return Frame((plane(HEIGHT, WIDTH), plane(*half), plane(*half)), 0, 0, Fraction(1, 25))


def _parts() -> list[Part]:
    boxes = [Box(x, y, 0.78 * SIDE, SIDE) for x, y in FACES]
    return [Part("face", box, ellipse(), 0.9, number) for number, box in enumerate(boxes)]


def _moved(part: Part, number: int) -> Part:
    box = part.box.moved(9 * math.sin(number / 5), 7 * math.cos(number / 7))
    return Part(part.label, box, part.mask, part.score, part.person)


def _naive(frame: Frame, parts: list[Part]) -> list[Any]:
    """What most programs do: blur the whole frame for each mask, and choose by pixel."""
    planes = [plane.copy() for plane in frame.planes]
    for part in parts:
        for which, plane in enumerate(planes):
            scale = 0.5 if which else 1.0
            mask = np.zeros(plane.shape, np.uint8)
            x, y = (round(scale * middle) for middle in part.box.center)
            axes = round(scale * part.box.width / 2), round(scale * part.box.height / 2)
            cv2.ellipse(mask, (x, y), axes, 0, 0, 360, 255, -1)
            planes[which] = np.where(mask > 0, cv2.GaussianBlur(plane, (51, 51), 0), plane)
    return planes
