"""Drawing zones on a still with the mouse: what clicks and keys do, and what is seen of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

import cv2
import numpy as np
from pydantic import ValidationError

from stream_anon.config import Zone
from stream_anon.sinks.window.window import PreviewWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Point = tuple[float, float]

KEYS = {
    "\r": "close",
    "\n": "close",
    "h": "hide",
    "i": "ignore",
    "u": "undo",
    "\b": "undo",
    "s": "save",
    "q": "quit",
    "\x1b": "quit",
}
"""Characters that mean something, and what."""
HELP = "click: corner  Enter: close  h/i: hide or ignore  u: undo  s: save  q: quit"
RAW = "Raw picture, shown here only and not stored."
COLORS = {"hide": (60, 60, 230), "ignore": (200, 160, 40)}
"""Blue, green and red."""
PALE, NIGHT = (235, 235, 235), (29, 25, 22)
FONT = cv2.FONT_HERSHEY_SIMPLEX
LINE = 22
"""Pixels of one line of text."""
TINT = 0.35
DIGITS = 4
"""Of a share of the picture."""


@dataclass(slots=True)
class ZoneEditor:
    """Zones that are being drawn: closed ones, and the corners of the one at hand."""

    zones: list[Zone] = field(default_factory=list)
    corners: list[Point] = field(default_factory=list)
    """Of the polygon at hand, as shares of the picture."""
    mode: Literal["hide", "ignore"] = "hide"
    """Of the polygon at hand."""
    said: str = ""
    """What the last key came to."""
    reopened: Zone | None = None
    """The zone that the polygon at hand was: it keeps its name and method."""

    def click(self, across: float, down: float) -> None:
        """Add a corner, by its place as shares of the picture; beyond its edge counts as on it."""
        point = tuple(round(min(1.0, max(0.0, value)), DIGITS) for value in (across, down))
        if not self.corners or self.corners[-1] != point:  # a double click is one
            self.corners.append((point[0], point[1]))
        self.said = ""

    def press(self, key: str) -> None:
        """Do what a key stands for; `save` and `quit` are for whoever shows the editor."""
        self.said = ""
        if key == "close":
            self._close()
        elif key == "undo":
            self._undo()
        elif key == "hide":
            self.mode = "hide"
        elif key == "ignore":
            self.mode = "ignore"

    @property
    def toml(self) -> str:
        """The closed zones, for a settings file."""
        return "\n".join(_table(zone) for zone in self.zones)

    def _close(self) -> None:
        if len(self.corners) < 3:
            self.said = "a zone has at least three corners"
            return
        before = self.reopened
        drawn = {
            "name": self._free_name() if before is None else before.name,
            "points": self.corners,
            "mode": self.mode,
            "method": None if before is None or self.mode == "ignore" else before.method,
        }
        try:
            zone = Zone.model_validate(drawn)
        except ValidationError as error:
            self.said = error.errors()[0]["msg"].removeprefix("Value error, ")
            return
        self.zones.append(zone)
        self.corners, self.reopened = [], None
        self.said = f"{zone.name}: {zone.mode}"

    def _free_name(self) -> str:
        taken = {zone.name for zone in self.zones}
        names = (f"zone-{n}" for n in range(1, len(taken) + 2))
        return next(name for name in names if name not in taken)

    def _undo(self) -> None:
        """Take the last corner back, or open the last zone again."""
        if self.corners:
            self.corners.pop()
            if not self.corners:
                self.reopened = None
        elif self.zones:
            zone = self.reopened = self.zones.pop()
            self.corners, self.mode = list(zone.points), zone.mode

    def drawn_on(self, still: Picture) -> Picture:
        """A copy of a picture (blue, green, red) with everything drawn, and a bar below it."""
        rows, columns = still.shape[:2]
        picture = still.copy()
        for zone in self.zones:
            placed = _placed(zone.points, columns, rows)
            tinted = picture.copy()
            cv2.fillPoly(tinted, [placed], COLORS[zone.mode])
            cv2.addWeighted(tinted, TINT, picture, 1 - TINT, 0, picture)
            cv2.polylines(picture, [placed], True, COLORS[zone.mode], 2, cv2.LINE_AA)
            x, y = (int(v) for v in placed.mean(axis=0))
            cv2.putText(picture, zone.name, (x - 30, y), FONT, 0.5, PALE, 1, cv2.LINE_AA)
        placed = _placed(self.corners, columns, rows)
        if len(placed):
            cv2.polylines(picture, [placed], False, COLORS[self.mode], 2, cv2.LINE_AA)
        for x, y in placed:
            cv2.circle(picture, (int(x), int(y)), 4, COLORS[self.mode], -1, cv2.LINE_AA)
        bar = np.full((2 * LINE + 8, columns, 3), NIGHT, np.uint8)
        for n, text in enumerate((f"{self.mode}: {self.said or RAW}", HELP)):
            at = 8, (n + 1) * LINE
            cv2.putText(bar, text, at, FONT, 0.45, PALE, 1, cv2.LINE_AA)
        return np.vstack([picture, bar])


def _placed(points: Iterable[Point], columns: int, rows: int) -> NDArray[np.int32]:
    shares = np.array(list(points), np.float64).reshape(-1, 2)
    return np.rint(shares * (columns, rows)).astype(np.int32)


def _table(zone: Zone) -> str:
    """One zone as TOML; what JSON quotes, TOML reads."""
    points = ", ".join(f"[{x:g}, {y:g}]" for x, y in zone.points)
    lines = [
        "[[redaction.zones]]",
        f"name = {json.dumps(zone.name, ensure_ascii=False)}",
        f"points = [{points}]",
        f'mode = "{zone.mode}"',
    ]
    if zone.method is not None:
        lines.append(f"method = {json.dumps(zone.method)}")
    return "\n".join(lines) + "\n"


class Canvas(Protocol):
    """The interface of the editor's window; see `EditorWindow`."""

    @property
    def is_open(self) -> bool: ...
    def show(self, picture: Picture, /) -> None: ...
    def pressed(self) -> list[str]: ...
    def clicked(self) -> list[tuple[int, int]]: ...


