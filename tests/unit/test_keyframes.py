"""When a frame gets a detection pass, and at which working size."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stream_anon.config import Keyframes, Parsing
from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass
from stream_anon.masking.keyframes import (
    SMALLEST_PERSON,
    SMALLEST_SEEN,
    FollowedFace,
    KeyframePolicy,
)
from tests.stubs import (
    START,
    covers,
    flickering_frames,
    make_frame,
    make_info,
    make_plane,
    masks_of,
    moving,
    sees,
    still_frames,
)

RATE = 25
BIG = Box(400, 200, 200, 240)


def policy(
    width: int = 1280, height: int = 720, *, longest_gap: int = 1000, **settings: float
) -> KeyframePolicy:
    keyframes = Keyframes.model_validate(settings)
    return KeyframePolicy(keyframes, Parsing(), make_info(width, height), longest_gap)


def passes_while_moving(
    made: KeyframePolicy, count: int, faces: list[FollowedFace] | None = None
) -> dict[int, list[DetectionPass]]:
    found = {0: made.first(0, 0.0)}
    found |= {n: made.moving(n, n / RATE, faces or []) for n in range(1, count)}
    return {index: passes for index, passes in found.items() if passes}


def is_deep(made: KeyframePolicy, passes: list[DetectionPass]) -> bool:
    return made.deep in passes


def test_the_first_look_is_as_close_as_can_be() -> None:
    closest, light = policy().first(0, 0.0)
    assert closest.region is None
    assert closest.long_side >= 1280
    assert light == policy().light, "for whoever is too near"


def test_every_deep_look_sees_several_scales() -> None:
    made = policy(3840, 2160, quiet_interval=10.0)
    sides = [3840, 1920, 960, 384]
    for passes in (
        made.first(0, 0.0),
        made.moving(30, 1.2, []),
        made.still(31, 3.0, changed=True, lost=False),
        made.still(32, 13.1, changed=False, lost=False),
    ):
        assert [detection_pass.long_side for detection_pass in passes] == sides


def test_the_picture_is_never_looked_at_larger_than_it_is() -> None:
    for width, height in ((1280, 720), (100, 60), (16, 16), (720, 1280)):
        for detection_pass in (policy(width, height).deep, policy(width, height).light):
            assert detection_pass.long_side <= max(width, height, 32)


@pytest.mark.parametrize("interval", [1, 3, 10])
def test_while_something_moves_looks_are_no_further_apart_than_the_interval(interval: int) -> None:
    passes = sorted(passes_while_moving(policy(interval=interval), 100))
    gaps = [b - a for a, b in pairwise(passes)]
    assert max(gaps) <= interval
    assert len(passes) >= 100 // interval
    if interval > 1:
        assert len(passes) < 100


def test_ordinary_looks_are_cheap_ones() -> None:
    made = policy(interval=2, deep_interval=1.0)
    passes = passes_while_moving(made, 100)
    deep = [index for index, found in passes.items() if is_deep(made, found)]
    assert len(deep) == 4
    light = [
        detection_pass for i, found in passes.items() if i not in deep for detection_pass in found
    ]
    assert all(detection_pass.long_side < made.deep.long_side for detection_pass in light)


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0])
def test_deep_looks_come_in_time(seconds: float) -> None:
    made = policy(deep_interval=seconds)
    deep = [i for i, found in passes_while_moving(made, 100).items() if is_deep(made, found)]
    gaps = [b - a for a, b in pairwise(deep)]
    assert max(gaps) <= round(seconds * RATE) + 1


def test_deep_looks_are_never_further_apart_than_the_lookahead_can_bridge() -> None:
    made = policy(longest_gap=7, deep_interval=60.0)
    deep = [i for i, found in passes_while_moving(made, 60).items() if is_deep(made, found)]
    assert max(b - a for a, b in pairwise(deep)) <= 7


def test_fast_faces_are_looked_at_more_often() -> None:
    slow, fast = (
        len(
            passes_while_moving(
                policy(interval=10, deep_interval=60), 60, [FollowedFace(BIG, speed)]
            )
        )
        for speed in (0.0, 60.0)
    )
    assert fast > 2 * slow


def test_very_fast_faces_are_looked_at_in_every_frame() -> None:
    passes = passes_while_moving(policy(interval=10), 20, [FollowedFace(BIG, 500.0)])
    assert sorted(passes) == list(range(20))


def test_small_faces_that_are_followed_can_be_seen_in_every_look() -> None:
    made = policy(1920, 1080, deep_interval=60)
    small = [FollowedFace(Box(300 + 60 * n, 300, 20, 24), 0.0) for n in range(3)]
    for faces in (small[:1], small):
        for passes in passes_while_moving(made, 30, faces).values():
            assert all(made.visible(seen.box, passes) for seen in faces)


@pytest.mark.parametrize(("size", "turn"), [(60.0, 2), (10.0, 0)])
def test_whom_no_upright_look_sees_has_close_looks_each_time(size: float, turn: int) -> None:
    face = FollowedFace(Box(400, 200, size, size), 1.0, turn)
    for passes in passes_while_moving(policy(interval=3, deep_interval=1), 60, [face]).values():
        close = [p for p in passes if p.region and p.region.overlap(face.box) >= size * size]
        assert passes[0].long_side == 1280 or close
    deep = passes_while_moving(policy(interval=3, deep_interval=1), 60, [face])[RATE]
    assert DetectionPass(1280) in deep
    assert any(p.region and p.turn == turn for p in deep)


def test_a_close_look_shows_a_face_neither_small_nor_large() -> None:
    for size, turn, expected in [(8, 0, 2.0), (20, 0, 1.6), (80, 0, 1.0), (80, 1, 0.4), (8, 1, 2)]:
        shown = policy().closely(Box(400, 200, size, size), turn).enlarge
        assert shown == pytest.approx(expected)


def test_a_light_look_sees_large_faces_only() -> None:
    made = policy(1920, 1080)
    assert made.visible(BIG, [made.light])
    assert not made.visible(Box(300, 300, 20, 24), [made.light])
    assert made.visible(Box(300, 300, 20, 24), [made.deep])


def test_a_close_look_sees_what_it_surrounds_and_nothing_else() -> None:
    made = policy(1920, 1080)
    box = Box(300, 300, 20, 24)
    detection_pass = made.closely(box)
    assert detection_pass.region is not None
    assert detection_pass.region.overlap(box) == box.area
    assert detection_pass.region.area > 4 * box.area
    assert made.visible(box, [detection_pass])
    assert not made.visible(Box(900, 700, 20, 24), [detection_pass])


def test_quiet_footage_is_looked_at_rarely_but_it_is() -> None:
    made = policy(quiet_interval=10.0)
    made.first(0, 0.0)
    passes = [n for n in range(1, 60 * RATE) if made.still(n, n / RATE, changed=False, lost=False)]
    assert 4 <= len(passes) <= 6


def test_what_came_to_rest_is_looked_at_closely_soon() -> None:
    made = policy(quiet_interval=10.0, deep_interval=1.0)
    made.first(0, 0.0)
    passes = [n for n in range(1, 2 * RATE) if made.still(n, n / RATE, changed=True, lost=False)]
    assert passes
    assert passes[0] <= RATE + 1


def test_the_same_questions_get_the_same_answers() -> None:
    faces = [FollowedFace(BIG, 7.0)]
    assert passes_while_moving(policy(), 80, faces) == passes_while_moving(policy(), 80, faces)


def test_wide_pixels_count_as_shown() -> None:
    from dataclasses import replace
    from fractions import Fraction

    info = replace(make_info(720, 576), pixel_aspect=Fraction(64, 45))
    made = KeyframePolicy(Keyframes(), Parsing(), info, 100)
    assert made.deep.long_side == 1024


class TestInTheMasker:
    def test_the_first_frame_is_looked_at(self) -> None:
        parser = sees()
        masks = masks_of(parser, moving(5))
        assert parser.asked[0][0] == 0
        assert parser.asked[0][1].region is None
        assert masks[0].is_keyframe

    def test_looked_tells_which_frames_the_parser_saw(self) -> None:
        parser = sees()
        masks = masks_of(parser, moving())
        assert [m.frame.index for m in masks if m.is_keyframe] == parser.frames_asked

    @pytest.mark.parametrize("interval", [1, 4])
    def test_moving_footage_is_looked_at_in_time(self, interval: int) -> None:
        parser = sees()
        masks_of(parser, moving(), keyframes__interval=interval)
        gaps = np.diff([*parser.frames_asked, 40])
        assert gaps.max() <= interval + 1

    def test_quiet_footage_costs_next_to_nothing(self) -> None:
        quiet, busy = (sees(where=lambda _f: START) for _ in range(2))
        masks = masks_of(quiet, still_frames(200))
        masks_of(busy, flickering_frames(200))
        assert len(quiet.frames_asked) <= 4
        assert len(busy.asked) > 10 * len(quiet.asked)
        assert all(covers(masked, START) for masked in masks)

    def test_sensor_noise_is_quiet(self) -> None:
        base = make_plane(192, 320, pattern="texture").astype(int)
        rng = np.random.default_rng(0)
        noisy = [np.clip(base + rng.integers(-3, 4, base.shape), 0, 255) for _ in range(60)]
        frames = [
            make_frame(320, 192, n, luma=luma.astype(np.uint8)) for n, luma in enumerate(noisy)
        ]
        parser = sees(where=lambda _f: START)
        masks_of(parser, frames)
        assert len(parser.frames_asked) <= 4

    def test_somebody_who_comes_into_quiet_footage_is_noticed(self) -> None:
        thing = make_plane(72, 60, pattern="noise")
        frames = []
        for index, frame in enumerate(still_frames(40, width=320, height=192)):
            luma = frame.planes[0].copy()
            if index >= 20:
                luma[50:122, 60:120] = thing
            frames.append(make_frame(320, 192, index, luma=luma))
        masks = masks_of(sees(lambda n: n >= 20, lambda _f: START), frames)
        assert all(covers(masked, START) for masked in masks[20:])


def test_a_detector_that_needs_more_pixels_gets_larger_passes() -> None:
    """A box of 60 pixels is a face that is easily seen, and a person who is not."""
    followed = [FollowedFace(Box(400, 200, 60, 60), 0.0)]
    faces, people = (
        KeyframePolicy(Keyframes(), Parsing(), make_info(1280, 720), 1000, smallest)
        for smallest in (SMALLEST_SEEN, SMALLEST_PERSON)
    )
    light = [faces.light]
    assert faces.now(3, followed) == light
    assert people.now(3, followed) != light
    assert faces.visible(followed[0].box, light)
    assert not people.visible(followed[0].box, light)
    assert people.surely_seen(faces.light) > faces.surely_seen(faces.light)
