"""One picture at several scales: the union is hidden, and parts of a face are not people."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.masking.detection import Detection
from stream_anon.masking.keyframes import octaves
from stream_anon.masking.scales import Look, at_least_as_large, union_of_scales
from stream_anon.masking.tracks import Track
from tests.stubs import (
    StubParser,
    covers,
    face,
    flickering_frames,
    hidden_in,
    make_frame,
    make_info,
    masker_of,
    masks_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass

WHOLE = Box(300, 200, 900, 1200)
NOSE = Box(650, 700, 200, 240)
EYES = Box(360, 400, 500, 300)
FAR = Box(1500, 300, 40, 48)


def seen(box: Box, score: float = 0.9) -> Detection:
    return Detection.of([face(box, score=score)])


def looks(*found: list[Detection], side: int = 1920) -> list[Look]:
    """One look for each list, an octave apart."""
    return [Look(each, 26 * 2**n * side / 1920) for n, each in enumerate(found)]


def drawn(detections: list[Detection]) -> NDArray[np.bool_]:
    """Which pixels of a picture of 1920 by 1600 are hidden."""
    y, x = np.mgrid[0:1600:4, 0:1920:4]
    hidden = np.zeros(x.shape, np.bool_)
    for part in (part for detection in detections for part in detection.parts):
        rows, columns = part.mask.shape
        row = np.floor((y - part.box.y) / part.box.height * rows).astype(int)
        column = np.floor((x - part.box.x) / part.box.width * columns).astype(int)
        inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
        hidden[inside] |= part.mask[row[inside], column[inside]] >= INSIDE
    return hidden


class TestOctaves:
    @pytest.mark.parametrize("side", [100, 384, 500, 640, 1280, 1600, 1920, 2400, 3840, 8192])
    def test_the_closest_comes_first_and_a_light_pass_last(self, side: int) -> None:
        sides = [detection_pass.long_side for detection_pass in octaves(side, min(side, 384))]
        assert sides[0] == side
        assert sides == sorted(set(sides), reverse=True)
        assert sides[-1] == 384 or side <= 512
        assert all(a <= 4 * b for a, b in pairwise(sides))

    @pytest.mark.parametrize("side", [640, 960, 1280, 1600, 1920, 3840, 8192])
    def test_they_cost_a_third_more_than_the_first(self, side: int) -> None:
        cost = sum(detection_pass.long_side**2 for detection_pass in octaves(side, 384))
        assert cost <= 1.37 * side**2


class TestUnion:
    def test_parts_of_a_face_and_the_face_are_one_mask(self) -> None:
        found = union_of_scales(looks([seen(NOSE), seen(EYES, 0.5)], [seen(WHOLE, 0.7)]))
        assert [detection.anchor for detection in found] == [WHOLE]
        assert found[0].score == 0.9
        assert (drawn([seen(NOSE), seen(EYES), seen(WHOLE)]) <= drawn(found)).all()

    def test_a_part_found_at_two_scales_is_part_of_the_face_at_the_third(self) -> None:
        found = union_of_scales(looks([seen(NOSE)], [seen(NOSE.moved(5, 5))], [seen(WHOLE)]))
        assert [detection.anchor for detection in found] == [WHOLE]

    def test_somebody_in_front_of_a_near_face_is_somebody(self) -> None:
        found = union_of_scales(looks([seen(NOSE)], [seen(NOSE.moved(5, 5)), seen(WHOLE)]))
        assert {detection.anchor for detection in found} == {NOSE.moved(0, 0), WHOLE}

    def test_somebody_too_small_for_the_other_scale_is_somebody(self) -> None:
        tiny = Box(700, 700, 20, 24)
        found = union_of_scales(looks([seen(tiny)], [seen(WHOLE)]))
        assert {detection.anchor for detection in found} == {tiny, WHOLE}

    def test_a_face_that_hardly_anybody_believes_takes_nobody(self) -> None:
        found = union_of_scales(looks([seen(NOSE)], [seen(WHOLE, 0.15)]))
        assert {detection.anchor for detection in found} == {NOSE, WHOLE}

    def test_two_near_faces_and_one_far_away_are_three(self) -> None:
        other = WHOLE.moved(700, 0)
        found = union_of_scales(
            looks([seen(FAR), seen(NOSE), seen(NOSE.moved(700, 0))], [seen(WHOLE), seen(other)])
        )
        assert {detection.anchor for detection in found} == {FAR, WHOLE, other}

    def test_the_same_face_at_two_scales_stays_as_the_closest_look_saw_it(self) -> None:
        close = seen(FAR)
        (found,) = union_of_scales(looks([close], [seen(FAR.moved(1, 1), 0.95)]))
        assert found.parts == close.parts

    def test_it_grows_by_what_the_other_scale_shows_more_of(self) -> None:
        less = Box(WHOLE.x, WHOLE.y, WHOLE.width, 0.7 * WHOLE.height)
        (found,) = union_of_scales(looks([seen(less)], [seen(WHOLE, 0.5)]))
        assert found.anchor == WHOLE
        assert (drawn([seen(less), seen(WHOLE)]) <= drawn([found])).all()

    def test_one_look_is_as_it_is(self) -> None:
        detections = [seen(WHOLE), seen(NOSE), seen(WHOLE.moved(1, 0))]
        assert union_of_scales(looks(detections)) == detections
        assert union_of_scales(looks([], [])) == []

    @pytest.mark.parametrize("seed", range(8))
    def test_nothing_that_any_look_hides_is_lost(self, seed: int) -> None:
        rng = np.random.default_rng(seed)

        def anybody() -> Detection:
            size = float(2 ** rng.uniform(5, 10))
            x, y = rng.uniform(0, 1900 - size), rng.uniform(0, 1500 - size)
            mask = ellipse() if rng.random() < 0.8 else full_box()
            part = Part("face", Box(x, y, size, size), mask, float(rng.uniform(0.1, 1)), 0)
            return Detection.of([part, replace(part, label="head", box=part.box.grown(9, 9))])

        found = [[anybody() for _ in range(rng.integers(0, 6))] for _ in range(4)]
        for detection in list(found[0]):  # what is one at two scales, nearly
            found[1].append(replace(detection, anchor=detection.anchor.grown(2, 3)))
        union = union_of_scales(looks(*found))
        assert (drawn([one for each in found for one in each]) <= drawn(union)).all()


class TestTracksDoNotShrink:
    def track(self) -> Track:
        track = Track(1)
        track.see(0, 0.0, seen(WHOLE))
        track.carry(1, 0.04, WHOLE.moved(10, 0))
        return track

    def test_to_a_part_of_the_face(self) -> None:
        nose = Box(500, 600, 550, 660)
        kept = at_least_as_large(self.track(), seen(nose), 1)
        assert (drawn([seen(nose), seen(WHOLE.moved(10, 0))]) <= drawn([kept])).all()

    @pytest.mark.parametrize("box", [WHOLE.grown(-80, -100), WHOLE.moved(30, 0), FAR])
    def test_but_follow_whatever_is_no_part_of_it(self, box: Box) -> None:
        detection = seen(box)
        assert at_least_as_large(self.track(), detection, 1) is detection

    def test_nor_do_masks_when_a_pass_finds_a_nose_only(self) -> None:
        whole, nose = Box(60, 20, 120, 144), Box(85, 60, 75, 90)

        def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            return [face(nose if frame.index == 8 else whole)]

        masks = masks_of(
            StubParser(answer),
            flickering_frames(20),
            keyframes__interval=1,
            masking__margin=0,
            masking__growth=0,
            masking__lookahead=0,
        )
        assert all(covers(masked, whole) for masked in masks)

    def test_and_one_that_is_small_now_is_hidden_as_small(self) -> None:
        whole, small = Box(60, 20, 120, 144), Box(85, 60, 75, 90)

        def answer(frame: Frame, _detection_pass: DetectionPass) -> list[Part]:
            return [face(whole if frame.index < 8 else small)]

        masks = masks_of(
            StubParser(answer), flickering_frames(20), keyframes__interval=1, masking__margin=0
        )
        assert all(covers(masked, small) for masked in masks[8:])
        assert not any(covers(masked, whole) for masked in masks[11:])


class TestInTheMasker:
    """A detector that sees faces of up to 300 pixels of its own, and parts of larger ones."""

    WIDTH, HEIGHT = 1600, 912
    NEAR = Box(500, 60, 600, 800)
    PART = Box(620, 300, 330, 380)

    def near(self, frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        x, y, width, height = detection_pass.region or Box(0, 0, frame.width, frame.height)
        scale = min(1.0, detection_pass.long_side / max(width, height))
        if self.NEAR.size * scale < 300 and self.NEAR.overlap(Box(x, y, width, height)):
            return [face(self.NEAR)]
        return [face(self.PART)] if detection_pass.region is None else []

    @pytest.mark.parametrize("live", [False, True])
    @pytest.mark.parametrize("moves", [False, True])
    def test_a_near_face_is_hidden_whole(self, live: bool, moves: bool) -> None:
        frames = flickering_frames(16, width=self.WIDTH, height=self.HEIGHT)
        if not moves:
            luma = frames[0].planes[0]
            frames = [make_frame(self.WIDTH, self.HEIGHT, n, luma=luma) for n in range(16)]
        parser = StubParser(self.near)
        values = {"keyframes.deep_interval": 0.2, "masking.margin": 0, "masking.growth": 0}
        masks = list(
            masker_of(parser, make_info(self.WIDTH, self.HEIGHT), values, live=live).masks(frames)
        )
        assert hidden_in(masks) == list(range(16))
        assert all(covers(masked, self.NEAR) for masked in masks)
        people = {p.person for m in masks if isinstance(m.parts, tuple) for p in m.parts}
        assert len(people) == 1, "its parts are nobody else"

    def test_a_near_face_that_comes_in_beside_small_ones_is_hidden_at_once(self) -> None:
        """Larger passes for those who are small do not see it."""
        small = [Box(20 + 60 * n, 820, 22, 26) for n in range(24)]

        def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
            larger = detection_pass.region is None and detection_pass.long_side > 384
            found = [face(box, person=n + 1) for n, box in enumerate(small) if larger]
            return found + (self.near(frame, detection_pass) if frame.index >= 3 else [])

        frames = flickering_frames(8, width=self.WIDTH, height=self.HEIGHT)
        values = {"keyframes.deep_interval": 60, "masking.lookahead": 0, "keyframes.interval": 1}
        parser = StubParser(answer)
        masks = list(masker_of(parser, make_info(self.WIDTH, self.HEIGHT), values).masks(frames))
        whole = {p.long_side for n, p in parser.asked if n > 0 and p.region is None}
        assert max(whole) > 384, "the small ones get larger passes"
        assert all(covers(masked, self.NEAR) for masked in masks[3:])


def test_a_face_on_a_person_is_no_part_of_the_person() -> None:
    person = Detection.of([Part("person", WHOLE, full_box(), 0.9, 0)])
    for own in (EYES, WHOLE.moved(10, 10)):
        kept = union_of_scales(looks([seen(own, 0.5)], [person]))
        assert sorted(d.anchor for d in kept) == sorted([own, WHOLE]), "each is followed by itself"
