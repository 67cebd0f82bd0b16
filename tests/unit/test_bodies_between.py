"""Body parts between keyframes: carried by their own motion, from both sides, pixel by pixel."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stream_anon.core.parts import Box
from stream_anon.core.redacted import MaskedFrame
from stream_anon.masking import horizon
from tests.bodies import (
    ARM,
    COUNT,
    HAIR,
    SECOND,
    WholePerson,
    changed,
    masks_with,
    visible,
    visible_at,
)
from tests.people import HEIGHT, WIDTH, PeopleParser, Shape, scene
from tests.stubs import make_frame

pytestmark = pytest.mark.slow


class TestBetweenKeyframes:
    def test_each_part_follows_its_own_motion(self) -> None:
        masks = masks_with(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], COUNT))
        for masked in masks:
            assert visible(HAIR, masked) < 0.02
            assert visible(ARM, masked) < 0.02

    def test_masks_that_stay_where_they_were_would_leak(self) -> None:
        """The scene is one in which carrying matters: or else the test above shows nothing."""
        masks = masks_with(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], SECOND))
        first = masks[0]
        late = masks[12].frame
        frozen = MaskedFrame(late, first.parts)
        assert visible(ARM, frozen) > 0.3

    def test_only_the_parts_are_hidden_not_their_boxes(self) -> None:
        hook = Shape("left-arm", 0, (200, 40, 120, 200), (1, 0), "hook")
        masks = masks_with(PeopleParser([hook]), scene([hook], COUNT))
        for masked in masks:
            assert visible(hook, masked) < 0.02
            x, y = hook.at(masked.frame.index)
            corner = changed(masked)[y : y + 90, x + 80 : x + 120]
            assert not corner.any(), f"the empty corner of the hook in {masked.frame}"

    def test_somebody_first_parsed_later_is_traced_back(self) -> None:
        parser = PeopleParser([HAIR], sees=lambda index: index >= SECOND)
        masks = masks_with(parser, scene([HAIR], COUNT))
        assert all(visible(HAIR, masked) < 0.02 for masked in masks[1:])

    def test_a_part_that_is_not_seen_again_is_carried_to_the_next_keyframe_and_beyond(self) -> None:
        parser = PeopleParser([HAIR], sees=lambda index: index == 0)
        masks = masks_with(parser, scene([HAIR], COUNT), masking__linger=0.2)
        assert all(visible(HAIR, masked) < 0.05 for masked in masks[: SECOND + 5])
        assert not masks[SECOND + 8].parts

    def test_at_a_keyframe_the_mask_is_where_the_parser_sees_it(self) -> None:
        masks = masks_with(PeopleParser([HAIR]), scene([HAIR], COUNT))
        for index in (0, 25, 50):
            parts = masks[index].parts
            assert isinstance(parts, tuple)
            assert parts[0].box == Box(*HAIR.at(index), 60, 50)

    def test_masks_grow_with_age(self) -> None:
        masks = masks_with(PeopleParser([HAIR]), scene([HAIR], SECOND + 1))
        spreads = [m.parts[0].spread for m in masks if isinstance(m.parts, tuple)]
        assert spreads[0] < spreads[5] < spreads[11]
        assert spreads[24] < spreads[15], "the next keyframe is nearer"

    def test_the_result_depends_on_the_frames_only(self) -> None:
        def run() -> list[object]:
            found = masks_with(PeopleParser([HAIR, ARM]), scene([HAIR, ARM], COUNT))
            return [[(p.label, p.box, p.spread) for p in m.parts] for m in found]  # type: ignore[union-attr]

        assert run() == run()

    def test_little_memory_means_keyframes_closer_together(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(horizon, "MAX_HELD", 9)
        parser = PeopleParser([HAIR])
        masks = masks_with(parser, scene([HAIR], 40), masking__lookahead=10.0)
        assert parser.asked == [0, 8, 16, 24, 32]
        assert all(visible(HAIR, masked) < 0.02 for masked in masks)

    @pytest.mark.parametrize("seed", range(6))
    def test_a_camera_that_shakes_does_not_shake_masks_off(self, seed: int) -> None:
        """The picture comes back to places that were looked at, again and again."""
        rng = np.random.default_rng(seed)
        shifts = np.cumsum(rng.integers(-1, 2, (7, 2)) * 8, 0)
        at = [tuple(shifts[(n // 2) % 7 * (n % 2)]) for n in range(COUNT)]

        def shaken(index: int) -> Shape:
            dx, dy = at[index]
            return replace(HAIR, box=(60 + int(dx), 60 + int(dy), 60, 50), step=(0, 0))

        still = scene([replace(HAIR, step=(0, 0))], 1)[0].planes[0]
        frames = [
            make_frame(WIDTH, HEIGHT, n, luma=np.roll(still, (int(dy), int(dx)), (0, 1)))
            for n, (dx, dy) in enumerate(at)
        ]
        masks = masks_with(PeopleParser(lambda index: [shaken(index)]), frames)
        for index, masked in enumerate(masks):
            assert visible(shaken(index), masked) < 0.02, index

    @pytest.mark.parametrize(("lookahead", "deep"), [(8.0, 8.0), (0.0, 5.0), (1.0, 1.0)])
    def test_a_picture_that_flickers_around_the_parsed_one_keeps_its_masks(
        self, lookahead: float, deep: float
    ) -> None:
        still = replace(HAIR, step=(0, 0))
        base = scene([still], 1)[0].planes[0]
        frames = [
            make_frame(WIDTH, HEIGHT, n, luma=base + np.uint8(4 * (n // 3 % 2)))
            for n in range(5 * SECOND)
        ]
        masks = masks_with(
            PeopleParser([still]), frames, masking__lookahead=lookahead,
            keyframes__deep_interval=deep, keyframes__parse_interval=0.8,
        )  # fmt: skip
        assert max(visible(still, masked) for masked in masks) < 0.02

    @pytest.mark.parametrize("rate", [1, 2, 5])
    def test_where_frames_are_seconds_apart_each_is_a_keyframe(self, rate: int) -> None:
        fast = replace(HAIR, step=(35, 5))
        frames = [replace(frame, time_base=Fraction(1, rate)) for frame in scene([fast], 10)]
        parser = PeopleParser([fast])
        masks = masks_with(parser, frames, hidden=frozenset({"hair"}))
        assert parser.asked == list(range(10))
        assert max(visible(fast, masked) for masked in masks) == 0

    def test_a_swinging_arm_of_a_person_stays_covered(self) -> None:
        """The torso is most of the mask, and hardly moves."""

        def walker(index: int) -> list[Shape]:
            swing = round(14 * np.sin(index * 2 * np.pi / SECOND))
            return [
                Shape("human", 0, (200 + index, 80, 60, 110)),
                Shape("human", 0, (190 + index - swing, 100, 24, 60)),
                Shape("human", 0, (246 + index + swing, 100, 24, 60)),
            ]

        frames = [scene(walker(n), 1)[0] for n in range(COUNT)]
        frames = [replace(frame, index=n, pts=n) for n, frame in enumerate(frames)]
        masks = masks_with(WholePerson(walker), frames, hidden=frozenset({"human"}))
        shown = [
            max(visible_at(shape, masked) for shape in walker(n)) for n, masked in enumerate(masks)
        ]
        assert max(shown) < 0.15
        assert np.mean(shown) < 0.02

    def test_a_newcomer_does_not_take_over_somebodys_mask(self) -> None:
        """A is missed at a keyframe at which B has just come in beside them."""
        a = Shape("hair", 0, (100, 60, 60, 50))
        b = Shape("hair", 1, (165, 70, 60, 50))

        def there(index: int) -> list[Shape]:
            return [a] if index < SECOND else [a, b]

        def seen(index: int) -> list[Shape]:
            return [b] if index == SECOND else there(index)

        frames = [replace(scene(there(n), 1)[0], index=n, pts=n) for n in range(2 * SECOND + 5)]
        for n, frame in enumerate(frames):
            luma = frame.planes[0].copy()
            luma[:20, :20] = 40 + 3 * n  # never quiet
            frames[n] = replace(frame, planes=(luma, *frame.planes[1:]))
        masks = masks_with(PeopleParser(seen), frames)
        assert max(visible(a, masked) for masked in masks) < 0.02
