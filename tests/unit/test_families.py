"""Outputs of known families: what they mean, and how one is told from another."""

from __future__ import annotations

import numpy as np
import pytest

from stream_anon.config import OwnDetector
from stream_anon.detectors.families.found import best_of
from stream_anon.detectors.families.registry import FAMILIES
from tests.families import ANSWERS, BOX, CLASS, FACES_ONLY, SCORE, SIDES


def test_there_is_one_family_for_each_format() -> None:
    formats = OwnDetector.model_fields["format"].annotation
    assert set(FAMILIES) == set(ANSWERS) == set(formats.__args__)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ANSWERS)
def test_the_one_thing_is_found_where_it_is(name: str) -> None:
    found = FAMILIES[name].family.decode(ANSWERS[name](), SIDES, 0.3)
    assert found.boxes.shape == (1, 4)
    np.testing.assert_allclose(found.boxes[0], BOX, atol=0.05)
    assert found.scores[0] == pytest.approx(SCORE)
    assert found.classes[0] == (0 if name in FACES_ONLY else CLASS)


@pytest.mark.parametrize("name", ANSWERS)
def test_nothing_is_found_above_a_higher_score(name: str) -> None:
    found = FAMILIES[name].family.decode(ANSWERS[name](), SIDES, 0.85)
    assert found.boxes.shape == (0, 4)
    assert len(found.scores) == len(found.classes) == 0


@pytest.mark.parametrize("name", ANSWERS)
def test_a_family_knows_its_own_outputs_and_no_others(name: str) -> None:
    shapes = [answer.shape for answer in ANSWERS[name]()]
    fits = {n for n, k in FAMILIES.items() if k.family.classes(shapes, SIDES) is not None}
    assert fits == {name}
    assert FAMILIES[name].family.classes(shapes, (SIDES[0], SIDES[1] + 32)) is None or name == "ssd"


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {*FACES_ONLY, "ssd"}))
def test_a_named_class_is_found_where_another_one_scores_higher(name: str) -> None:
    outputs = ANSWERS[name]()
    if name == "yolov8":
        other, mine = outputs[0][0, 4], outputs[0][0, 5]
    else:
        first = {"nanodet": 0, "retinaface": 1}.get(name, 5)
        scores = outputs[-1][0]
        other, mine = scores[:, first], scores[:, first + CLASS]
    other[mine == np.float32(SCORE)] = 0.95
    family = FAMILIES[name].family
    found = family.decode(outputs, SIDES, 0.3, (CLASS,))
    assert found.classes.tolist() == [CLASS]
    np.testing.assert_allclose(found.boxes[0], BOX, atol=0.05)
    assert CLASS in family.decode(outputs, SIDES, 0.3).classes, "a box may be of several classes"


def test_a_box_whose_corners_are_swapped_is_as_large() -> None:
    (rows,) = ANSWERS["ssd"]()
    rows[0, 0, 0, 3:] = rows[0, 0, 0, [5, 6, 3, 4]]
    found = FAMILIES["ssd"].family.decode([rows], SIDES, 0.3)
    np.testing.assert_allclose(found.boxes[0], BOX, atol=0.05)


@pytest.mark.parametrize("name", sorted(set(ANSWERS) - {"scrfd", "centerface", "retinaface"}))
def test_a_second_output_means_something_else(name: str) -> None:
    shapes = [*(answer.shape for answer in ANSWERS[name]()), (1, 32, 48, 80)]
    assert FAMILIES[name].family.classes(shapes, SIDES) is None


def test_a_thing_is_found_once_and_its_neighbour_too() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [8, 0, 10, 10], [0, 0, 10, 10]], np.float32)
    scores = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
    found = best_of(boxes, scores, np.array([0, 0, 0, 1]), 0.3)
    assert found.boxes[:, 0].tolist() == [1, 8, 0]  # the last one is of another class
    assert found.classes.tolist() == [0, 0, 1]
