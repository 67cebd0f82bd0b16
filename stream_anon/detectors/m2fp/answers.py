"""From the network's answer to body parts of people.

Scores as in the published post-processing: a query's probability of a class, times the mean of its
mask where the mask is set. Unlike there, masks stay at the network's size, a quarter of the
picture's, until they are cut out; duplicates are merged; and each part gets its person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.detectors.m2fp.convert import softmax

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HUMAN = "human"
FACE = "face"
MOST = 100
"""Answers that are considered, best first."""
DOUBLE = 0.6
"""Two masks of one label of which the smaller lies in the other by this share are one part."""
BELONGS = 0.5
"""A part belongs to a human whose mask holds at least this share of it."""
TOUCH = 2
"""Parts this many cells apart touch."""


@dataclass(slots=True, eq=False)
class Instance:
    """One part of one person at the network's size."""

    label: str
    score: float
    mask: NDArray[np.float32]
    """(h, w), probability 0..1."""
    inside: NDArray[np.bool_]
    """Where the mask is set."""
    person: int = -1


def instances(
    logits: NDArray[np.float32],
    masks: NDArray[np.float32],
    labels: Sequence[str | None],
    min_score: float,
) -> list[Instance]:
    """All parts in an answer, duplicates merged, each with its person.

    Args:
        logits: (Q, classes + 1); the last class is "nothing".
        masks: (Q, h, w) logits, the picture's padding cut off.
        labels: our name of each class; None for background.
        min_score: answers below it are left out, 0..1.

    Returns:
        Parts, best first; `person` counts from 0.
    """
    found = _merged(_candidates(logits, masks, labels, min_score))
    _assign(found)
    return found


def _candidates(
    logits: NDArray[np.float32],
    masks: NDArray[np.float32],
    labels: Sequence[str | None],
    min_score: float,
) -> list[Instance]:
    chances = softmax(logits)[:, :-1]
    best = np.argsort(-chances, axis=None, kind="stable")[:MOST]
    queries, classes = np.unravel_index(best, chances.shape)
    likely = chances[queries, classes] >= min_score  # a score is never above the chance
    probability: dict[int, tuple[NDArray[np.float32], NDArray[np.bool_], float]] = {}
    found: list[Instance] = []
    for query, kind in zip(queries[likely].tolist(), classes[likely].tolist(), strict=True):
        label = labels[kind]
        if label is None:
            continue
        if query not in probability:
            inside = masks[query] > 0
            mask = np.asarray(1 / (1 + np.exp(-np.clip(masks[query], -30, 30))), np.float32)
            mean = float(mask[inside].mean()) if inside.any() else 0.0
            probability[query] = mask, inside, mean
        mask, inside, mean = probability[query]
        score = float(chances[query, kind]) * mean
        if score >= min_score:
            found.append(Instance(label, min(1.0, score), mask, inside))
    return sorted(found, key=lambda instance: -instance.score)


def _merged(found: Sequence[Instance]) -> list[Instance]:
    """Several answers for one part become one that covers all of them."""
    kept: list[Instance] = []
    for instance in found:
        double = next((other for other in kept if _is_double(instance, other)), None)
        if double is None:
            kept.append(instance)
        else:
            double.mask = np.maximum(double.mask, instance.mask)
            double.inside = double.inside | instance.inside
    return kept


def _is_double(a: Instance, b: Instance) -> bool:
    if a.label != b.label:
        return False
    both = np.count_nonzero(a.inside & b.inside)
    smaller, larger = sorted((np.count_nonzero(a.inside), np.count_nonzero(b.inside)))
    if a.label == HUMAN:  # somebody in front of somebody else is not the same one
        return bool(both >= DOUBLE * larger)
    return bool(both >= DOUBLE * smaller)


def _assign(found: Sequence[Instance]) -> None:
    """Give every part its person: by the humans that were seen, else by what touches what."""
    humans = [instance for instance in found if instance.label == HUMAN]
    for number, human in enumerate(humans):
        human.person = number
    rest: list[Instance] = []
    for part in found:
        if part.label == HUMAN:
            continue
        size = np.count_nonzero(part.inside)
        shares = [np.count_nonzero(part.inside & human.inside) / size for human in humans]
        if shares and max(shares) >= BELONGS:
            part.person = int(np.argmax(shares))
            human = humans[part.person]
            human.mask = np.maximum(human.mask, part.mask)  # a whole person covers their parts
        else:
            rest.append(part)
    _assign_by_touch(rest, len(humans))


def _assign_by_touch(parts: Sequence[Instance], next_person: int) -> None:
    """Parts that touch are one person; where that makes two faces one, the nearer face wins."""
    kernel = np.ones((2 * TOUCH + 1, 2 * TOUCH + 1), np.uint8)
    wide = [cv2.dilate(part.inside.astype(np.uint8), kernel).astype(bool) for part in parts]
    group = list(range(len(parts)))
    for i in range(len(parts)):
        for j in range(i):
            if group[i] != group[j] and (wide[i] & parts[j].inside).any():
                old, new = group[i], group[j]
                group = [new if g == old else g for g in group]
    for number in dict.fromkeys(group):
        members = [part for part, g in zip(parts, group, strict=True) if g == number]
        faces = [part for part in members if part.label == FACE] or members[:1]
        for part in members:
            nearest = min(range(len(faces)), key=lambda i: _apart(part, faces[i]))
            part.person = next_person + nearest
        next_person += len(faces)


def _apart(a: Instance, b: Instance) -> float:
    """Cells between the middles of two masks."""
    (ay, ax), (by, bx) = (np.argwhere(i.inside).mean(0) for i in (a, b))
    return float(np.hypot(ay - by, ax - bx))
