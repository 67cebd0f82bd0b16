"""A lamp, a knock or a camera that was away: whoever was hidden stays hidden in the new scene."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_anon.config import Background
from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.masking.scene import Scene
from tests.scenes import (
    AFTER,
    HEIGHT,
    RATE,
    WIDTH,
    filmed,
    is_hidden,
    lit,
    masked,
    moved,
    place_of,
    room,
    share,
    somebody,
)
from tests.stubs import StubParser, face

SECOND = RATE
AGAIN = 3 * SECOND
"""Frames that a new scene must be at rest for."""
LONG = AGAIN + SECOND
OTHER = lit(room(seed=9)[::-1].copy(), 0.8)
"""The room in a light that nothing explains."""
LIES = 140
WALKED_IN = [*[room()] * AFTER, *(somebody(room(), x) for x in range(-20, LIES + 1, 10))]
BEGIN = len(WALKED_IN) + SECOND
"""The frame in which all changes."""
HIDDEN = [*WALKED_IN, *[somebody(room(), LIES)] * SECOND]
"""Somebody comes in, and lies still."""


def known_again(masks: list[MaskedFrame]) -> list[MaskedFrame]:
    """Frames after the change whose scene is known."""
    found = [m for m in masks[BEGIN:] if not isinstance(m.parts, Unknown)]
    assert found, "hidden whole until the end"
    assert share(found[-1]) < 0.6
    return found


class TestWhoeverWasHiddenAsItBegan:
    @pytest.mark.parametrize("knock", [0, 24, -40])
    def test_stays_hidden(self, knock: int) -> None:
        lies = somebody(room() if knock else OTHER, LIES)
        after = [moved(lies, knock, 0)] * LONG
        masks = masked(filmed([*HIDDEN, *after]), background__absorb=0)
        assert masks[BEGIN + 1].parts is Unknown.NO_SCENE
        found = known_again(masks)
        assert all(is_hidden(m, place_of(LIES + knock)) for m in found)

    def test_stays_hidden_wherever_they_went_meanwhile(self) -> None:
        walk = [somebody(OTHER, x) for x in range(LIES, 201, 6)]
        frames = filmed([*HIDDEN, *walk, *[walk[-1]] * LONG])
        found = known_again(masked(frames, background__absorb=0))
        assert all(is_hidden(m, place_of(200)) for m in found)

    def test_stays_hidden_although_they_lie_down_elsewhere_and_look_different(self) -> None:
        bent = [somebody(OTHER, LIES), *[OTHER.copy() for _ in range(8)]]
        for n, luma in enumerate(bent[1:]):
            luma[140:170, LIES - 15 + 8 * n : LIES + 20 + 8 * n] = 235
        frames = filmed([*HIDDEN, *bent, *[bent[-1]] * LONG])
        found = known_again(masked(frames, background__absorb=0))
        assert all(is_hidden(m, [Box(LIES + 41, 140, 35, 30)]) for m in found)

    def test_stays_hidden_until_absorbed(self) -> None:
        frames = filmed([*HIDDEN, *[somebody(OTHER, LIES)] * 40])
        masks = masked(frames, background__absorb=6)
        shown = [m.frame.index - BEGIN for m in masks[BEGIN:] if not is_hidden(m, place_of(LIES))]
        assert shown
        assert shown[0] >= 4 * SECOND
        assert len(known_again(masks)) > len(shown) + SECOND

    def test_is_gone_once_the_scene_behind_them_is_seen(self) -> None:
        after = [*[somebody(OTHER, LIES)] * LONG, *[room()] * LONG]
        masks = masked(filmed([*HIDDEN, *after]), background__absorb=0)
        assert share(masks[-1]) == 0


class TestADisturbanceThatTakesASecond:
    @staticmethod
    def fades(*, lies: bool) -> list[MaskedFrame]:
        mixed = [
            np.rint(room() * (1 - t) + OTHER * t).astype(np.uint8) for t in (0.2, 0.4, 0.6, 0.8)
        ]
        after = [*mixed, *[OTHER] * (LONG + SECOND)]
        before = HIDDEN if lies else [room()] * BEGIN
        shown = [somebody(luma, LIES) if lies else luma for luma in after]
        return masked(filmed([*before, *shown]), background__absorb=0)

    def test_is_not_taken_for_people(self) -> None:
        assert share(self.fades(lies=False)[-1]) == 0

    def test_keeps_hidden_who_was(self) -> None:
        found = known_again(self.fades(lies=True))
        assert all(is_hidden(m, place_of(LIES)) for m in found)
        assert share(found[-1]) < 0.2


def test_somebody_whom_a_detector_sees_meanwhile_stays_hidden() -> None:
    seen = range(AFTER + 2, AFTER + 5)
    parser = StubParser(lambda f, _p: [face(Box(131, 61, 18, 18))] if f.index in seen else [])
    frames = filmed([*[room()] * AFTER, *[somebody(OTHER, LIES)] * LONG], noise=2)
    masks = masked(frames, parser, background__absorb=0)
    assert not isinstance(masks[-1].parts, Unknown)
    assert all(is_hidden(m, place_of(LIES)) for m in masks[AFTER:])


class TestACameraThatWasAway:
    def frames(self, *, gone: int) -> list[MaskedFrame]:
        """Somebody lies there when it comes back, and has left in frame `gone` after that."""
        there = [somebody(room(), LIES)] * gone
        frames = filmed([*HIDDEN, *there, *[room()] * (3 * SECOND)], discontinuity=BEGIN)
        return masked(frames, background__absorb=0)

    def test_keeps_hidden_who_was(self) -> None:
        masks = self.frames(gone=6 * SECOND)
        assert masks[BEGIN].parts is Unknown.NO_SCENE
        found = [m for m in known_again(masks) if m.frame.index < BEGIN + 6 * SECOND]
        assert len(found) == 5 * SECOND
        assert all(is_hidden(m, place_of(LIES)) for m in found)

    def test_shows_the_scene_once_they_have_left(self) -> None:
        masks = self.frames(gone=2 * SECOND)
        assert share(masks[-1]) == 0

    def test_shows_an_empty_scene(self) -> None:
        assert share(self.frames(gone=0)[-1]) == 0

    def test_twice_keeps_hidden_who_was(self) -> None:
        there = [somebody(room(), LIES)] * (4 * SECOND)
        frames = filmed([*HIDDEN, *there], discontinuity=BEGIN)
        again = BEGIN + 2
        frames[again] = replace(frames[again], discontinuity=True)
        masks = masked(frames, background__absorb=0)
        assert not isinstance(masks[-1].parts, Unknown)
        assert all(is_hidden(m, place_of(LIES)) for m in masks[BEGIN:])

    def test_in_a_picture_of_another_shape_begins_anew(self) -> None:
        scene = Scene(Background(learn=1, absorb=0))
        small, large = (np.full((r, 160, 3), 90, np.float32) for r in (90, 120))
        there = small.copy()
        there[30:80, 60:90] = 30
        for now in [*[small] * 8, *[there] * 8]:
            seen = scene.look(now, 0.2)
        assert seen is not None
        assert seen.differs[50, 70]
        scene.interrupt()
        for _ in range(8):
            seen = scene.look(large, 0.2)
        assert seen is not None
        assert not (seen.differs | seen.unknown).any()


def test_numbers_outlast_frames_that_are_hidden_whole() -> None:
    flash = np.full((HEIGHT, WIDTH), 235, np.uint8)
    flash[::8] = 16
    masks = masked(filmed([*HIDDEN, flash, *[somebody(room(), LIES)] * 3]), background__absorb=0)
    assert masks[BEGIN].parts is Unknown.NO_SCENE
    numbers = []
    for m in (masks[BEGIN - 1], masks[BEGIN + 2]):
        assert not isinstance(m.parts, Unknown)
        numbers.append({part.person for part in m.parts})
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) == 1
