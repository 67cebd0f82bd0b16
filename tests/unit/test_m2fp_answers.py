"""From logits to parts of people: scores, duplicates, and whose part it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.detectors.m2fp.answers import Instance, instances

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LABELS = [None, "face", "hair", "left-arm", "human"]
NOTHING = len(LABELS)
SIZE = (40, 60)


def box(top: int, bottom: int, left: int, right: int, *, sure: float = 6.0) -> NDArray[np.float32]:
    """Mask logits: `sure` inside of a rectangle, minus that outside."""
    mask = np.full(SIZE, -sure, np.float32)
    mask[top:bottom, left:right] = sure
    return mask


def answer(
    *queries: tuple[str | None, float, NDArray[np.float32]], min_score: float = 0.2
) -> list[Instance]:
    """Label, probability and mask of each query; what is left goes to "nothing"."""
    logits = np.full((len(queries), NOTHING + 1), -30.0, np.float32)
    for row, (label, chance, _) in enumerate(queries):
        logits[row, LABELS.index(label)] = np.log(chance)
        logits[row, NOTHING] = np.log(1 - chance + 1e-9)
    masks = np.stack([mask for _, _, mask in queries])
    return instances(logits, masks, LABELS, min_score)


def summary(found: Sequence[Instance]) -> list[tuple[str, int]]:
    return sorted((instance.label, instance.person) for instance in found)


def test_the_score_is_the_chance_times_the_mean_of_the_mask_inside() -> None:
    mask = box(5, 15, 5, 15, sure=2.0)
    (found,) = answer(("face", 0.8, mask))
    assert found.score == pytest.approx(0.8 / (1 + np.exp(-2.0)), rel=1e-5)
    assert found.inside.sum() == 100
    assert found.mask[10, 10] == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-5)


@pytest.mark.parametrize("min_score", [0.05, 0.2, 0.5])
def test_weak_answers_are_left_out(min_score: float) -> None:
    masks = [box(0, 8, 10 * n, 10 * n + 8) for n in range(3)]
    found = answer(
        ("face", 0.1, masks[0]), ("hair", 0.3, masks[1]), ("face", 0.9, masks[2]),
        min_score=min_score,
    )  # fmt: skip
    assert [i.score >= min_score for i in found] == [True] * len(found)
    assert len(found) == sum(chance >= min_score for chance in (0.1, 0.3, 0.9))


def test_background_nothing_and_empty_masks_are_no_parts() -> None:
    empty = np.full(SIZE, -6, np.float32)
    assert not answer((None, 0.9, box(0, 30, 0, 30)), ("face", 0.01, box(0, 9, 0, 9)))
    assert not answer(("face", 0.9, empty))


def test_one_query_can_be_two_parts() -> None:
    logits = np.full((1, NOTHING + 1), -30.0, np.float32)
    logits[0, [1, 2]] = np.log(0.5)
    found = instances(logits, box(0, 10, 0, 10)[None], LABELS, 0.2)
    assert summary(found) == [("face", 0), ("hair", 0)]


def test_duplicates_become_one_that_covers_both() -> None:
    found = answer(("face", 0.9, box(10, 20, 10, 20)), ("face", 0.6, box(10, 24, 12, 20)))
    assert len(found) == 1
    assert found[0].score == pytest.approx(0.9, abs=0.01)
    assert found[0].inside[22, 15], "what only the weaker one saw is hidden too"
    assert found[0].mask[22, 15] > 0.9


def test_two_parts_of_one_label_side_by_side_stay_two() -> None:
    found = answer(("hair", 0.9, box(0, 10, 0, 10)), ("hair", 0.8, box(0, 10, 9, 20)))
    assert len(found) == 2
    assert {i.label for i in found} == {"hair"}


def test_somebody_in_front_of_somebody_stays_a_person_of_their_own() -> None:
    behind, front = box(0, 40, 0, 30), box(20, 40, 5, 20)
    found = answer(("human", 0.9, behind), ("human", 0.8, front))
    assert summary(found) == [("human", 0), ("human", 1)]


def test_parts_belong_to_the_human_that_holds_most_of_them() -> None:
    found = answer(
        ("human", 0.9, box(0, 40, 0, 25)),
        ("human", 0.8, box(0, 40, 25, 60)),
        ("face", 0.9, box(2, 10, 8, 16)),
        ("face", 0.9, box(2, 10, 40, 48)),
        ("hair", 0.7, box(0, 6, 18, 28)),  # of the left one, over the right one's shoulder
    )
    assert summary(found) == [
        ("face", 0), ("face", 1), ("hair", 0), ("human", 0), ("human", 1),
    ]  # fmt: skip


def test_a_human_covers_all_of_their_parts() -> None:
    found = answer(("human", 0.9, box(0, 40, 0, 25)), ("left-arm", 0.9, box(10, 14, 15, 30)))
    human = next(i for i in found if i.label == "human")
    assert human.mask[12, 28] > 0.9


def test_without_humans_what_touches_is_one_person() -> None:
    found = answer(
        ("face", 0.9, box(5, 12, 5, 12)),
        ("hair", 0.9, box(2, 5, 4, 13)),
        ("left-arm", 0.9, box(13, 30, 3, 6)),
        ("face", 0.9, box(5, 12, 40, 47)),
        ("left-arm", 0.9, box(13, 30, 46, 49)),
    )
    people = [{i.label for i in found if i.person == n} for n in (0, 1)]
    assert sorted(map(sorted, people), key=len) == [
        ["face", "left-arm"], ["face", "hair", "left-arm"],
    ]  # fmt: skip


def test_two_faces_that_touch_are_two_people() -> None:
    found = answer(
        ("face", 0.9, box(10, 20, 10, 20)),
        ("face", 0.9, box(10, 20, 20, 30)),
        ("hair", 0.9, box(6, 10, 9, 19)),
        ("hair", 0.9, box(6, 10, 21, 31)),
    )
    assert summary(found) in ([("face", 0), ("face", 1), ("hair", 0), ("hair", 1)],)
    for n in (0, 1):
        own = {i.label: np.argwhere(i.inside)[:, 1].mean() for i in found if i.person == n}
        assert abs(own["face"] - own["hair"]) < 3


def test_a_part_outside_of_every_human_is_somebody_elses() -> None:
    found = answer(("human", 0.9, box(0, 40, 0, 20)), ("left-arm", 0.9, box(5, 20, 40, 44)))
    assert summary(found) == [("human", 0), ("left-arm", 1)]


def test_the_best_hundred_are_considered() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (100, NOTHING + 1)).astype(np.float32)
    masks = rng.normal(0, 1, (100, *SIZE)).astype(np.float32)
    assert 0 < len(instances(logits, masks, LABELS, 0.05)) <= 100


def test_extreme_logits_are_survived() -> None:
    (found,) = answer(("face", 0.9, box(0, 10, 0, 10, sure=3e38)))
    assert found.score == pytest.approx(0.9, abs=1e-3)
    assert np.isfinite(found.mask).all()
