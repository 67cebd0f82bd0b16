"""The preview's overlay: one small status bar, and a help line with the keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from stream_anon.core.redacted import Unknown

    Picture = NDArray[np.uint8]
    Color = tuple[int, int, int]

# Blue, green, red.
PANEL_COLOR = (26, 22, 18)
TEXT_COLOR = (244, 242, 240)
FAINT = (176, 170, 164)
GREEN = (120, 205, 90)
AMBER = (60, 180, 250)
RED = (48, 48, 214)
BLUE = (206, 132, 48)

OPACITY = 0.72
LINES_PER_PICTURE = 44
"""Lines of this text that would fill the picture; small, and yet to be read from a chair."""
SMALLEST_FONT, LARGEST_FONT = 12, 26
"""Pixels of the text."""
BUILT_IN = hasattr(cv2, "FontFace")
"""Whether OpenCV brings outline fonts (from 5.0 on) or strokes only."""

HELP = {"q": "quit", "space": "freeze", "m": "method", "s": "scope", "+ -": "strength"}
DEBUG_HELP = {"d": "outlines", "r": "raw"}


class TextRun(NamedTuple):
    """A run of text in one style."""

    text: str
    color: Color = TEXT_COLOR
    pill: Color | None = None
    """Its background, if it is to stand out."""
    dot: Color | None = None
    """A light before it."""
    apart: bool = True
    """Whether it begins something new, with room before it."""


@dataclass(slots=True)
class Overlay:
    """State of the run to display; None where unknown."""

    state: str = "live"
    fps: float | None = None
    """Frames per second."""
    latency: float | None = None
    """Seconds from capture to here."""
    people: int | None = None
    """How many are hidden."""
    method: str | None = None
    scope: str | None = None
    mode: str | None = None
    strength: str | None = None
    frozen: bool = field(default=False, init=False)

    NAMES = ("state", "fps", "latency", "people", "method", "scope", "mode", "strength")

    def update(self, fields: dict[str, Any]) -> None:
        """Take over what is given, by name; what it does not know is left out."""
        for name in self.NAMES:
            if name in fields:
                value = fields[name]
                setattr(self, name, ", ".join(value) if isinstance(value, list) else value)

    @property
    def is_debug(self) -> bool:
        return self.mode == "debug"

    def runs(self, parts: int, whole: Unknown | None) -> list[TextRun]:
        """The bar from left to right, the most important first."""
        pills = [TextRun("DEBUG", pill=RED)] * self.is_debug + [
            TextRun("frozen", pill=BLUE)
        ] * self.frozen
        calm = self.state == "live" and whole is None
        said = self.state if whole is None or self.state != "live" else f"hidden: {whole.value}"
        runs = [*pills, TextRun(said, dot=GREEN if calm else AMBER)]
        if self.fps is not None:
            runs += _pair(f"{self.fps:.1f}", "fps")
        if self.latency is not None:
            runs += _pair(f"{1000 * self.latency:.0f}", "ms")
        count, what = (parts, "parts hidden") if self.people is None else (self.people, "hidden")
        if calm:
            runs += _pair(str(count), what)
        how = [word for word in (self.method, self.strength, self.scope) if word]
        return runs + [TextRun(word, FAINT) for word in how]


def _pair(value: str, what: str) -> list[TextRun]:
    return [TextRun(value), TextRun(what, FAINT, apart=False)]


def draw(
    picture: Picture,
    overlay: Overlay,
    *,
    parts: int = 0,
    whole: Unknown | None = None,
    help_shown: bool = False,
) -> None:
    """Write on a picture (BGR): the bar at the lower left, the keys at the lower right."""
    height, width = picture.shape[:2]
    size = min(max(height // LINES_PER_PICTURE, SMALLEST_FONT), LARGEST_FONT)
    room = width - 2 * size
    used = _draw_bar(picture, overlay.runs(parts, whole), size, room, at_left=True)
    if help_shown:
        keys = HELP | DEBUG_HELP if overlay.is_debug else HELP
        runs = [run for key, what in keys.items() for run in _pair(key, what)]
        _draw_bar(picture, runs, size, room - used - size, at_left=False)


def _draw_bar(
    picture: Picture, runs: Sequence[TextRun], size: int, room: int, *, at_left: bool
) -> int:
    """As many of the runs as there is room for; how wide that is."""
    runs = list(runs)
    while runs and _width_of(runs, size) > room:
        while not runs.pop().apart:  # a value without its unit says nothing
            pass
    if not runs:
        return 0
    wide, tall = _width_of(runs, size), 2 * size
    height, width = picture.shape[:2]
    left, top = (size if at_left else width - size - wide), height - size - tall
    if top < 0:
        return 0
    _panel(picture, (left, top, wide, tall), PANEL_COLOR, OPACITY, size // 2)
    x = left + size
    for number, run in enumerate(runs):
        x = _draw_run(picture, run, x + _gap(run, number, size), top, size)
    return wide


def _gap(run: TextRun, number: int, size: int) -> int:
    if number == 0:
        return 0
    return round((1.1 if run.apart else 0.3) * size)


def _width_of(runs: Iterable[TextRun], size: int) -> int:
    inner = sum(_gap(run, n, size) + _run_width(run, size) for n, run in enumerate(runs))
    return inner + 2 * size


def _run_width(run: TextRun, size: int) -> int:
    more = size if run.pill or run.dot else 0
    return _text_width(run.text, size) + more


def _draw_run(picture: Picture, run: TextRun, x: int, top: int, size: int) -> int:
    """Draw one; where it ends."""
    end = x + _run_width(run, size)
    if run.pill:
        tall = round(1.4 * size)
        box = (x, top + (2 * size - tall) // 2, end - x, tall)
        _panel(picture, box, run.pill, 1.0, tall // 2)
        x += size // 2
    elif run.dot:
        center = (round((x + 0.3 * size) * 16), (top + size) * 16)
        cv2.circle(picture, center, round(0.28 * size * 16), run.dot, -1, cv2.LINE_AA, 4)
        x += size
    _write(picture, run.text, (x, top + round(1.36 * size)), run.color, size)
    return end


def _panel(
    picture: Picture, box: tuple[int, int, int, int], color: Color, opacity: float, radius: int
) -> None:
    """A rounded, translucent box."""
    x, y, wide, tall = box
    shape = np.zeros((tall, wide), np.uint8)
    reach = ((radius, 0, wide - radius - 1, tall - 1), (0, radius, wide - 1, tall - radius - 1))
    for left, top, right, bottom in reach:
        cv2.rectangle(shape, (left, top), (right, bottom), (255,), -1)
    for cx in (radius, wide - radius - 1):
        for cy in (radius, tall - radius - 1):
            cv2.circle(shape, (cx, cy), radius, (255,), -1, cv2.LINE_AA)
    area = picture[y : y + tall, x : x + wide]
    alpha = (shape[..., None] * np.float32(opacity / 255)).astype(np.float32)
    area[:] = (area * (1 - alpha) + np.array(color, np.float32) * alpha + 0.5).astype(np.uint8)


# -- letters ----------------------------------------------------------------------------------


def _write(picture: Picture, text: str, base: tuple[int, int], color: Color, size: int) -> None:
    if BUILT_IN:
        cv2.putText(picture, text, base, color, cv2.FontFace("uni"), size)
    else:
        font, scale = cv2.FONT_HERSHEY_SIMPLEX, size / 30
        cv2.putText(picture, _plain(text), base, font, scale, color, 1, cv2.LINE_AA)


def _text_width(text: str, size: int) -> int:
    if BUILT_IN:
        limit, font = (1 << 14, 1 << 10), cast("Any", cv2.FontFace("uni"))
        _, _, width, _ = cv2.getTextSize(limit, text, (0, 0), font, size)
        return int(width)
    (width, _), _ = cv2.getTextSize(_plain(text), cv2.FONT_HERSHEY_SIMPLEX, size / 30, 1)
    return int(width)


def _plain(text: str) -> str:
    return text.encode("ascii", "replace").decode()
