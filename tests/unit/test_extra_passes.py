"""Passes for small faces, and for those that lie or hang."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.config import Parsing, load_settings
from stream_anon.core.parts import Box
from stream_anon.masking.extra_passes import (
    ALL,
    EFFORTS,
    LARGEST,
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
TILES = _tiles(WIDTH, HEIGHT, 1.0)


def extra_passes(extra: Extra = EFFORTS["normal"], *, still: bool = False) -> ExtraPasses:
    return ExtraPasses(replace(make_info(WIDTH, HEIGHT), still=still), Parsing(), extra)


def picture(*changes: tuple[int, int], seed: int = 0) -> Thumbnail:
    """A pattern, with bright spots."""
    luma = np.random.default_rng(seed).integers(60, 120, (HEIGHT // 8, WIDTH // 8), np.uint8)
    luma = np.kron(luma, np.ones((8, 8), np.uint8))
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
        assert (tile.width, tile.height) == (tiles[0].width, tiles[0].height)
        assert tile.width * aspect <= TILE + 1e-6
        assert -1e-6 <= tile.x <= tile.x + tile.width <= width + 1e-6
        assert -1e-6 <= tile.y <= tile.y + tile.height <= height + 1e-6


def test_what_is_new_is_searched_everywhere_enlarged_and_turned() -> None:
    passes = extra_passes().first(picture())
    assert {p.region for p in passes if p.enlarge > 1} == set(TILES)
    for turn in TURNS:
        turned = [(p.region, p.long_side) for p in passes if p.turn == turn]
        assert turned == [(None, n) for n in (384, 640)]


def test_photos_are_turned_at_their_own_size_too() -> None:
    passes = extra_passes(still=True).first(picture())
    assert {p.long_side for p in passes if p.turn} == {384, 640, 1280}


def test_tiles_that_show_nothing_are_left_out() -> None:
    luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
    luma[40:52, 40:52] = 200
    passes = extra_passes().first(thumbnail(make_frame(WIDTH, HEIGHT, luma=luma)))
    assert {p.region for p in passes if p.region} == {TILES[0]}


def tiles_again(made: ExtraPasses, now: Thumbnail, *, rests: bool = False) -> list[Box]:
    return [p.region for p in made.again(now, 3.0, rests=rests) if p.region]


def test_only_what_changed_is_searched_again() -> None:
    made = extra_passes()
    made.first(picture())
    assert tiles_again(made, picture()) == []
    assert tiles_again(made, picture((20, 20))) == [TILES[0]]
    assert tiles_again(made, picture((20, 20))) == []


def test_a_new_shot_is_searched_everywhere_although_it_looks_the_same() -> None:
    made = extra_passes()
    made.first(picture())
    assert {p.region for p in made.first(picture()) if p.region} == set(TILES)


def test_tiles_take_turns_where_all_changed() -> None:
    made, seen = extra_passes(), set[Box]()
    most, rounds = EFFORTS["normal"].moving, -(-len(TILES) // EFFORTS["normal"].moving)
    for n in range(rounds):
        searched = tiles_again(made, picture(seed=n))
        assert len(searched) == most
        seen |= set(searched)
    assert seen == set(TILES)


def test_all_that_changed_is_searched_where_the_picture_comes_to_rest() -> None:
    made = extra_passes()
    made.first(picture())
    assert set(tiles_again(made, picture(seed=1), rests=True)) == set(TILES)


@pytest.mark.parametrize(("effort", "waits", "expected"), [
    ("fast", True, 0), ("normal", True, 4), ("thorough", True, ALL),
    ("fast", False, 0), ("normal", False, LIVE.moving), ("thorough", False, ALL),
])  # fmt: skip
def test_the_effort_says_how_much(effort: str, waits: bool, expected: int) -> None:
    loaded, info = load_settings(None, {"parsing.effort": effort}), make_info(WIDTH, HEIGHT)
    horizon = (Horizon.of_recording if waits else Horizon.of_live)(loaded, info)
    assert extra_of(loaded, horizon).moving == expected


def test_without_effort_there_is_none() -> None:
    made = extra_passes(EFFORTS["fast"])
    assert made.first(picture()) == []
    for rests in (False, True):
        assert made.again(picture((20, 20)), 3.0, rests=rests) == []


def test_a_live_frame_waits_for_few_tiles() -> None:
    passes = extra_passes(LIVE).first(picture())
    assert len([p for p in passes if p.region]) == LIVE.resting


def test_large_pictures_are_not_enlarged() -> None:
    made = ExtraPasses(make_info(4000, 3000), Parsing(), EFFORTS["normal"])
    passes = made.first(thumbnail(make_frame(4000, 3000)))
    assert {p.turn for p in passes} == set(TURNS)
    assert all(p.enlarge == 1 for p in passes)
    assert max(p.long_side for p in passes) <= LARGEST
