"""Passes for small faces, and for those that lie or hang."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.config import Parsing, load_settings
from stream_anon.core.parts import Box
from stream_anon.masking.extra_passes import (
    EFFORTS,
    LIVE,
    OVERLAP,
    TILE,
    TURNS,
    Extra,
    ExtraPasses,
    _tiles,
    extra_of,
)
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.motion import Thumbnail, thumbnail
from tests.stubs import make_frame, make_info

WIDTH, HEIGHT = 1280, 720


def extra_passes(extra: Extra = EFFORTS["normal"]) -> ExtraPasses:
    return ExtraPasses(make_info(WIDTH, HEIGHT), Parsing(), extra)


def picture(*changes: tuple[int, int]) -> Thumbnail:
    """Grey, with bright spots."""
    luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for x, y in changes:
        luma[y : y + 24, x : x + 24] = 200
    return thumbnail(make_frame(WIDTH, HEIGHT, luma=luma))


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(1, 5000),
    height=st.integers(1, 3000),
    aspect=st.sampled_from([0.5, 1.0, 16 / 15, 2.0]),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_every_small_face_is_whole_in_a_tile(
    width: int, height: int, aspect: float, at: tuple[float, float]
) -> None:
    tiles = _tiles(width, height, aspect)
    wide, tall = min(OVERLAP / aspect, width), min(OVERLAP, height)
    face = Box(at[0] * (width - wide), at[1] * (height - tall), wide, tall)
    assert any(tile.overlap(face) >= 0.999 * face.area for tile in tiles)
    for tile in tiles:
        assert tile.width * aspect <= TILE + 1e-6
        assert -1e-6 <= tile.x <= tile.x + tile.width <= width + 1e-6
        assert -1e-6 <= tile.y <= tile.y + tile.height <= height + 1e-6


def test_what_is_new_is_searched_everywhere_enlarged_and_turned() -> None:
    passes = extra_passes().everywhere(picture())
    tiles = _tiles(WIDTH, HEIGHT, 1.0)
    assert {p.region for p in passes if p.enlarge > 1} == set(tiles)
    for turn in TURNS:
        turned = [p for p in passes if p.turn == turn]
        assert {p.region for p in turned if p.region} == set(tiles)
        assert [p.long_side for p in turned if p.region is None] == [384, 640]


def test_only_what_changed_is_searched_again() -> None:
    made = extra_passes()
    made.everywhere(picture())
    assert all(p.region is None for p in made.where_it_moved(picture(), 3.0))
    passes = made.where_it_moved(picture((20, 20)), 3.0)
    regions = {p.region for p in passes if p.region}
    assert regions == {_tiles(WIDTH, HEIGHT, 1.0)[0]}
    assert all(p.region is None for p in made.where_it_moved(picture((20, 20)), 3.0))


def test_tiles_take_turns_where_all_changed() -> None:
    made, seen = extra_passes(), set[Box]()
    tiles = _tiles(WIDTH, HEIGHT, 1.0)
    for n in range(len(tiles)):
        everywhere = picture(*((x, y) for x in range(n, 1250, 60) for y in range(n, 690, 60)))
        regions = {p.region for p in made.where_it_moved(everywhere, 3.0) if p.region}
        assert len(regions) == 1
        seen |= regions
    assert seen == set(tiles)


@pytest.mark.parametrize(("effort", "waits", "expected"), [
    ("fast", True, 0), ("normal", True, 1), ("thorough", True, 1 << 30),
    ("fast", False, 0), ("normal", False, LIVE.at_once), ("thorough", False, 1 << 30),
])  # fmt: skip
def test_the_effort_says_how_much(effort: str, waits: bool, expected: int) -> None:
    loaded, info = load_settings(None, {"parsing.effort": effort}), make_info(WIDTH, HEIGHT)
    horizon = (Horizon.of_recording if waits else Horizon.of_live)(loaded, info)
    assert extra_of(loaded, horizon).at_once == expected


def test_without_effort_there_is_none() -> None:
    made = extra_passes(EFFORTS["fast"])
    assert made.everywhere(picture()) == []
    assert made.where_it_moved(picture((20, 20)), 3.0) == []


def test_a_live_frame_waits_for_one_tile_only() -> None:
    passes = extra_passes(LIVE).everywhere(picture())
    assert len({p.region for p in passes if p.region}) == 1


def test_large_pictures_are_not_enlarged() -> None:
    made = ExtraPasses(make_info(4000, 3000), Parsing(), EFFORTS["normal"])
    passes = made.everywhere(thumbnail(make_frame(4000, 3000)))
    assert {p.turn for p in passes} == set(TURNS)
    assert all(p.enlarge == 1 for p in passes)
