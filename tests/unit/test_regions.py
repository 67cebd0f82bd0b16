"""Where a part is hidden: all of it, fully, and a soft edge only outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.redaction.regions import on_plane, soft_region

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS, COLUMNS = 60, 90


def placed_opacity(part: Part, edge: float, scale: float = 1.0) -> NDArray[np.float32]:
    """Opacity on a whole plane."""
    shape = (round(ROWS * scale), round(COLUMNS * scale))
    whole = np.zeros(shape, np.float32)
    placed = on_plane(soft_region(part, edge), shape, scale)
    if placed is not None:
        rows, columns, opacity = placed
        assert opacity.shape == whole[rows, columns].shape
        whole[rows, columns] = opacity
    return whole


def covered(part: Part, scale: float) -> NDArray[np.bool_]:
    """Plane pixels whose middle lies on a sample of the mask that is to be hidden."""
    rows, columns = (np.arange(round(n * scale)) + 0.5 for n in (ROWS, COLUMNS))
    y = np.floor((rows / scale - part.box.y) / part.box.height * part.mask.shape[0]).astype(int)
    x = np.floor((columns / scale - part.box.x) / part.box.width * part.mask.shape[1]).astype(int)
    inside = np.zeros((len(y), len(x)), bool)
    ok_y = (y >= 0) & (y < part.mask.shape[0])
    ok_x = (x >= 0) & (x < part.mask.shape[1])
    inside[np.ix_(ok_y, ok_x)] = part.mask[np.ix_(y[ok_y], x[ok_x])] >= INSIDE
    return inside


def random_mask(seed: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 40, 2)
    return rng.integers(0, 256, shape, dtype=np.uint8)


masks = st.one_of(
    st.just(ellipse()), st.just(full_box()), st.builds(random_mask, st.integers(0, 99))
)
boxes = st.builds(
    Box,
    st.floats(-60, 100, width=32),
    st.floats(-60, 70, width=32),
    st.floats(1, 130, width=32),
    st.floats(1, 130, width=32),
)


@settings(max_examples=150, deadline=None)
@given(box=boxes, mask=masks, edge=st.floats(0, 1), scale=st.sampled_from([1.0, 0.5]))
def test_every_pixel_of_the_part_is_opaque(
    box: Box, mask: NDArray[np.uint8], edge: float, scale: float
) -> None:
    part = Part("face", box, mask, 0.9, 0)
    opacity = placed_opacity(part, edge, scale)
    assert (opacity >= 0).all()
    assert (opacity <= 1).all()
    assert (opacity[covered(part, scale)] > 0.999).all()


@settings(max_examples=80, deadline=None)
@given(box=boxes, edge=st.floats(0, 0.5))
def test_pixels_far_from_the_part_are_left_alone(box: Box, edge: float) -> None:
    part = Part("face", box, ellipse(), 0.9, 0)
    opacity = placed_opacity(part, edge)
    reach_x, reach_y = (n * (edge + 4 / 48) + 1 for n in (box.width, box.height))
    near = box.grown(reach_x, reach_y)
    rows, columns = np.mgrid[0:ROWS, 0:COLUMNS] + 0.5
    far = (
        (columns < near.x)
        | (columns > near.x + near.width)
        | (rows < near.y)
        | (rows > near.y + near.height)
    )
    assert (opacity[far] == 0).all()


def test_the_edge_falls_off_outward_and_grows_with_the_setting() -> None:
    part = Part("face", Box(30, 15, 30, 30), ellipse(), 0.9, 0)
    widths = []
    for edge in (0.0, 0.1, 0.3):
        line = placed_opacity(part, edge)[30, 45:].astype(float)
        assert line[0] == 1
        assert (np.diff(line) <= 1e-6).all()
        assert line[-1] == 0
        widths.append(int(((line > 0.01) & (line < 0.99)).sum()))
    assert widths[0] <= 2
    assert widths[0] < widths[1] < widths[2]


@pytest.mark.parametrize("value", [INSIDE, 128, 255])
def test_half_sure_spots_are_hidden_fully(value: int) -> None:
    part = Part("face", Box(30, 20, 20, 20), np.full((6, 6), value, np.uint8), 0.9, 0)
    assert (placed_opacity(part, 0.1)[20:40, 30:50] == 1).all()


def test_spots_that_are_not_of_the_part_stay_clear() -> None:
    part = Part("face", Box(30, 20, 20, 20), np.zeros((6, 6), np.uint8), 0.9, 0)
    assert not placed_opacity(part, 0.0).any()


@pytest.mark.parametrize(
    "box", [Box(-50, 0, 20, 20), Box(0, -50, 20, 20), Box(200, 0, 20, 20), Box(0, 200, 20, 20)]
)
def test_a_part_outside_of_the_picture_is_nowhere(box: Box) -> None:
    part = Part("face", box, ellipse(), 0.9, 0)
    assert on_plane(soft_region(part, 0.12), (ROWS, COLUMNS), 1.0) is None


@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_an_absurdly_large_part_covers_everything(size: float) -> None:
    part = Part("face", Box(45 - size / 2, 30 - size / 2, size, size), full_box(), 0.9, 0)
    assert (placed_opacity(part, 0.12) == 1).all()
    assert (placed_opacity(part, 0.12, 0.5) == 1).all()


@pytest.mark.parametrize("size", [1e-3, 0.2, 1.0])
def test_a_part_smaller_than_a_pixel_is_no_trouble(size: float) -> None:
    part = Part("face", Box(45.5, 30.5, size, size), full_box(), 0.9, 0)
    opacity = placed_opacity(part, 0.12)
    assert np.isfinite(opacity).all()
    assert opacity.sum() <= 16