class EditorWindow(PreviewWindow):
    """A window that hears clicks and the keys of the editor."""

    keys: ClassVar = KEYS

    def __init__(self, title: str, width: int, height: int) -> None:
        super().__init__(title, width, height)
        self._clicks: list[tuple[int, int]] = []
        cv2.setMouseCallback(title, self._hear)

    def _hear(self, event: int, x: int, y: int, _flags: int, _given: object) -> None:
        if event == cv2.EVENT_LBUTTONDOWN:
            self._clicks.append((x, y))

    def clicked(self) -> list[tuple[int, int]]:
        """Where the picture was clicked on since the last time, in its pixels."""
        clicks, self._clicks = self._clicks, []
        return clicks


def edit(
    editor: ZoneEditor,
    still: Picture,
    window: Canvas,
    save: Callable[[str], None],
    rest: Callable[[], object],
) -> None:
    """Let somebody draw until they quit or close the window.

    Args:
        editor: with the zones that exist.
        still: blue, green and red.
        window: shows it.
        save: called with the zones as TOML each time that they are to be saved.
        rest: called between two looks at the window.
    """
    rows, columns = still.shape[:2]
    window.show(editor.drawn_on(still))
    while window.is_open:
        keys, clicks = window.pressed(), window.clicked()
        for x, y in clicks:
            if y < rows:  # the bar is below
                editor.click(x / columns, y / rows)
        for key in keys:
            if key == "quit":
                return
            editor.press(key)
            if key == "save":
                save(editor.toml)
                editor.said = f"saved: {len(editor.zones)}"
        if keys or clicks:
            window.show(editor.drawn_on(still))
        rest()
