"""One person through time: what is known of every frame between and around the detections."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.core.parts import Box, Part
from stream_anon.masking.detection import Detection, group_people
from stream_anon.masking.tracks import Place, Track, parts_at
from tests.stubs import (
    START,
    covers,
    face,
    flickering_frames,
    hidden_in,
    masks_of,
    moving,
    sees,
    truth,
)

RATE = 25
FACE = Box(100, 80, 40, 50)


def seen(box: Box = FACE, score: float = 0.9) -> Detection:
    return Detection.of([face(box, score=score)])


def moving_track(*, detections: tuple[int, ...], last: int, speed: float = 2.0) -> Track:
    """Seen in some frames, carried and traced in all others up to `last`, without error."""
    track = Track(0)
    for index in range(last + 1):
        box = FACE.moved(speed * index, 0)
        if index in detections:
            track.see(index, index / RATE, seen(box))
        elif index > detections[0]:
            track.carry(index, index / RATE, box)
    for index in range(detections[-1] - 1, -1, -1):
        if index not in detections:
            track.trace(index, index / RATE, FACE.moved(speed * index, 0))
    return track


def cover(places: list[Place], margin: float = 0.0, growth: float = 0.03) -> list[Box]:
    return [part.box for place in places for part in parts_at(place, 0, margin, growth)]


class TestDetections:
    def test_the_anchor_is_the_face(self) -> None:
        parts = [face(Box(80, 40, 90, 110), label="head"), face(FACE), face(FACE, label="nose")]
        assert Detection.of(parts).anchor == FACE

    def test_without_a_face_it_is_everything(self) -> None:
        parts = [face(Box(0, 0, 10, 10), label="eyes"), face(Box(5, 20, 10, 10), label="mouth")]
        assert Detection.of(parts).anchor == Box(0, 0, 15, 30)

    def test_people_are_told_apart_and_sorted_by_score(self) -> None:
        parts = [
            face(FACE, person=4, score=0.3),
            face(FACE.moved(90, 0), person=7, score=0.8),
            face(FACE, person=4, label="head", score=0.3),
        ]
        people = group_people(parts)
        assert [person.score for person in people] == [0.8, 0.3]
        assert [len(person.parts) for person in people] == [1, 2]


class TestPlaces:
    def test_a_detection_is_where_it_was_seen(self) -> None:
        track = moving_track(detections=(3, 9), last=12)
        (place,) = track.places(3, 0.4)
        assert (place.anchor, place.age, place.slack_x, place.slack_y) == (
            FACE.moved(6, 0),
            0,
            0,
            0,
        )

    def test_between_two_detections_there_is_always_a_place(self) -> None:
        track = moving_track(detections=(3, 9), last=12)
        for index in range(4, 9):
            truth = FACE.moved(2 * index, 0)
            boxes = cover(track.places(index, 0.0))
            assert any(box.overlap(truth) == pytest.approx(truth.area) for box in boxes)

    def test_a_gap_is_bridged_however_long_it_is(self) -> None:
        track = moving_track(detections=(0, 60), last=60)
        assert all(track.places(index, linger=0.0) for index in range(61))

    def test_where_the_two_sides_disagree_both_are_hidden(self) -> None:
        track = Track(0)
        track.see(0, 0.0, seen())
        for index in range(1, 10):
            track.carry(index, index / RATE, FACE)
        track.see(10, 10 / RATE, seen(FACE.moved(100, 0)))
        for index in range(9, 0, -1):
            track.trace(index, index / RATE, FACE.moved(100, 0))
        places = track.places(5, 0.4)
        assert {place.anchor.x for place in places} == {FACE.x, FACE.x + 100}

    def test_where_they_nearly_agree_one_mask_covers_both(self) -> None:
        track = Track(0)
        track.see(0, 0.0, seen())
        for index in range(1, 4):
            track.carry(index, index / RATE, FACE)
        track.see(4, 4 / RATE, seen(FACE.moved(8, 0)))
        for index in (3, 2, 1):
            track.trace(index, index / RATE, FACE.moved(8, 0))
        for index in (1, 2, 3):
            boxes = cover(track.places(index, 0.4), margin=0.1)
            assert len(boxes) == 1
            for guess in (FACE, FACE.moved(8, 0)):
                assert max(b.overlap(guess) for b in boxes) == pytest.approx(guess.area)

    @pytest.mark.parametrize("linger", [0.0, 0.08, 0.4])
    def test_a_track_lives_on_for_a_while_after_its_end(self, linger: float) -> None:
        track = moving_track(detections=(0,), last=20)
        known = [index for index in range(21) if track.places(index, linger)]
        assert known == list(range(round(linger * RATE) + 1))

    def test_a_track_lives_before_its_beginning_where_it_was_traced(self) -> None:
        track = moving_track(detections=(8,), last=8)
        for index in range(8):
            (place,) = track.places(index, 0.4)
            assert place.anchor == FACE.moved(2 * index, 0)
            assert place.age == 8 - index

    def test_where_nothing_is_known_there_is_no_place(self) -> None:
        track = moving_track(detections=(3,), last=5)
        assert track.places(40, 10) == []

    def test_a_repeated_frame_is_as_good_as_a_detection(self) -> None:
        track = Track(0)
        track.see(0, 0.0, seen())
        for index in range(1, 100):
            track.repeat(index, index / RATE)
        (place,) = track.places(99, 0.0)
        assert (place.anchor, place.age) == (FACE, 0)

    def test_a_late_answer_about_an_earlier_frame_changes_nothing_known_since(self) -> None:
        track = Track(0)
        track.see(0, 0.0, seen())
        for index in range(1, 6):
            track.repeat(index, index / RATE)
        track.see(3, 3 / RATE, seen(FACE.moved(1, 0)))
        assert track.last_seen == 5
        track.forget(6)
        assert track.detections[track.last_seen].anchor == FACE

    def test_a_picture_that_comes_back_is_as_good_as_a_detection(self) -> None:
        track = Track(0)
        track.see(0, 0.0, seen())
        track.carry(1, 1 / RATE, FACE.moved(40, 0))
        track.repeat(2, 2 / RATE)
        (place,) = track.places(2, 0.0)
        assert (place.anchor, place.age) == (FACE, 0)

    def test_forgetting_keeps_what_later_frames_need(self) -> None:
        whole, cut = (moving_track(detections=(3, 20), last=25) for _ in range(2))
        cut.forget(10)
        for index in range(11, 26):
            kept, known = (track.places(index, 0.4) for track in (cut, whole))
            assert [place[1:] for place in kept] == [place[1:] for place in known]
            assert [p.detection.anchor for p in kept] == [p.detection.anchor for p in known]
        assert len(cut.forward) < len(whole.forward)
        assert len(cut.times) < len(whole.times)

    def test_memory_of_a_long_track_stays_small(self) -> None:
        track = Track(0)
        for index in range(2000):
            track.see(index, index / RATE, seen())
            track.forget(index - 10)
        assert max(len(track.detections), len(track.forward), len(track.times)) < 20


class TestMisses:
    def test_closer_looks_become_rarer(self) -> None:
        track = Track(0)
        asked = [n for n in range(1, 65) if track.miss()]
        assert asked[0] == 1
        assert len(asked) < 12
        gaps = [b - a for a, b in pairwise(asked)]
        assert gaps == sorted(gaps)

    def test_a_detection_starts_over(self) -> None:
        track = Track(0)
        for _ in range(3):
            track.miss()
        track.see(0, 0.0, seen())
        assert track.miss()


class TestPartsAt:
    def test_a_fresh_detection_without_margin_is_as_it_was(self) -> None:
        (part,) = parts_at(Place(seen(), FACE, 0), 3, margin=0, growth=0)
        assert (part.box, part.person, part.label) == (FACE, 3, "face")

    @given(age=st.integers(0, 40), margin=st.floats(0, 1), growth=st.floats(0, 0.2))
    def test_masks_never_shrink_with_age(self, age: int, margin: float, growth: float) -> None:
        young, old = (
            parts_at(Place(seen(), FACE, a), 0, margin, growth)[0].box for a in (age, age + 1)
        )
        assert old.overlap(young) == pytest.approx(young.area, rel=1e-4)
        assert young.overlap(FACE) == pytest.approx(FACE.area, rel=1e-4)

    def test_masks_grow_with_age_and_margin_and_doubt_but_not_without_end(self) -> None:
        def area(age: int = 0, margin: float = 0.0, slack: float = 0.0) -> float:
            place = Place(seen(), FACE, age, slack, slack)
            return parts_at(place, 0, margin, 0.05)[0].box.area

        assert area(0) < area(3) < area(6)
        assert area() < area(margin=0.2)
        assert area() < area(slack=5)
        assert area(10_000) < 6 * area()

    def test_faster_faces_get_larger_masks(self) -> None:
        slow, fast = (
            cover(moving_track(detections=(0,), last=5, speed=s).places(4, 1.0))[0].width
            for s in (1.0, 12.0)
        )
        assert fast > slow

    def test_all_parts_of_a_person_move_and_scale_together(self) -> None:
        parts: list[Part] = [face(FACE), face(Box(105, 90, 30, 10), label="eyes")]
        now = Box(200, 160, 80, 100)
        moved = parts_at(Place(Detection.of(parts), now, 0), 0, 0, 0)
        assert {part.label: part.box for part in moved} == {
            "face": now,
            "eyes": Box(210, 180, 60, 20),
        }


class TestGaps:
    @pytest.mark.parametrize("length", [5, 12, 20])
    def test_are_bridged(self, length: int) -> None:
        gap = range(10, 10 + length)
        masks = masks_of(sees(lambda n: n not in gap), moving(), masking__lookahead=1.0)
        assert all(covers(masked, truth(masked.frame)) for masked in masks)

    def test_are_bridged_from_both_sides_only_if_they_end(self) -> None:
        masks = masks_of(sees(lambda n: n < 10), moving(), masking__linger=0.2)
        assert all(covers(masked, truth(masked.frame)) for masked in masks[:10])
        assert max(hidden_in(masks)) <= 9 + 5

    def test_are_bridged_when_the_face_turns_back_meanwhile(self) -> None:
        """Motion the flow cannot see: the face jumps, so both guesses are hidden."""
        away = START.moved(100, 0)
        parser = sees(lambda n: n < 6 or n > 14, lambda f: START if f.index < 6 else away)
        masks = masks_of(parser, flickering_frames(24), masking__linger=0.4)
        assert all(covers(m, START) for m in masks[:14])
        assert all(covers(m, away) for m in masks[8:])


class TestEnds:
    @pytest.mark.parametrize("linger", [0.12, 0.4])
    def test_somebody_is_traced_back_to_where_they_came_in(self, linger: float) -> None:
        settings: dict[str, Any] = {"masking__linger": linger, "keyframes__interval": 1}
        masks = masks_of(sees(lambda n: n >= 20), moving(), **settings)
        first = 20 - round(linger * 25)
        assert all(covers(masked, truth(masked.frame)) for masked in masks[first:])
        assert not hidden_in(masks[: first - 3])

    def test_without_lookahead_nothing_is_traced_back(self) -> None:
        masks = masks_of(sees(lambda n: n >= 20), moving(), masking__lookahead=0)
        assert not hidden_in(masks[:20])

    @pytest.mark.parametrize("lookahead", [0, 1.0])
    def test_tracks_live_on_and_move_on_after_the_last_detection(self, lookahead: float) -> None:
        settings: dict[str, Any] = {"masking__linger": 0.4, "masking__lookahead": lookahead}
        masks = masks_of(sees(lambda n: n < 20), moving(), **settings)
        assert all(covers(masked, truth(masked.frame)) for masked in masks[:27])
        assert not hidden_in(masks[33:])

    def test_without_linger_a_track_ends_with_its_last_detection(self) -> None:
        masks = masks_of(sees(lambda n: n < 20), moving(), masking__linger=0)
        assert max(hidden_in(masks)) < 20

    def test_masks_grow_with_age(self) -> None:
        def sizes(growth: float) -> list[float]:
            parser = sees(lambda n: n < 1, lambda _f: START)
            masks = masks_of(parser, flickering_frames(9), masking__growth=growth)
            return [m.parts[0].box.area for m in masks if isinstance(m.parts, tuple)]

        growing, constant = sizes(0.05), sizes(0.0)
        assert len(growing) == 9
        assert growing == sorted(growing)
        assert growing[8] > 1.2 * growing[0]
        assert growing[8] > constant[8]

    def test_age_is_told(self) -> None:
        masks = masks_of(sees(lambda n: n < 1, lambda _f: START), flickering_frames(6))
        assert [masked.age for masked in masks] == [0, 1, 2, 3, 4, 5]
