"""Masks of faces and heads: one proportion, a few sizes, steady, and never less than was seen."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.shapes import EXPONENT, full_box
from stream_anon.masking.detection import Detection
from stream_anon.masking.outlines import ABSORBED, ASPECTS, STEP, Outlines
from stream_anon.masking.tracks import Place, parts_at
from tests.stubs import face

RNG = np.random.default_rng
MARGIN = 0.2
TAKEN = ABSORBED * MARGIN


def points(box: Box) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """On the rim of the ellipse that fills the box."""
    angle = np.linspace(0, 2 * math.pi, 90)
    cos, sin = np.cos(angle), np.sin(angle)
    x = np.sign(cos) * np.abs(cos) ** (2 / EXPONENT)
    y = np.sign(sin) * np.abs(sin) ** (2 / EXPONENT)
    (middle_x, middle_y) = box.center
    return np.stack([middle_x + x * box.width / 2, middle_y + y * box.height / 2], 1)


def drawn_by(outlines: Outlines, parts: list[Part]) -> list[Part]:
    outlines.next_frame()
    return [replace(part, box=outlines.around(part.person, part, part.box)) for part in parts]


def covers(outline: Box, box: Box) -> bool:
    (middle_x, middle_y), rim = outline.center, points(box)
    x = np.abs(rim[:, 0] - middle_x) / (outline.width / 2)
    y = np.abs(rim[:, 1] - middle_y) / (outline.height / 2)
    return bool((x**EXPONENT + y**EXPONENT <= 1 + 1e-9).all())


WALKS = st.lists(
    st.tuples(
        st.floats(-30, 30), st.floats(-30, 30), st.floats(0.7, 1.4), st.floats(0.7, 1.4)
    ),
    min_size=1,
    max_size=20,
)  # fmt: skip


@settings(max_examples=150)
@given(
    walk=WALKS,
    width=st.floats(4, 400),
    height=st.floats(4, 400),
    label=st.sampled_from(sorted(ASPECTS)),
    epsilon=st.sampled_from([0.0, 0.3, 2.0]),
)
def test_an_outline_covers_what_was_seen(
    walk: list[tuple[float, float, float, float]],
    width: float,
    height: float,
    label: str,
    epsilon: float,
) -> None:
    outlines, box = Outlines(epsilon, margin=MARGIN, secret=3), Box(0, 0, width, height)
    for dx, dy, wider, taller in walk:
        box = Box(box.x + dx, box.y + dy, box.width * wider, box.height * taller)
        (drawn,) = drawn_by(outlines, [face(box, label=label)])
        assert covers(drawn.box.grown(TAKEN * box.size, TAKEN * box.size), box)
        assert drawn.box.width / drawn.box.height == pytest.approx(ASPECTS[label])
        steps = math.log(drawn.box.height) / math.log(STEP)
        assert steps == pytest.approx(round(steps), abs=1e-6)


def test_trembling_is_not_seen() -> None:
    outlines, random = Outlines(margin=MARGIN), RNG(0)
    drawn = []
    for _ in range(200):
        dx, dy, dw, dh = random.uniform(-0.6, 0.6, 4)
        (part,) = drawn_by(outlines, [face(Box(100 + dx, 80 + dy, 60 + dw, 80 + dh))])
        drawn.append(part.box)
    assert len({box.height for box in drawn[20:]}) == 1
    moved = [math.dist(a.center, b.center) for a, b in pairwise(drawn[20:])]
    assert np.mean(moved) < 0.1, "they tremble by 0.6"


def test_proportions_are_not_told() -> None:
    sizes = set()
    for width in (50.0, 55.0, 60.0):
        (part,) = drawn_by(Outlines(margin=MARGIN), [face(Box(0, 0, width, 80))])
        sizes.add((part.box.width, part.box.height))
    assert len(sizes) == 1


def test_what_is_added_tells_no_size_either() -> None:
    """Masks with margin and age, of faces of many sizes and proportions."""
    masks = set()
    for width, height in ((80, 100), (80.7, 100), (78, 100.4), (79, 99.6)):
        outlines = Outlines(margin=MARGIN)
        outlines.next_frame()
        box = Box(300, 200, width, height)
        seen = Detection.of([face(box)])
        place = Place(seen, box, age=3, slack_x=2.0, slack_y=2.0)
        (part,) = parts_at(place, 7, MARGIN, 0.03, partial(outlines.around, 7))
        masks.add((round(part.box.width, 6), round(part.box.height, 6)))
        assert covers(part.box, box)
    assert len(masks) == 1


def test_masks_are_no_larger_on_the_whole() -> None:
    areas = []
    for height in np.linspace(40, 400, 60):
        box = Box(0, 0, 0.76 * height, height)
        (part,) = drawn_by(Outlines(margin=MARGIN), [face(box)])
        areas.append(part.box.area / box.area)
    assert max(areas) < 1
    assert float(np.mean(areas)) > 0.7


def test_two_places_of_one_person_are_both_covered() -> None:
    outlines, places = Outlines(margin=MARGIN), [Box(0, 0, 60, 80), Box(200, 50, 60, 80)]
    for _ in range(3):
        drawn = drawn_by(outlines, [face(box) for box in places])
        for part, box in zip(drawn, places, strict=True):
            assert covers(part.box.grown(TAKEN * box.size, TAKEN * box.size), box)


def test_shapes_that_were_seen_and_other_parts_stay() -> None:
    kept = [
        Part("face", Box(0, 0, 30, 80), full_box(), 1.0, 1),
        face(Box(0, 0, 30, 80), label="eyes"),
    ]
    for before, after in zip(kept, drawn_by(Outlines(margin=MARGIN), kept), strict=True):
        assert before.box == after.box


class TestNoise:
    def test_it_belongs_to_the_track_and_to_the_run(self) -> None:
        def heights(secret: int, person: int) -> set[float]:
            outlines = Outlines(0.5, margin=MARGIN, secret=secret)
            box = Box(0, 0, 60, 80)
            drawn = [drawn_by(outlines, [face(box, person=person)])[0] for _ in range(30)]
            return {part.box.height for part in drawn}

        assert all(len(heights(secret, 1)) == 1 for secret in range(8))
        assert len(set.union(*(heights(secret, 1) for secret in range(30)))) > 5
        assert len(set.union(*(heights(1, person) for person in range(30)))) > 5

    @pytest.mark.parametrize("epsilon", [0.4, 0.7, 1.0])
    def test_a_step_more_changes_the_odds_by_the_factor_that_is_promised(
        self, epsilon: float
    ) -> None:
        """Whoever is one step larger gets each size nearly as often: at most exp(epsilon) times."""

        def sizes(height: float) -> dict[int, int]:
            found: dict[int, int] = {}
            for secret in range(6000):
                outlines = Outlines(epsilon, margin=MARGIN, secret=secret)
                (part,) = drawn_by(outlines, [face(Box(0, 0, 0.78 * height, height))])
                steps = round(math.log(part.box.height) / math.log(STEP))
                found[steps] = found.get(steps, 0) + 1
            return found

        one, other = sizes(STEP**20), sizes(STEP**21)
        often = [n for n in one if min(one[n], other.get(n, 0)) > 150]
        assert len(often) >= 3
        for steps in often:
            assert abs(math.log(one[steps] / other[steps])) < epsilon + 0.35
