"""Passes for small faces, and for those that lie or hang."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.config import Parsing, load_settings
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.allowance import Allowance
from stream_anon.masking.detection import Detection
from stream_anon.masking.extra_passes import (
    EFFORTS,
    ENLARGED,
    LARGEST,
    LIVE,
    OVERLAP,
    PHOTO,
    SIDE,
    TILE,
    TURNS,
    Extra,
    ExtraPasses,
    _tiles,
    besides,
    extra_of,
)
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.motion import Thumbnail, thumbnail
from tests.stubs import StubParser, make_frame, make_info, make_plane, masks_of, nobody

WIDTH, HEIGHT = 1280, 720
FACES = frozenset({"face", "head"})
TILES = _tiles(WIDTH, HEIGHT, 1.0)


def extra_passes(extra: Extra = EFFORTS["normal"], *, still: bool = False) -> ExtraPasses:
    return ExtraPasses(replace(make_info(WIDTH, HEIGHT), still=still), Parsing(), extra, FACES)


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


def test_a_photo_is_searched_everywhere_enlarged_and_turned() -> None:
    passes = extra_passes(PHOTO, still=True).first(picture())
    assert {p.region for p in passes if p.enlarge > 1} == set(TILES)
    for turn in TURNS:
        assert [p.long_side for p in passes if p.turn == turn] == [SIDE, WIDTH]


def test_the_first_frame_of_a_video_affords_a_few_tiles_and_all_turns() -> None:
    passes = extra_passes().first(picture())
    assert len([p for p in passes if p.enlarge > 1]) == EFFORTS["normal"].resting
    assert [p.turn for p in passes if p.turn] == list(TURNS)
    assert {p.long_side for p in passes} == {SIDE}, "more networks to compile"


@pytest.mark.parametrize(
    ("wall", "spot", "shows"), [(90, 200, True), (90, 98, False), (17, 23, True), (17, 19, False)]
)
def test_tiles_that_show_nothing_are_left_out(wall: int, spot: int, shows: bool) -> None:
    luma = np.full((HEIGHT, WIDTH), wall, np.uint8)
    luma[40:52, 40:52] = spot
    passes = extra_passes().first(thumbnail(make_frame(WIDTH, HEIGHT, luma=luma)))
    assert {p.region for p in passes if p.enlarge > 1} == ({TILES[0]} if shows else set())


@pytest.mark.parametrize("extra", [PHOTO, EFFORTS["thorough"]])
def test_whoever_searches_everything_leaves_no_tile_out(extra: Extra) -> None:
    plain = thumbnail(make_frame(WIDTH, HEIGHT, luma=np.full((HEIGHT, WIDTH), 90, np.uint8)))
    passes = extra_passes(extra).first(plain)
    assert {p.region for p in passes if p.enlarge > 1} == set(TILES)


def tiles_again(made: ExtraPasses, now: Thumbnail, *, rests: bool = False) -> list[Box]:
    return [p.region for p in made.again(now, 3.0, rests=rests) if p.region and not p.turn]


def test_only_what_changed_is_searched_again() -> None:
    made = extra_passes(PHOTO)
    made.first(picture())
    assert tiles_again(made, picture()) == []
    assert tiles_again(made, picture((20, 20))) == [TILES[0]]
    assert tiles_again(made, picture((20, 20))) == []


def test_a_new_shot_is_searched_everywhere_although_it_looks_the_same() -> None:
    made = extra_passes(PHOTO)
    made.first(picture())
    assert {p.region for p in made.first(picture()) if p.enlarge > 1} == set(TILES)


def test_tiles_take_turns_where_all_changed() -> None:
    made, seen = extra_passes(), set[Box]()
    most, rounds = EFFORTS["normal"].moving, -(-len(TILES) // EFFORTS["normal"].moving)
    for n in range(rounds):
        searched = tiles_again(made, picture(seed=n))
        assert len(searched) == most
        seen |= set(searched)
    assert seen == set(TILES)


def test_what_moves_comes_before_what_was_never_searched() -> None:
    made = extra_passes()
    made.first(picture())
    assert EFFORTS["normal"].resting < len(TILES) - 1
    assert tiles_again(made, picture((1240, 680)))[0] == TILES[-1]


def test_where_nothing_moves_all_is_searched_in_turn() -> None:
    made = extra_passes()
    seen = {p.region for p in made.first(picture()) if p.enlarge > 1}
    for _ in range(len(TILES)):
        seen |= set(tiles_again(made, picture()))
    assert seen == set(TILES)


def test_the_picture_is_turned_in_one_of_the_ways_each_time() -> None:
    made = extra_passes()
    made.first(picture())
    turns = [p.turn for _ in TURNS for p in made.again(picture(), 3.0, rests=False) if p.turn]
    assert sorted(turns) == list(TURNS)


def test_of_a_tile_only_small_faces_that_are_whole_are_believed() -> None:
    made, tile = extra_passes(), TILES[1]
    inside, cut = tile.moved(60, 60), tile.moved(-4, 60)
    faces = [box._replace(width=12, height=14) for box in (inside, cut)]
    faces.append(inside._replace(width=90, height=110))
    found = [Detection(face, (), 0.6) for face in faces]
    a_pass = DetectionPass(SIDE, tile, enlarge=ENLARGED)
    assert [d.anchor for d in made.believed(a_pass, found)] == faces[:1]


def test_what_is_part_of_an_upright_face_is_nobody_else() -> None:
    face = Detection(Box(100, 100, 80, 100), (), 0.8)
    part = Detection(Box(110, 105, 50, 40), (), 0.5, turn=1)
    beside = Detection(Box(190, 100, 80, 100), (), 0.5, turn=1)
    surer = Detection(Box(90, 90, 110, 120), (), 0.95, turn=2)
    assert besides([face], [part, beside, surer]) == [face, beside, surer]


def test_a_face_in_a_persons_box_is_no_part_of_it() -> None:
    person = Part("person", Box(100, 100, 80, 200), ellipse(), 0.9, 0)
    face = Part("face", Box(120, 105, 30, 40), ellipse(), 0.5, 1)
    found, extra = Detection.of([person]), Detection.of([face])
    assert besides([found], [extra]) == [found, extra]


def test_a_face_that_may_hang_instead_is_hidden_both_ways() -> None:
    here, there = (Part("face", Box(100, y, 80, 100), ellipse(), 0.5, 0) for y in (100, 130))
    upright = Detection(here.box, (here,), 0.6)
    hanging = Detection(there.box, (there,), 0.55, turn=2)
    (found,) = besides([upright], [hanging])
    assert found.parts == (here, there)
    assert found.anchor == here.box
    unsure = replace(hanging, score=0.3)
    assert besides([upright], [unsure]) == [upright]


@pytest.mark.parametrize(("effort", "kind", "expected"), [
    ("fast", "recording", EFFORTS["fast"]), ("fast", "photo", EFFORTS["fast"]),
    ("fast", "live", EFFORTS["fast"]), ("normal", "recording", EFFORTS["normal"]),
    ("normal", "photo", PHOTO), ("normal", "live", LIVE),
    ("thorough", "recording", EFFORTS["thorough"]), ("thorough", "live", EFFORTS["thorough"]),
])  # fmt: skip
def test_the_effort_says_how_much(effort: str, kind: str, expected: Extra) -> None:
    loaded = load_settings(None, {"parsing.effort": effort})
    info = replace(make_info(WIDTH, HEIGHT), still=kind == "photo")
    horizon = (Horizon.of_live if kind == "live" else Horizon.of_recording)(loaded, info)
    assert extra_of(loaded, info, horizon) == expected


def test_without_effort_there_is_none() -> None:
    made = extra_passes(EFFORTS["fast"])
    assert made.first(picture()) == []
    for rests in (False, True):
        assert made.again(picture((20, 20)), 3.0, rests=rests) == []


def test_a_live_frame_waits_for_none() -> None:
    assert extra_passes(LIVE).first(picture()) == []


@pytest.mark.parametrize("label", ["plate", "text", "human"])
def test_only_faces_are_turned_and_only_what_is_small_is_enlarged(label: str) -> None:
    made = ExtraPasses(make_info(WIDTH, HEIGHT), Parsing(), PHOTO, frozenset({label}))
    passes = made.first(picture())
    assert not any(p.turn for p in passes)
    assert {p.region for p in passes} == (set(TILES) if label == "plate" else set())


def test_large_pictures_are_not_enlarged() -> None:
    made = ExtraPasses(make_info(4000, 3000), Parsing(), EFFORTS["normal"], FACES)
    passes = made.first(thumbnail(make_frame(4000, 3000)))
    assert {p.turn for p in passes} == set(TURNS)
    assert all(p.enlarge == 1 for p in passes)
    assert max(p.long_side for p in passes) <= LARGEST


def test_extra_passes_are_afforded_twice_in_a_row_and_then_once_in_an_interval() -> None:
    allowance = Allowance(interval=1.0)
    taken = [n / 10 for n in range(31) if allowance.take(n / 10)]
    assert taken == [0.0, 0.1, 1.0, 2.0, 3.0]


def test_a_pause_earns_no_more_than_two() -> None:
    allowance = Allowance(interval=1.0)
    assert [allowance.take(clock) for clock in (100.0, 100.0, 100.0)] == [True, True, False]


SHOT = 3
"""Frames of a shot, at 25 in a second."""


def looks_at_shots(count: int, effort: str = "normal") -> dict[int, int]:
    """How many extra passes each frame has of a video in which a shot follows the other."""
    shots = [make_plane(192, 320, pattern="texture", seed=n) for n in range(count)]
    frames = [make_frame(320, 192, n, luma=shots[n // SHOT].copy()) for n in range(SHOT * count)]
    parser = StubParser(nobody)
    masks_of(parser, frames, parsing__effort=effort)
    looks: dict[int, int] = {}
    for index, detection_pass in parser.asked:
        if detection_pass.enlarge > 1 or detection_pass.turn:
            looks[index] = looks.get(index, 0) + 1
    return looks


def test_shots_that_follow_fast_are_not_each_searched_for_small_faces() -> None:
    looks = looks_at_shots(20)  # 2.4 seconds
    assert list(looks)[:2] == [0, 3]
    assert 3 <= len(looks) <= 5
    assert len(set(looks.values())) == 1, "each of them as the first frame of a shot is"


def test_but_they_are_where_everything_is_searched_thoroughly() -> None:
    looks = looks_at_shots(6, "thorough")
    assert set(range(0, 18, SHOT)) <= set(looks)


def test_a_live_stream_that_is_too_slow_searches_less() -> None:
    made = extra_passes(EFFORTS["thorough"])
    made.afford(thorough=False, extra=True)
    assert not made.always
    assert made.first(picture()) == []
    made.afford(thorough=False, extra=False)
    assert made.first(picture()) == []
    made.afford(thorough=True, extra=True)
    assert made.always
