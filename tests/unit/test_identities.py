"""Whose face it is: the body below a face is known only where the parser saw it."""

from __future__ import annotations

from itertools import count

import numpy as np

from stream_anon.core.parts import Box, Part
from stream_anon.masking.detection import Detection
from stream_anon.masking.identities import Identities
from stream_anon.masking.tracks import Track
from tests.stubs import face


def followed(number: int, x: float, y: float) -> Track:
    """A face of 40 pixels around a spot, seen in frame 0."""
    track = Track(number)
    track.see(0, 0.0, Detection.of([face(Box(x - 20, y - 20, 40, 40))]))
    return track


def person(label: str, box: Box, number: int = 0, *, left_only: bool = False) -> Part:
    mask = np.full((20, 20), 255, np.uint8)
    if left_only:
        mask[4:, 10:] = 0
    return Part(label, box, mask, 0.9, number)


def parsed(parts: list[Part], faces: list[Track]) -> tuple[list[int], dict[int, int]]:
    """Numbers of the faces that count as parsed, and our names of the people."""
    identities = Identities(count(100).__next__)
    names = identities.name(parts, [], faces, 0)
    return [f.number for f in faces if identities.is_parsed(f)], names


BODY = Box(100, 50, 200, 400)


def test_a_face_beside_a_body_in_its_box_is_not_parsed() -> None:
    own, other = followed(1, 150, 80), followed(2, 260, 300)
    body = person("human", BODY, left_only=True)
    assert parsed([body], [other, own]) == ([1], {0: 1})
    assert parsed([body], [other]) == ([], {0: 100})


def test_of_two_faces_on_a_body_the_one_at_its_head_is_parsed() -> None:
    own, other = followed(1, 200, 90), followed(2, 210, 250)
    assert parsed([person("human", BODY)], [other, own]) == ([1], {0: 1})


def test_the_face_on_a_head_comes_before_one_that_is_higher() -> None:
    own, other = followed(1, 140, 150), followed(2, 200, 60)
    parts = [person("human", BODY), person("hair", Box(110, 110, 60, 70))]
    assert parsed(parts, [other, own]) == ([1], {0: 1})


def test_a_face_on_two_people_belongs_to_the_one_whose_head_is_there() -> None:
    behind, front = person("human", BODY, 0), person("human", Box(120, 220, 160, 230), 1)
    mine = followed(2, 200, 250)
    for parts in ([behind, front], [front, behind]):
        assert parsed(parts, [mine]) == ([2], {0: 100, 1: 2})


def test_everybody_has_their_own_face() -> None:
    left, right = followed(1, 200, 90), followed(2, 500, 90)
    people = [person("human", BODY.moved(300, 0), 0), person("human", BODY, 1)]
    assert parsed(people, [left, right]) == ([1, 2], {0: 2, 1: 1})
    assert parsed([], [left, right]) == ([], {})
