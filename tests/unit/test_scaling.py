"""Making planes smaller."""

from __future__ import annotations

import numpy as np
import pytest

from stream_anon.core.scaling import shrunk
from tests.stubs import make_plane


@pytest.mark.parametrize("size", [(320, 180), (333, 187), (1280, 720), (1921, 1081)])
def test_the_picture_keeps_its_means(size: tuple[int, int]) -> None:
    plane = make_plane(size[1], size[0], pattern="gradient")
    small = shrunk(plane, 80, 45)
    assert small.shape == (45, 80)
    quarters = [half for rows in np.array_split(plane, 2) for half in np.array_split(rows, 2, 1)]
    again = [half for rows in np.array_split(small, 2) for half in np.array_split(rows, 2, 1)]
    for large, little in zip(quarters, again, strict=True):
        assert little.mean() == pytest.approx(large.mean(), abs=4)


def test_rows_have_no_gaps_even_where_nothing_is_scaled() -> None:
    padded = make_plane(45, 128, pattern="texture")[:, :80]
    small = shrunk(padded, 80, 45)
    assert small.flags.c_contiguous
    assert (small == padded).all()


def test_what_is_too_small_is_enlarged() -> None:
    assert shrunk(make_plane(10, 10), 40, 30).shape == (30, 40)
