"""The ways to hide a spot that read nothing of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.redaction.membrane import Membrane, Window

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane
    from stream_anon.redaction.spot import Spot

FONT = cv2.FONT_HERSHEY_DUPLEX
FONT_HEIGHT = 22.0
"""Pixels that a capital takes at scale 1."""
CAPTION = 0.28
"""Height of a caption as a share of its part's, where it is not too wide for that."""
CAPTION_WIDTH = 0.62
"""The most that it may take of the part's width."""
SMALLEST = 7.0
"""Pixels: smaller text cannot be read and is left out."""
LIGHT, DARK = "#e8e8e8", "#181818"


def blur(spot: Spot) -> Plane:
    """A smooth surface that continues what is around all that is hidden."""
    if "membrane" not in spot.shared:
        place = Window(*spot.coverage.place(spot.number))
        spot.shared["membrane"] = Membrane.over(spot.planes, spot.coverage.on_pairs, place)
    surface: Membrane = spot.shared["membrane"]
    return surface.draw(spot.which, spot.rows, spot.columns, spot.level)


def fill(spot: Spot) -> Plane:
    """The colour asked for, with the number or the label of the track where that is asked for."""
    drawn = np.full(spot.opacity.shape, spot.level, np.uint8)
    if text := caption_of(spot):
        _write(spot, drawn, text)
    return drawn


def caption_of(spot: Spot) -> str:
    """What is to be written on a part."""
    asked = spot.settings.caption
    if asked == "label":
        return spot.part.label.replace("_", " ")
    # Nobody's parts have no number.
    return str(spot.part.person) if asked == "number" and spot.part.person >= 0 else ""


def _write(spot: Spot, drawn: Plane, text: str) -> None:
    """In the middle of the part, in a colour without any colour: on luma alone."""
    if spot.which:
        return
    box, at = spot.part.box, (spot.columns.start, spot.rows.start)
    scale = CAPTION * box.height / FONT_HEIGHT
    (wide, _), _ = cv2.getTextSize(text, FONT, scale, 1)
    scale *= min(1.0, CAPTION_WIDTH * box.width / max(wide, 1))
    if scale * FONT_HEIGHT < SMALLEST:
        return
    thickness = max(1, round(1.6 * scale))
    (wide, high), _ = cv2.getTextSize(text, FONT, scale, thickness)
    x, y = box.center
    corner = (round(x - wide / 2 - at[0]), round(y + high / 2 - at[1]))
    ink = spot.paint(DARK if spot.level > (spot.paint(LIGHT) + spot.paint(DARK)) / 2 else LIGHT)
    cv2.putText(drawn, text, corner, FONT, scale, (ink,), thickness, cv2.LINE_AA)
