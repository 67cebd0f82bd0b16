"""Pictures of small and turned faces of a dozen people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import footage_faces

if TYPE_CHECKING:
    from tests.acceptance import Seen

WIDTH, HEIGHT, PEOPLE = footage_faces.WIDTH, footage_faces.HEIGHT, footage_faces.PLACES


def crowd(pixels: float, turn: int, *, shift: float = 0.0) -> Seen:
    """A room with them in it: see `footage_faces.crowd`."""
    people = [1 + 8 * number for number in range(PEOPLE)]
    return footage_faces.crowd(pixels, turn, people, shift=shift)
