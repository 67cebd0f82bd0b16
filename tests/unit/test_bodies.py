"""Body parts: when they are parsed, whose they are, and what of them is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box
from stream_anon.errors import ParserError
from tests.bodies import ARM, COUNT, HAIR, SECOND, changed, masks_with, visible
from tests.people import PARSED, PeopleParser, Shape, scene
from tests.stubs import StubParser, face


class TestKeyframes:
    def test_the_parser_is_asked_once_a_second(self) -> None:
        parser = PeopleParser([HAIR])
        masks_with(parser, scene([HAIR], COUNT))
        assert parser.asked == [0, 25, 50]

    @pytest.mark.parametrize(("interval", "asked"), [(0.4, [0, 10, 20, 30]), (5.0, [0, 25])])
    def test_the_interval_is_a_setting_and_never_longer_than_the_lookahead(
        self, interval: float, asked: list[int]
    ) -> None:
        parser = PeopleParser([HAIR])
        masks_with(parser, scene([HAIR], 40), keyframes__parse_interval=interval)
        assert parser.asked == asked

    def test_nothing_moves_nothing_is_asked_and_everything_stays_hidden(self) -> None:
        still = replace(HAIR, step=(0, 0))
        parser = PeopleParser([still])
        masks = masks_with(parser, scene([still], 3 * SECOND))
        assert parser.asked == [0]
        assert all(visible(still, masked) == 0 for masked in masks)

    def test_what_comes_to_rest_between_keyframes_is_parsed_again_and_stays_hidden(self) -> None:
        moving = scene([HAIR], 10)
        resting = [
            replace(moving[-1], index=n, pts=n, planes=moving[-1].planes)
            for n in range(10, 4 * SECOND)
        ]
        there = replace(HAIR, step=(0, 0), box=(*HAIR.at(9), 60, 50))
        parser = PeopleParser(lambda index: [HAIR] if index < 10 else [there])
        masks = masks_with(parser, [*moving, *resting])
        assert all(visible(HAIR, masked) < 0.02 for masked in masks[:10])
        assert all(visible(there, masked) < 0.02 for masked in masks[10:])

    def test_a_cut_voids_everything_and_is_a_keyframe(self) -> None:
        one, two = HAIR, replace(HAIR, box=(350, 180, 60, 50), step=(0, 0))
        other = scene([two], 30, start=15)
        flipped = [
            replace(f, planes=(np.minimum(255 - f.planes[0], 200), *f.planes[1:])) for f in other
        ]
        frames = [*scene([one], 15), *flipped]
        parser = PeopleParser(lambda index: [one] if index < 15 else [two])
        masks = masks_with(parser, frames)
        assert parser.asked[:2] == [0, 15]
        assert max(visible(one, masked) for masked in masks[:15]) < 0.02
        for masked in masks[15:]:
            assert visible(two, masked) == 0
            assert not changed(masked)[:150, :200].any(), "what was before the cut is hidden still"


class TestPeople:
    def test_faces_and_parts_are_one_mask_of_one_person(self) -> None:
        """The face is where the hair's lower half is."""

        def see(frame: Frame, _detection_pass: object) -> list[object]:
            x, y = HAIR.at(frame.index)
            return [face(Box(x + 10, y + 15, 40, 50))]

        masks = masks_with(
            PeopleParser([HAIR]),
            scene([HAIR], COUNT),
            hidden=frozenset({"face", "hair"}),
            faces=StubParser(see),  # type: ignore[arg-type]
        )
        for masked in masks[1:]:
            assert isinstance(masked.parts, tuple)
            assert {part.label for part in masked.parts} == {"face", "hair"}
            assert len({part.person for part in masked.parts}) == 1

    def test_two_people_have_two_numbers_that_stay(self) -> None:
        arm = replace(ARM, step=(-1, 1))
        masks = masks_with(PeopleParser([HAIR, arm]), scene([HAIR, arm], COUNT))
        numbers = {
            label: {p.person for m in masks for p in m.parts if p.label == label}  # type: ignore[union-attr]
            for label in ("hair", "left-arm")
        }
        assert all(len(found) == 1 for found in numbers.values())
        assert numbers["hair"] != numbers["left-arm"]

    def test_hair_on_somebodys_shoulder_does_not_hide_their_body(self) -> None:
        """A's hair hangs over B's torso; the scope hides heads."""
        hair = Shape("hair", 0, (200, 60, 40, 70))
        torso = Shape("upper-clothes", 1, (180, 90, 160, 140))
        frames = scene([torso, hair], 30)
        masks = masks_with(PeopleParser([torso, hair]), frames, hidden=frozenset({"hair"}))
        for masked in masks:
            assert visible(hair, masked) == 0
            away = torso.inside(0).copy()
            away[:150, :265] = False  # the hair, its margin and its soft edge
            assert not changed(masked)[away].any()

    def test_two_heads_that_touch_are_both_hidden_whole(self) -> None:
        heads = [
            Shape(label, person, (x, y, width, height), (1, 0))
            for person, left in ((0, 150), (1, 200))
            for label, x, y, width, height in (
                ("face", left + 5, 90, 40, 50),
                ("hair", left, 70, 50, 40),
            )
        ]
        masks = masks_with(
            PeopleParser(heads), scene(heads, COUNT), hidden=frozenset({"face", "hair"})
        )
        for masked in masks:
            assert max(visible(part, masked) for part in heads) < 0.02

    def test_a_whole_person_is_hidden_once(self) -> None:
        human = Shape("human", 0, (100, 40, 90, 200), (1, 0))
        arm = Shape("left-arm", 0, (110, 100, 30, 60), (1, 0))
        alone = Shape("left-arm", 1, (300, 100, 30, 60), (1, 0))
        masks = masks_with(
            PeopleParser([human, arm, alone]), scene([human, arm, alone], 30), hidden=PARSED
        )
        for masked in masks:
            assert sorted(p.label for p in masked.parts) == ["human", "left-arm"]  # type: ignore[union-attr]
            assert max(visible(shape, masked) for shape in (human, arm, alone)) < 0.02

    def test_other_parts_stay_as_they_are(self) -> None:
        masks = masks_with(
            PeopleParser([HAIR, ARM]), scene([HAIR, ARM], 30), hidden=frozenset({"hair"})
        )
        assert all(visible(ARM, masked) == 1 for masked in masks)


@pytest.mark.parametrize("answer", [None, "parts", [None]])
def test_nonsense_from_the_body_parser_is_an_error(answer: object) -> None:
    parser = PeopleParser([HAIR])
    parser.parse = lambda _frame, _detection_pass: answer  # type: ignore[method-assign, assignment, return-value]
    with pytest.raises(ParserError):
        masks_with(parser, scene([HAIR], 3))
