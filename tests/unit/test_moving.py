"""`moving` and `background`: whatever is not the scene of a fixed camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.scopes import choose, resolve_rules, resolve_scope
from stream_anon.errors import ConfigError
from tests.scenes import (
    AFTER,
    HEIGHT,
    RATE,
    WIDTH,
    filmed,
    hidden_pixels,
    is_hidden,
    lamp,
    lit,
    masked,
    moved,
    place_of,
    room,
    scene_masker,
    share,
    somebody,
    trembling,
)
from tests.stubs import StubParser, face, make_info, masker_of, nobody

EMPTY = [room()] * AFTER
SECOND = RATE


def crossing() -> list[int]:
    """Where somebody is, from frame to frame, who walks through the picture in 5 seconds."""
    return list(range(-20, WIDTH + 20, 16))


class TestSomebodyWhoCrossesTheRoom:
    def test_is_hidden_from_entering_to_leaving(self) -> None:
        walk = crossing()
        masks = masked(filmed([*EMPTY, *(somebody(room(), x) for x in walk), *[room()] * 10]))
        for frame, x in zip(masks[AFTER:], walk, strict=False):
            assert not isinstance(frame.parts, Unknown)
            assert is_hidden(frame, place_of(x)), x

    def test_leaves_the_room_as_it_was(self) -> None:
        walk = crossing()
        masks = masked(filmed([*EMPTY, *(somebody(room(), x) for x in walk), *[room()] * 10]))
        assert all(share(frame) == 0 for frame in masks[-7:])

    def test_is_one_region_with_a_number_of_its_own(self) -> None:
        masks = masked(filmed([*EMPTY, *(somebody(room(), x) for x in range(60, 260, 10))]))
        numbers = [{p.person for p in parts_of(m)} for m in masks[AFTER + 2 :]]
        assert set.union(*numbers) == numbers[0]
        assert len(numbers[0]) == 1

    def test_leaves_most_of_the_picture_alone(self) -> None:
        masks = masked(filmed([*EMPTY, *(somebody(room(), x) for x in range(60, 260, 10))]))
        assert max(share(frame) for frame in masks[AFTER + 2 :]) < 0.35


def unknown(frame: MaskedFrame) -> bool:
    return isinstance(frame.parts, Unknown)


def parts_of(frame: MaskedFrame) -> tuple[Part, ...]:
    assert not isinstance(frame.parts, Unknown)
    return frame.parts


class TestTheSceneIsNotKnown:
    def test_at_first_so_that_everything_is_hidden(self) -> None:
        masks = masked(filmed(EMPTY))
        whole = [m.frame.index for m in masks if m.parts is Unknown.NO_SCENE]
        assert whole == list(range(SECOND))
        assert all(share(frame) == 0 for frame in masks[SECOND:])

    def test_after_a_discontinuity(self) -> None:
        masks = masked(filmed([*EMPTY, *EMPTY], discontinuity=AFTER))
        whole = [m.frame.index for m in masks if m.parts is Unknown.NO_SCENE]
        assert whole == [*range(SECOND), *range(AFTER, AFTER + SECOND)]

    def test_where_another_scene_is_cut_in(self) -> None:
        other = lit(room(seed=9)[::-1].copy(), 0.8)
        masks = masked(filmed([*EMPTY, *[other] * (5 * SECOND)]))
        whole = [m.frame.index for m in masks if m.parts is Unknown.NO_SCENE]
        assert whole == [*range(SECOND), *range(AFTER, AFTER + 3 * SECOND + 1)]

    def test_while_somebody_fills_most_of_the_picture(self) -> None:
        near = room()
        near[:, 90:290] = 200
        turns = [near.copy() for _ in range(5 * SECOND)]
        for n, luma in enumerate(turns):
            luma[20:180, 60 + 15 * (n % 2) : 130] = 30
        masks = masked(filmed([*EMPTY, *turns]))
        assert all(m.parts is Unknown.NO_SCENE for m in masks[AFTER:])

    def test_and_a_gap_is_no_rest(self) -> None:
        frames = [replace(f, pts=f.pts * 40) for f in filmed(EMPTY[:2])]
        assert all(m.parts is Unknown.NO_SCENE for m in masked(frames))

    def test_where_somebody_moves_meanwhile(self) -> None:
        pictures = [somebody(room(), 100 + 20 * (n % 2)) for n in range(3 * SECOND)]
        last = masked(filmed(pictures))[-1]
        assert not unknown(last)
        assert is_hidden(last, place_of(100 + 20 * ((3 * SECOND - 1) % 2)))
        assert share(last) < 0.5

    def test_after_the_scope_changes(self) -> None:
        masker = scene_masker(hidden=frozenset({"face"}), live=True)
        given = []
        for frame in filmed([room()] * (2 * AFTER)):
            if frame.index == AFTER:
                masker.hide(frozenset({"moving"}))
            masker.take(frame)
            while masker.is_decided:
                given.append(masker.release())
        whole = [m.frame.index for m in given if m.parts is Unknown.NO_SCENE]
        assert whole[-1] == AFTER + SECOND - 1
        assert not any(unknown(m) for m in given[: AFTER - 1])
        masker.close()


class TestSomebodyWhoStops:
    PICTURES = (*EMPTY, *(somebody(room(), x) for x in range(-20, 150, 10)))

    def stands(self, seconds: int, absorb: float) -> list[bool]:
        """Whether they are hidden, in each frame in which they stand still."""
        frames = filmed([*self.PICTURES, *[somebody(room(), 140)] * (seconds * SECOND)])
        masks = masked(frames, background__absorb=absorb)
        return [is_hidden(m, place_of(140)) for m in masks[len(self.PICTURES) :]]

    def test_stays_hidden_until_absorbed(self) -> None:
        hidden = self.stands(7, 4)
        assert all(hidden[: 4 * SECOND - 2])
        assert not any(hidden[5 * SECOND :])

    def test_stays_hidden_for_ever_where_nothing_is_absorbed(self) -> None:
        assert all(self.stands(8, 0))

    def test_stays_hidden_while_moving_a_little(self) -> None:
        still = [somebody(room(), 140, top=60 + (n // 5) % 2 * 4) for n in range(7 * SECOND)]
        masks = masked(filmed([*self.PICTURES, *still]), background__absorb=2)
        after = masks[len(self.PICTURES) :]
        tops = [60 + (n // 5) % 2 * 4 for n in range(len(after))]
        assert all(is_hidden(m, place_of(140, top=t)) for m, t in zip(after, tops, strict=True))

    def test_stays_hidden_while_a_detector_sees_them(self) -> None:
        parser = StubParser(lambda _frame, _pass: [face(Box(131, 61, 18, 18))])
        masks = masked(
            filmed([*self.PICTURES, *[somebody(room(), 140)] * (5 * SECOND)]),
            parser,
            background__absorb=2,
        )
        assert all(is_hidden(m, place_of(140)) for m in masks[len(self.PICTURES) :])


class TestSomebodyWhoSitsThereFromTheFirstFrameOn:
    FRAMES = filmed([somebody(room(), 140)] * (5 * SECOND), noise=4)

    def test_is_never_shown_if_a_detector_has_seen_them(self) -> None:
        parser = StubParser(lambda f, _p: [face(Box(131, 61, 18, 18))] if f.index < 3 else [])
        masks = masked(self.FRAMES, parser, background__absorb=0)
        assert all(is_hidden(m, place_of(140)) for m in masks)
        assert not unknown(masks[-1])

    def test_is_taken_for_furniture_if_nobody_has(self) -> None:
        assert not is_hidden(masked(self.FRAMES)[-1], place_of(140))

    def test_waits_to_be_absorbed(self) -> None:
        parser = StubParser(lambda f, _p: [face(Box(131, 61, 18, 18))] if f.index < 3 else [])
        masks = masked(self.FRAMES, parser, background__absorb=3)
        shown = [m.frame.index for m in masks if not is_hidden(m, place_of(140))]
        assert shown
        assert shown[0] >= 3 * SECOND


class TestLight:
    def test_that_is_switched_hides_nothing_for_long(self) -> None:
        for field in (lamp(0.8), 0.5 * lamp(0.5, (0.8, 0.3)), np.full((HEIGHT, WIDTH), 1.4)):
            masks = masked(filmed([*EMPTY, *[lit(room(), field)] * (2 * SECOND)]))
            assert all(share(m) < 0.01 for m in masks[AFTER + SECOND :])

    def test_that_is_switched_leaves_people_hidden(self) -> None:
        walk = list(range(60, 200, 10))
        dark = [lit(somebody(room(), x), 0.5 * lamp(0.5)) for x in walk]
        bright = [somebody(room(), x) for x in range(0, 60, 10)]
        masks = masked(filmed([*EMPTY, *bright, *dark]))
        for frame, x in zip(masks[AFTER + len(bright) :], walk, strict=True):
            assert is_hidden(frame, place_of(x)), x
        assert share(masks[-1]) < 0.5

    def test_that_fades_hides_nothing(self) -> None:
        fading = [lit(room(), f * lamp(0.4)) for f in np.linspace(1, 0.35, 6 * SECOND)]
        masks = masked(filmed([lit(room(), lamp(0.4))] * AFTER + fading))
        assert all(share(m) < 0.01 for m in masks[AFTER:])

    def test_that_has_faded_leaves_people_hidden(self) -> None:
        fading = [lit(room(), f) for f in np.linspace(1, 0.35, 6 * SECOND)]
        walk = crossing()
        dark = [lit(somebody(room(), x), 0.35) for x in walk]
        masks = masked(filmed([*EMPTY, *fading, *dark]))
        for frame, x in zip(masks[-len(walk) :], walk, strict=True):
            assert is_hidden(frame, place_of(x)), x


class TestTheCamera:
    def test_may_tremble(self) -> None:
        masks = masked(filmed([*EMPTY, *trembling(room(), 4 * SECOND)]))
        assert all(share(m) < 0.01 for m in masks[AFTER:])

    def test_may_tremble_with_somebody_there(self) -> None:
        walk = crossing()
        shaken = [moved(somebody(room(), x), (-1) ** n * 2, n % 3 - 1) for n, x in enumerate(walk)]
        masks = masked(filmed([*EMPTY, *shaken]))
        for n, (frame, x) in enumerate(zip(masks[AFTER:], walk, strict=True)):
            where = [b.moved((-1) ** n * 2, n % 3 - 1) for b in place_of(x)]
            inside = [b for b in where if b.x >= 0 and b.x + b.width <= WIDTH]
            assert is_hidden(frame, inside), x

    def test_may_be_noisy(self) -> None:
        masks = masked(filmed([room()] * (5 * SECOND), noise=8))
        assert all(share(m) < 0.01 for m in masks[2 * SECOND :])

    def test_that_is_noisy_still_sees_people(self) -> None:
        walk = crossing()
        frames = filmed([*EMPTY, *(somebody(room(), x) for x in walk)], noise=8)
        for frame, x in zip(masked(frames)[AFTER:], walk, strict=True):
            assert is_hidden(frame, place_of(x)), x


def test_a_chair_that_was_moved_is_hidden_until_absorbed() -> None:
    before, after = room(), room()
    before[130:180, 100:140], after[130:180, 200:240] = 220, 220
    masks = masked(filmed([before] * AFTER + [after] * (5 * SECOND)), background__absorb=3)
    places = [Box(100, 130, 40, 50), Box(200, 130, 40, 50)]
    assert all(is_hidden(m, places) for m in masks[AFTER : AFTER + 3 * SECOND - 2])
    assert share(masks[-1]) == 0


class TestBackground:
    def test_hides_the_scene_and_keeps_who_moves(self) -> None:
        walk = list(range(60, 260, 10))
        frames = filmed([*EMPTY, *(somebody(room(), x) for x in walk)])
        masks = masked(frames, hidden=frozenset({"background"}))
        assert all(m.parts is Unknown.NO_SCENE for m in masks[:SECOND])
        assert all(share(m) == 1 for m in masks[SECOND : AFTER - 1])
        for frame, x in zip(masks[AFTER:], walk, strict=True):
            hidden = hidden_pixels(frame)
            body = place_of(x)[0]
            inside = np.s_[int(body.y) + 3 : int(body.y + body.height) - 3, x - 10 : x + 10]
            assert not hidden[inside].any()
            assert hidden.mean() > 0.7

    def test_hides_a_face_of_somebody_who_moves(self) -> None:
        walk = list(range(60, 160, 10))
        frames = filmed([*EMPTY, *(somebody(room(), x) for x in walk)])
        parser = StubParser(
            lambda f, _p: (
                [face(Box(walk[f.index - AFTER] - 9, 61, 18, 18))] if f.index >= AFTER else []
            )
        )
        masks = masked(frames, parser, hidden=frozenset({"background", "face"}))
        for frame, x in zip(masks[AFTER:], walk, strict=True):
            assert is_hidden(frame, [Box(x - 4, 66, 8, 8)])


class TestZones:
    LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))

    def test_that_are_ignored_hide_nothing_that_moves_inside(self) -> None:
        zones = [{"name": "tree", "points": self.LEFT, "mode": "ignore"}]
        pictures = [somebody(room(), 60 + 20 * (n % 2)) for n in range(10)]
        masks = masked(filmed([*EMPTY, *pictures]), redaction__zones=zones)
        assert all(share(m) == 0 for m in masks[AFTER:])

    def test_that_are_ignored_hide_whoever_passes_by(self) -> None:
        zones = [{"name": "tree", "points": self.LEFT, "mode": "ignore"}]
        walk = list(range(280, 40, -10))
        frames = filmed([*EMPTY, *(somebody(room(), x) for x in walk)])
        masks = masked(frames, redaction__zones=zones)
        for frame, x in zip(masks[AFTER:], walk, strict=True):
            assert is_hidden(frame, place_of(x)), x

    def test_that_are_hidden_are_hidden_too(self) -> None:
        zones = [{"name": "door", "points": self.LEFT, "mode": "hide"}]
        masks = masked(filmed(EMPTY), redaction__zones=zones)
        assert is_hidden(masks[-1], [Box(0, 0, WIDTH / 2, HEIGHT)])


class TestTheScope:
    def test_moving_hides_faces_too(self) -> None:
        rows = choose("auto", "moving")
        assert [row.name for row in rows] == ["scene", "centerface"]
        assert resolve_scope("moving", rows) == {"moving", "face"}
        assert resolve_scope("head,moving", rows) == {"moving", "face", "head"}

    def test_background_hides_nobody(self) -> None:
        rows = choose("auto", "background")
        assert resolve_scope("background", rows) == {"background"}
        assert resolve_scope("background,face", rows) == {"background", "face"}

    def test_has_rules(self) -> None:
        rows = choose("auto", "moving")
        hidden = resolve_scope("moving", rows)
        assert resolve_rules(["moving"], hidden, rows)[0] == {"moving": "moving", "face": "moving"}
        both = resolve_rules(["moving", "face"], hidden, rows)[0]
        assert both == {"moving": "moving", "face": "face"}

    @pytest.mark.parametrize("label", ["moving", "background"])
    def test_of_a_single_picture_is_refused(self, label: str) -> None:
        info = replace(make_info(WIDTH, HEIGHT), still=True)
        with pytest.raises(ConfigError, match=f"{label} .* single picture: choose another"):
            masker_of(StubParser(nobody), info, hidden=frozenset({label}))
