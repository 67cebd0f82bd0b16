"""A contact sheet: a picture of each person with a number and a few words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

ACROSS = 6
"""Cells in a row, at most."""
WIDTH, HEIGHT = 220, 260
"""Of a cell, in pixels."""
TITLE, LINE, GAP = 34, 17, 8
MOST_LINES = 3
NIGHT, PALE, JOINED = (29, 25, 22), (235, 235, 235), (80, 180, 250)
"""Blue, green and red."""
FONT = cv2.FONT_HERSHEY_SIMPLEX
MOST_ENLARGED = 4.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture on the sheet."""

    number: int
    picture: NDArray[np.uint8]
    """Blue, green and red."""
    lines: Sequence[str]
    joined: bool = False
    """It is taken for an earlier one: marked."""


def draw_sheet(cells: Sequence[Cell]) -> NDArray[np.uint8]:
    """The sheet in blue, green and red; it says so where there is nobody."""
    across = min(ACROSS, max(1, len(cells)))
    down = max(1, -(-len(cells) // across))
    sheet = np.full((down * HEIGHT, max(across, 2) * WIDTH, 3), NIGHT, np.uint8)
    if not cells:
        cv2.putText(sheet, "Nobody was found.", (GAP, TITLE), FONT, 0.7, PALE, 1, cv2.LINE_AA)
    for place, cell in enumerate(cells):
        row, column = divmod(place, across)
        view = sheet[row * HEIGHT :, column * WIDTH :][:HEIGHT, :WIDTH]
        _draw(view, cell)
    return sheet


def _draw(view: NDArray[np.uint8], cell: Cell) -> None:
    color = JOINED if cell.joined else PALE
    cv2.putText(view, str(cell.number), (GAP, TITLE - 8), FONT, 0.9, color, 2, cv2.LINE_AA)
    lines = cell.lines[:MOST_LINES]
    for n, line in enumerate(lines):
        at = GAP, HEIGHT - GAP - LINE * (len(lines) - 1 - n)
        cv2.putText(view, line, at, FONT, 0.38, color, 1, cv2.LINE_AA)
    room_x, room_y = WIDTH - 2 * GAP, HEIGHT - TITLE - LINE * MOST_LINES - 2 * GAP
    rows, columns = cell.picture.shape[:2]
    scale = min(room_x / columns, room_y / rows, MOST_ENLARGED)
    size = max(1, int(columns * scale)), max(1, int(rows * scale))
    shown = cv2.resize(cell.picture, size, interpolation=cv2.INTER_AREA)
    view[TITLE : TITLE + size[1], GAP : GAP + size[0]] = shown
    if cell.joined:
        corner = GAP + size[0], TITLE + size[1]
        cv2.rectangle(view, (GAP, TITLE), corner, JOINED, 2)
