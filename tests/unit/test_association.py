"""Which detection belongs to whom."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.parts import Box
from stream_anon.masking.association import associate, distance, nearest, without_doubles
from stream_anon.masking.detection import Detection
from stream_anon.masking.tracks import Track
from tests.stubs import face


def seen(x: float, y: float = 0, size: float = 50, score: float = 0.9) -> Detection:
    return Detection.of([face(Box(x, y, size, size), score=score)])


def track_at(number: int, x: float, y: float = 0, size: float = 50, *, now: int = 1) -> Track:
    """Seen in frame 0, carried without moving to frame `now`."""
    track = Track(number)
    track.see(0, 0.0, seen(x, y, size))
    track.carry(now, now / 25, Box(x, y, size, size))
    return track


class TestDistance:
    def test_is_measured_in_faces(self) -> None:
        near = distance(Box(0, 0, 50, 50), Box(25, 0, 50, 50))
        assert near == pytest.approx(0.5)
        assert distance(Box(0, 0, 500, 500), Box(250, 0, 500, 500)) == pytest.approx(near)

    def test_is_symmetric_and_zero_for_the_same(self) -> None:
        a, b = Box(0, 0, 50, 60), Box(20, 10, 60, 50)
        assert distance(a, b) == pytest.approx(distance(b, a))
        assert distance(a, a) == 0

    def test_sizes_that_do_not_fit_are_infinitely_far(self) -> None:
        assert distance(Box(0, 0, 50, 50), Box(0, 0, 200, 200)) == math.inf
        assert distance(Box(0, 0, 200, 200), Box(0, 0, 50, 50)) == math.inf
        assert distance(Box(0, 0, 50, 50), Box(0, 0, 60, 60)) < 1


class TestAssociate:
    def test_the_nearest_pairs_come_together(self) -> None:
        left, right = track_at(0, 0), track_at(1, 100)
        near_right, near_left = seen(96), seen(8)
        pairs, rest = associate([left, right], [near_right, near_left], 1)
        assert set(pairs) == {(left, near_left), (right, near_right)}
        assert rest == []

    def test_a_detection_between_two_goes_to_the_nearer(self) -> None:
        left, right = track_at(0, 0), track_at(1, 40)
        middle = seen(25)
        pairs, _ = associate([left, right], [middle], 1)
        assert pairs == [(right, middle)]

    def test_a_detection_with_other_labels_is_of_nobody(self) -> None:
        person = Detection.of([replace(face(Box(0, 0, 50, 50)), label="person")])
        track = track_at(0, 0)
        assert associate([track], [person], 1) == ([], [person])
        assert nearest([track], [person]) == []
        assert len(nearest([track], [seen(0)])) == 1

    def test_far_detections_belong_to_nobody(self) -> None:
        stranger = seen(300)
        pairs, rest = associate([track_at(0, 0)], [stranger], 1)
        assert pairs == []
        assert rest == [stranger]

    def test_a_face_of_another_size_is_another_one(self) -> None:
        pairs, rest = associate([track_at(0, 0)], [seen(-50, -50, 150)], 1)
        assert pairs == []
        assert len(rest) == 1

    def test_the_reach_grows_while_nobody_is_seen(self) -> None:
        away = seen(50)
        soon, _ = associate([track_at(0, 0, now=1)], [away], 1)
        late, _ = associate([track_at(0, 0, now=20)], [away], 20)
        assert soon == []
        assert len(late) == 1

    def test_the_reach_does_not_grow_for_ever(self) -> None:
        pairs, _ = associate([track_at(0, 0, now=1000)], [seen(200)], 1000)
        assert pairs == []

    @pytest.mark.parametrize(("tracks", "detections"), [(0, 0), (0, 2), (2, 0)])
    def test_nobody_on_a_side(self, tracks: int, detections: int) -> None:
        found = [seen(60 * n) for n in range(detections)]
        pairs, rest = associate([track_at(n, 60 * n) for n in range(tracks)], found, 1)
        assert pairs == []
        assert rest == found

    @settings(deadline=None)
    @given(
        st.lists(st.floats(0, 300), max_size=6),
        st.lists(st.floats(0, 300), max_size=6),
    )
    def test_everybody_is_used_once_and_none_is_lost(
        self, tracks: list[float], detections: list[float]
    ) -> None:
        known = [track_at(number, x) for number, x in enumerate(tracks)]
        found = [seen(x) for x in detections]
        pairs, rest = associate(known, found, 1)
        assert len({id(t) for t, _ in pairs}) == len(pairs)
        assert {id(s) for _, s in pairs} | {id(s) for s in rest} == {id(s) for s in found}
        assert len(pairs) + len(rest) == len(found)
        assert pairs == associate(known, found, 1)[0]


class TestDoubles:
    def test_the_best_of_one_face_stays(self) -> None:
        weak, strong, other = seen(1, score=0.4), seen(0, score=0.8), seen(200, score=0.3)
        assert without_doubles([weak, strong, other]) == [strong, other]

    def test_what_the_others_cover_beyond_it_is_hidden_too(self) -> None:
        strong, weak = seen(0, score=0.8), seen(15, score=0.4)
        (kept,) = without_doubles([weak, strong])
        assert kept.anchor == strong.anchor
        assert [part.box for part in kept.parts] == [strong.anchor, weak.anchor]

    def test_a_face_is_not_a_person(self) -> None:
        whole, near = Box(0, 0, 50, 50), Box(0, 0, 48, 50)
        person = Detection.of([replace(face(whole, score=0.9), label="person")])
        found = Detection.of([face(near, score=0.5)])
        assert without_doubles([person, found]) == [person, found]

    def test_a_label_that_the_other_one_lacks_is_kept(self) -> None:
        one = Detection.of([face(Box(0, 0, 50, 50), score=0.9)])
        hat = replace(face(Box(0, 0, 50, 50)), label="hat")
        (kept,) = without_doubles([one, Detection.of([face(Box(0, 0, 50, 50), score=0.5), hat])])
        assert {part.label for part in kept.parts} == {"face", "hat"}

    def test_neighbours_are_two(self) -> None:
        assert len(without_doubles([seen(0), seen(35)])) == 2

    def test_nobody_is_nobody(self) -> None:
        assert without_doubles([]) == []
