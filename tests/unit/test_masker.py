"""Masks for every frame from detection passes: gaps, entrances, cuts, damage, quiet footage."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import Unknown
from stream_anon.detectors.base import DetectionPass
from stream_anon.errors import ParserError
from stream_anon.masking.outlines import ABSORBED, ASPECTS
from tests.stubs import (
    START,
    StubParser,
    covers,
    face,
    flickering_frames,
    hidden_in,
    make_frame,
    make_info,
    make_plane,
    masker_of,
    masks_of,
    moving,
    nobody,
    regions_of,
    sees,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WIDTH, HEIGHT = 320, 192


def two_shots(each: int = 12) -> list[Frame]:
    lumas = [make_plane(HEIGHT, WIDTH, pattern="texture", seed=seed) for seed in (1, 2)]
    shots = [lumas[n // each].copy() for n in range(2 * each)]
    for n, luma in enumerate(shots):
        luma[:30, :30] = 60 + 90 * (n % 2)  # never quiet
    return [make_frame(WIDTH, HEIGHT, n, luma=luma) for n, luma in enumerate(shots)]


class TestEveryFrame:
    @pytest.mark.parametrize("lookahead", [0, 0.04, 0.2, 1.0, 10.0])
    @pytest.mark.parametrize("count", [0, 1, 2, 30])
    def test_comes_out_once_and_in_order(self, lookahead: float, count: int) -> None:
        frames = moving(count) if count else []
        masks = masks_of(sees(), frames, masking__lookahead=lookahead)
        assert [masked.frame for masked in masks] == frames

    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_comes_out_whatever_happens(self, data: st.DataObject) -> None:
        size = data.draw(st.sampled_from([(16, 16), (33, 17), (64, 48)]))
        kinds = data.draw(st.lists(st.sampled_from("nnsscd"), min_size=1, max_size=25))
        gaps = data.draw(st.lists(st.integers(1, 40), min_size=25, max_size=25))
        seeds = itertools.accumulate(kind != "s" for kind in kinds)
        frames = [
            make_frame(
                *size,
                index,
                pattern="noise",
                seed=seed,
                pts=sum(gaps[:index]),
                corrupt=kind == "c",
                discontinuity=kind == "d",
            )
            for index, (kind, seed) in enumerate(zip(kinds, seeds, strict=True))
        ]
        rng = np.random.default_rng(data.draw(st.integers(0, 99)))

        def answer(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            found = rng.uniform(-20, 60, (int(rng.integers(0, 4)), 2))
            return [face(Box(x, y, 9, 9), score=0.5, person=n) for n, (x, y) in enumerate(found)]

        lookahead = data.draw(st.sampled_from([0.0, 0.3, 5.0]))
        masks = masks_of(StubParser(answer), frames, masking__lookahead=lookahead)
        assert [masked.frame for masked in masks] == frames
        for masked in masks:
            assert (masked.parts is Unknown.CORRUPT) == masked.frame.corrupt

    @pytest.mark.parametrize("lookahead", [0, 0.4])
    def test_is_hidden_where_the_face_is(self, lookahead: float) -> None:
        masks = masks_of(sees(), moving(), masking__lookahead=lookahead)
        assert all(covers(masked, truth(masked.frame)) for masked in masks)

    def test_is_clear_where_nobody_is(self) -> None:
        masks = masks_of(StubParser(nobody), moving())
        assert [masked.parts for masked in masks] == [()] * 40

    def test_the_same_input_gives_the_same_masks(self) -> None:
        runs = [masks_of(sees(lambda n: n % 7 != 3), moving()) for _ in range(2)]
        assert regions_of(runs[0]) == regions_of(runs[1])
        assert hidden_in(runs[0])


class TestCuts:
    def test_nothing_is_carried_across_a_cut(self) -> None:
        before = masks_of(sees(lambda n: n < 12, lambda _f: START), two_shots())
        after = masks_of(sees(lambda n: n >= 12, lambda _f: START), two_shots())
        assert hidden_in(before) == list(range(12))
        assert hidden_in(after) == list(range(12, 24))

    def test_the_first_frame_after_a_cut_is_looked_at(self) -> None:
        parser = sees(where=lambda _f: START)
        masks = masks_of(parser, two_shots(), keyframes__interval=100, keyframes__deep_interval=60)
        assert masks[12].is_keyframe
        assert parser.frames_asked == [0, 11, 12, 23], "and so is the last one of each shot"

    def test_nothing_is_carried_across_a_discontinuity(self) -> None:
        frames = flickering_frames(24)
        frames[12] = make_frame(
            WIDTH, HEIGHT, 12, luma=frames[12].planes[0].copy(), discontinuity=True
        )
        masks = masks_of(sees(lambda n: n < 12, lambda _f: START), frames)
        assert hidden_in(masks) == list(range(12))
        assert masks[12].is_keyframe


class TestDamage:
    def damaged(self, bad: range) -> list[Frame]:
        return [
            make_frame(WIDTH, HEIGHT, f.index, luma=f.planes[0].copy(), corrupt=f.index in bad)
            for f in flickering_frames(24)
        ]

    @pytest.mark.parametrize(
        "bad", [range(1), range(10, 11), range(8, 14), range(23, 24), range(24)]
    )
    def test_damaged_frames_are_unknown_and_no_others(self, bad: range) -> None:
        masks = masks_of(sees(where=lambda _f: START), self.damaged(bad))
        unknown = [m.frame.index for m in masks if m.parts is Unknown.CORRUPT]
        assert unknown == list(bad)
        assert all(covers(masked, START) for masked in masks)

    def test_damaged_frames_are_not_looked_at_and_the_next_one_is(self) -> None:
        parser = sees(where=lambda _f: START)
        masks = masks_of(parser, self.damaged(range(8, 14)))
        assert not set(parser.frames_asked) & set(range(8, 14))
        assert masks[14].is_keyframe

    def test_nothing_is_carried_over_damage(self) -> None:
        masks = masks_of(sees(lambda n: n < 8, lambda _f: START), self.damaged(range(8, 10)))
        assert not hidden_in(masks[10:])


class TestMemory:
    @pytest.mark.parametrize(("lookahead", "most"), [(10.0, 17 * 2**20), (0.2, 7 * 460_800)])
    def test_frames_held_are_bounded(self, lookahead: float, most: float) -> None:
        taken = 0

        def source() -> Iterator[Frame]:
            nonlocal taken
            for index in range(60):
                taken += 1
                yield make_frame(640, 480, index)

        values = {"masking.memory": 16, "masking.lookahead": lookahead}
        masker = masker_of(StubParser(nobody), make_info(640, 480), values)
        given_back = 0
        for _ in masker.masks(source()):
            assert (taken - given_back) * 640 * 480 * 1.5 <= most
            given_back += 1
        assert given_back == 60

    @pytest.mark.parametrize("size", [(1600, 100), (1600, 60), (4000, 8), (60, 1600), (2, 2)])
    def test_pictures_of_any_form_are_followed(self, size: tuple[int, int]) -> None:
        """OpenCV's optical flow crashes on very flat ones, and takes the process along."""
        frames = [make_frame(*size, n, pattern="noise", seed=n) for n in range(6)]
        masks = masks_of(StubParser(lambda _f, _l: [face(Box(0, 0, 2, 2))]), frames)
        assert [masked.frame.index for masked in masks] == list(range(6))

    def test_a_long_run_keeps_no_old_tracks(self) -> None:
        parser = sees(lambda n: n % 20 < 3, lambda f: START.moved(7 * (f.index // 20), 0))
        masker = masker_of(parser, make_info(WIDTH, HEIGHT))
        list(masker.masks(iter(flickering_frames(300))))
        assert len(masker._watches[0]) <= 3


class TestParserFailures:
    @pytest.mark.parametrize(
        "error",
        [
            ValueError("x"),
            KeyError("x"),
            ZeroDivisionError(),
            TypeError(),
            IndexError(),
            RuntimeError("x"),
            AttributeError("x"),
            OSError("x"),
            cv2.error("x"),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_whatever_a_parser_raises_is_a_parser_error(self, error: Exception) -> None:
        def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            if frame.index < 3:
                return []
            raise error

        with pytest.raises(ParserError, match="stub failed on"):
            masks_of(StubParser(answer), moving(10))

    def test_a_parser_error_is_passed_on_as_it_is(self) -> None:
        failure = ParserError("the network melted")

        def answer(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            raise failure

        with pytest.raises(ParserError) as caught:
            masks_of(StubParser(answer), moving(3))
        assert caught.value is failure

    @pytest.mark.parametrize(
        "answer",
        [None, 7, "face", [None], ["face"], [np.zeros(4)], {"face": 1}],
        ids=repr,
    )
    def test_answers_that_are_none_are_a_parser_error(self, answer: Any) -> None:
        with pytest.raises(ParserError):
            masks_of(StubParser(lambda _f, _l: answer), moving(3))

    @pytest.mark.parametrize(
        "make",
        [
            lambda: face(START.moved(float("nan"), 0)),
            lambda: face(START, score=float("nan")),
            lambda: face(START, label="phase"),
            lambda: face(Box(0, 0, 1e300, 1e300)),
            lambda: Part("face", START, np.zeros((4, 4), bool), 0.9, 0),
        ],
        ids=["box is not a number", "score is not a number", "label", "size", "mask"],
    )
    def test_parts_that_make_no_sense_are_a_parser_error(self, make: Callable[[], Part]) -> None:
        with pytest.raises(ParserError):
            masks_of(StubParser(lambda _f, _l: [make()]), moving(3))


class TestConfidence:
    def weak(self, times: range) -> StubParser:
        """Sees a weak face in some frames, and only when looking at the whole picture."""

        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            shown = frame.index in times and detection_pass.region is None
            return [face(START, score=0.3)] if shown else []

        return StubParser(answer)

    def confirmed_at(self, score: float, parser: StubParser) -> list[int]:
        return hidden_in(
            masks_of(
                parser,
                flickering_frames(30),
                keyframes__interval=1,
                masking__confirm_score=score,
                masking__linger=0,
            )
        )

    def test_one_weak_detection_hides_nothing(self) -> None:
        assert self.confirmed_at(0.5, self.weak(range(6, 7))) == []
        assert 6 in self.confirmed_at(0.25, self.weak(range(6, 7)))

    def test_several_of_them_do_and_in_hindsight_too(self) -> None:
        assert self.confirmed_at(0.8, self.weak(range(6, 9))) == [6, 7, 8]

    def test_weaker_ones_than_the_limit_are_ignored(self) -> None:
        parser = sees(where=lambda _f: START, score=0.2)
        assert masks_of(parser, flickering_frames(9), masking__track_score=0.5)[8].parts == ()


class TestCloseLooks:
    OTHER = START.moved(48, 6)

    def test_somebody_else_whom_a_close_look_finds_is_hidden(self) -> None:
        """The light pass misses both from frame 6 on; the close one at the first sees both."""

        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            if detection_pass.region is not None:
                return [face(START), face(self.OTHER, person=1)]
            return [face(START)] if frame.index < 6 else []

        masks = masks_of(StubParser(answer), flickering_frames(20), keyframes__deep_interval=60)
        assert all(covers(masked, self.OTHER) for masked in masks[6:])

    @pytest.mark.parametrize("apart", [0, 5, 15, 36])
    def test_somebody_close_to_a_face_that_is_in_view_is_hidden(self, apart: int) -> None:
        """The close pass at a face that is lost sees somebody beside or behind another one."""
        lost, beside = Box(220, 20, 60, 72), START.moved(apart, 0)

        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            if detection_pass.region is not None:
                return [face(beside)]
            return [face(START), face(lost, person=1)] if frame.index < 6 else [face(START)]

        masks = masks_of(
            StubParser(answer), flickering_frames(20), keyframes__interval=1, masking__lookahead=0,
            keyframes__deep_interval=60,
        )  # fmt: skip
        assert all(covers(masked, START) for masked in masks)
        assert covers(masks[6], beside)
        assert isinstance(masks[6].parts, tuple)
        people = {part.person for part in masks[6].parts if part.box.overlap(START)}
        assert len(people) == (2 if apart == 36 else 1), "nobody is followed twice"

    def test_lost_faces_leave_close_looks_to_doubtful_ones(self) -> None:
        lost = [Box(10 + 80 * n, 120, 30, 36) for n in range(3)]

        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            if detection_pass.region is not None:
                near = detection_pass.region.overlap(START) == START.area
                return [face(START, score=0.9)] if near and frame.index >= 9 else []
            if frame.index < 9:
                return [face(box, person=n) for n, box in enumerate(lost)]
            return [face(START, score=0.25)] if frame.index == 9 else []

        masks = masks_of(StubParser(answer), flickering_frames(16), masking__linger=0)
        assert covers(masks[9], START)

    def test_live_hides_a_doubtful_face_at_once(self) -> None:
        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            shown = frame.index == 6 and detection_pass.region is None
            return [face(START, score=0.25)] if shown else []

        values = {"live.lookahead": 0, "keyframes.interval": 1}
        masker = masker_of(StubParser(answer), make_info(WIDTH, HEIGHT), values, live=True)
        masks = list(masker.masks(iter(flickering_frames(9))))
        assert covers(masks[6], START)
        assert not masks[4].parts


class TestScope:
    def test_only_the_labels_of_the_scope_are_hidden(self) -> None:
        def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            return [face(truth(frame), label=name) for name in ("face", "head", "eyes")]

        for hidden in (frozenset({"eyes"}), frozenset({"face", "head"})):
            for masked in masks_of(StubParser(answer), moving(6), hidden=hidden):
                assert isinstance(masked.parts, tuple)
                assert {part.label for part in masked.parts} == hidden

    def test_parts_below_the_minimum_area_are_left_alone(self) -> None:
        big, small = START, Box(200, 100, 12, 12)

        def answer(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            return [face(big), face(small, person=1)]

        settings: dict[str, Any] = {"masking__min_area": 900, "masking__margin": 0}
        for masked in masks_of(StubParser(answer), flickering_frames(4), **settings):
            assert covers(masked, big)
            assert not covers(masked, small)
        for masked in masks_of(StubParser(answer), flickering_frames(4), masking__min_area=0):
            assert covers(masked, small)

    def test_the_margin_is_added_on_each_side(self) -> None:
        (masked,) = masks_of(sees(), moving(1), masking__margin=0.5, masking__growth=0)
        assert isinstance(masked.parts, tuple)
        found, aspect = masked.parts[0].box, ASPECTS["face"]
        # What is added is the same on all sides, so that the outline can be told from the mask.
        tall = (found.height - found.width) / (1 - aspect)
        outline = Box(0, 0, aspect * tall, tall)
        whole = outline.size / (1 - 2 * ABSORBED * 0.5)
        assert found.height - tall == pytest.approx(2 * 0.5 * whole)
        least = (1 - ABSORBED) * 0.5 * START.size
        assert found.x <= START.x - least
        assert found.x + found.width >= START.x + START.width + least

    def test_a_crowd_is_hidden_to_the_last(self) -> None:
        crowd = [Box(10 + 50 * c, 10 + 60 * r, 30, 38) for c in range(6) for r in range(3)]

        def answer(_frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            return [face(box, person=n) for n, box in enumerate(crowd)]

        for masked in masks_of(StubParser(answer), flickering_frames(8)):
            assert all(covers(masked, box) for box in crowd)
            assert isinstance(masked.parts, tuple)
            assert len({part.person for part in masked.parts}) == len(crowd)
