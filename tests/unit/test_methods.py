"""Cells carry a few coarse averages and nothing else; colours are those of the standards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.frame import ColorTags
from stream_anon.redaction.colors import color_levels, planes_of
from stream_anon.redaction.reading import CHROMA_STEP, LUMA_STEP, cell_means, pixelated
from tests.stubs import make_plane, yuv_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Plane

STEPS = [LUMA_STEP, CHROMA_STEP]
METHODS = [pixelated]
Method = Any


def runs(line: Plane) -> list[int]:
    """Lengths of the stretches of equal value."""
    edges = np.flatnonzero(np.diff(line.astype(int))) + 1
    return [int(n) for n in np.diff([0, *edges, len(line)])]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 90),
    columns=st.integers(1, 90),
    cell=st.floats(0.5, 200),
    method=st.sampled_from(METHODS),
    step=st.sampled_from(STEPS),
)
def test_any_size_keeps_shape_and_type(
    rows: int, columns: int, cell: float, method: Method, step: int
) -> None:
    plane = make_plane(rows, columns, pattern="noise")
    before = plane.copy()
    hidden = method(plane, cell, cell, step)
    assert hidden.shape == plane.shape
    assert hidden.dtype == np.uint8
    assert np.array_equal(plane, before)
    assert not np.shares_memory(hidden, plane)


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(2, 200), columns=st.integers(2, 200), cell=st.floats(2, 60))
def test_cells_are_never_smaller_than_asked_for(rows: int, columns: int, cell: float) -> None:
    means = cell_means(make_plane(rows, columns, pattern="noise"), cell, cell, LUMA_STEP)
    assert means.shape[1] == 1 or columns / means.shape[1] >= cell - 1e-6
    assert means.shape[0] == 1 or rows / means.shape[0] >= cell - 1e-6


@pytest.mark.parametrize("step", STEPS)
def test_cells_have_coarse_levels_only(step: int) -> None:
    means = cell_means(make_plane(64, 2560, pattern="gradient"), 20, 20, step)
    levels = np.unique(means)
    assert len(levels) > 4
    assert len(levels) <= 256 // step + 1
    inner = levels[levels < 255].astype(int)
    assert (np.diff(inner) % step == 0).all()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("value", [0, 16, 99, 128, 200, 235, 255])
def test_a_flat_picture_stays_flat_and_about_as_it_was(value: int, step: int) -> None:
    plane = np.full((48, 48), value, np.uint8)
    for method in METHODS:
        hidden = method(plane, 12, 12, step)
        assert len(np.unique(hidden)) == 1
        assert abs(int(hidden[0, 0]) - value) <= step


def test_no_colour_stays_no_colour() -> None:
    hidden = pixelated(np.full((20, 20), 128, np.uint8), 5, 5, CHROMA_STEP)
    assert (hidden == 128).all()


def test_pixelate_draws_flat_cells() -> None:
    hidden = pixelated(make_plane(80, 80, pattern="gradient"), 20, 20, LUMA_STEP)
    assert all(length >= 19 for length in runs(hidden[40]))
    assert 2 <= len(runs(hidden[40])) <= 4


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [64, 200, 513])
def test_detail_does_not_come_through(method: Callable[..., Plane], size: int) -> None:
    base = make_plane(size, size, pattern="gradient").astype(int) // 2 + 64
    outputs, inputs = [], []
    for seed in (1, 2):
        noise = np.random.default_rng(seed).integers(-50, 51, (size, size))
        inputs.append(np.clip(base + noise, 0, 255).astype(np.uint8))
        outputs.append(method(inputs[-1], size / 4, size / 4, LUMA_STEP).astype(int))
    assert np.abs(np.subtract(*[i.astype(int) for i in inputs])).mean() > 25
    assert np.abs(np.subtract(*outputs)).mean() < 8


TAGS = [ColorTags(full, matrix) for full in (False, True) for matrix in (1, 2, 5, 6, 9)]


@pytest.mark.parametrize("tags", TAGS, ids=str)
@pytest.mark.parametrize(
    "color", ["#000000", "#ffffff", "#202020", "#ff0000", "#00ff00", "#0000ff", "#3fa07b"]
)
def test_fill_levels_are_those_of_the_colour(color: str, tags: ColorTags) -> None:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    exact = yuv_of(rgb, matrix=tags.matrix, full_range=tags.full_range)
    np.testing.assert_allclose(color_levels(color, tags), np.clip(exact, 0, 255), atol=0.51)


@pytest.mark.parametrize("tags", TAGS, ids=str)
def test_fill_levels_fit_into_a_byte(tags: ColorTags) -> None:
    for color in ("#0000ff", "#ffff00", "#ff0000", "#00ffff"):
        levels = color_levels(color, tags)
        assert min(levels) >= 0, color
        assert max(levels) <= 255, color


@pytest.mark.parametrize("tags", TAGS, ids=str)
def test_planes_of_a_picture_are_those_of_its_colours(tags: ColorTags) -> None:
    colors = ["#000000", "#ffffff", "#ff0000", "#00ff00", "#0000ff", "#3fa07b"]
    rgb = np.array([[[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colors]]) / 255
    planes = planes_of(rgb.astype(np.float32), tags)
    for column, color in enumerate(colors):
        assert tuple(int(plane[0, column]) for plane in planes) == color_levels(color, tags)
