"""What has changed since the parser saw the picture is hidden, however small it is."""

from __future__ import annotations

import numpy as np
import pytest

from stream_anon.config import Keyframes
from stream_anon.core.parts import Box
from stream_anon.masking.motion import Thumbnail, largest_change, thumbnail
from stream_anon.masking.unparsed import changed_outside
from tests.stubs import make_frame, make_plane

THRESHOLD = Keyframes().still


def thumbnails(x: int, y: int, size: tuple[int, int]) -> tuple[Thumbnail, Thumbnail]:
    """Of a picture without and with a single thumbnail pixel at `x, y` that is much lighter."""
    luma = make_plane(size[1], size[0], value=100)
    newcomer = luma.copy()
    newcomer[y, x] += np.uint8(9 * THRESHOLD)
    before, after = (thumbnail(make_frame(*size, luma=plane)) for plane in (luma, newcomer))
    assert after.scale == 1
    return before, after


@pytest.mark.parametrize("size", [(320, 180), (318, 178), (45, 319)])
@pytest.mark.parametrize("corner", [False, True])
def test_a_newcomer_of_single_pixels_is_hidden(size: tuple[int, int], corner: bool) -> None:
    x, y = (size[0] - 1, size[1] - 1) if corner else (21, 33)
    before, after = thumbnails(x, y, size)
    assert np.abs(after.blocks - before.blocks).max() < THRESHOLD < largest_change(before, after)
    changed = changed_outside(before, after, [], THRESHOLD)
    assert changed is not None
    (part,) = changed
    rows, columns = part.mask.shape
    assert part.mask[y * rows // size[1], x * columns // size[0]] == 255
    assert part.mask.mean() < 128


def test_it_is_not_hidden_again_on_somebody_known() -> None:
    before, after = thumbnails(100, 80, (320, 180))
    assert changed_outside(before, after, [Box(90, 70, 20, 20)], THRESHOLD) == []
