"""Everybody in a recording: whose tracks are joined, who meets whom, and what the sheet shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.core.parts import Box, Part
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.appearance import appearance_of, place_of
from stream_anon.masking.people import People, clock, in_groups
from stream_anon.pipeline.sheet import HEIGHT as CELL_HEIGHT
from stream_anon.pipeline.sheet import WIDTH as CELL_WIDTH
from stream_anon.pipeline.sheet import Cell, draw_sheet
from tests.dressed import BLUE, GREEN, RED, SIZE, Person, Place, scene
from tests.stubs import face, make_frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.masking.tracks_file import Join

LEFT, MIDDLE, RIGHT = (30, 30), (140, 30), (240, 30)


def between(place: Place, first: int, last: int) -> Callable[[int], Place | None]:
    return lambda n: place if first <= n <= last else None


def parts_of(people: dict[int, Person], index: int) -> list[Part]:
    pad = 0.2 * SIZE
    return [
        face(Box(place[0] - pad, place[1] - pad, 1.4 * SIZE, 1.4 * SIZE), person=number)
        for number, person in people.items()
        if (place := person.where(index)) is not None
    ]


def seen(people: dict[int, Person], count: int = 80) -> People:
    known = People()
    for frame in scene(*people.values(), count=count):
        known.count(frame, frame.time, parts_of(people, frame.index))
    return known


def pairs(joined: list[Join]) -> list[tuple[int, int]]:
    return [join.tracks for join in joined]


class TestJoins:
    def test_somebody_who_comes_back_is_joined(self) -> None:
        people = {
            0: Person(RED, between(LEFT, 0, 30)),
            1: Person(BLUE, between(RIGHT, 0, 79)),
            2: Person(RED, between(MIDDLE, 45, 79)),
        }
        known = seen(people)
        joined = known.joins()
        assert pairs(joined) == [(0, 2)]
        assert joined[0].likeness is not None
        assert joined[0].likeness > 0.9
        assert in_groups(known, joined) == [[0, 2], [1]]

    @pytest.mark.parametrize(
        ("people", "why"),
        [
            (
                {0: Person(RED, between(LEFT, 0, 30)), 1: Person(GREEN, between(LEFT, 40, 79))},
                "other clothes",
            ),
            (
                {0: Person(RED, between(LEFT, 0, 50)), 1: Person(RED, between(RIGHT, 40, 79))},
                "both are there at once",
            ),
            (
                {
                    0: Person(RED, between(LEFT, 0, 30)),
                    1: Person(RED, between(RIGHT, 0, 30)),
                    2: Person(RED, between(MIDDLE, 45, 79)),
                },
                "it may be either of two",
            ),
            (
                {
                    0: Person(RED, between(LEFT, 0, 30)),
                    1: Person(RED, between(RIGHT, 45, 79)),
                    2: Person(RED, between(MIDDLE, 45, 79)),
                },
                "either of two may be them",
            ),
            (
                {0: Person(RED, between(LEFT, 0, 30)), 1: Person(RED, between(LEFT, 70, 75))},
                "hardly seen",
            ),
            (
                {
                    0: Person(RED, between((30, 150), 0, 30)),
                    1: Person(RED, between((30, 150), 45, 79)),
                },
                "no clothes in the picture",
            ),
        ],
    )
    def test_in_doubt_nobody_is(self, people: dict[int, Person], why: str) -> None:
        assert seen(people).joins() == [], why

    def test_faces_of_another_size_are_not_joined(self) -> None:
        known = seen({0: Person(RED, between(LEFT, 0, 30)), 1: Person(RED, between(LEFT, 40, 79))})
        assert pairs(known.joins()) == [(0, 1)]
        known.seen[1].size *= 1.7
        assert known.joins() == []

    def test_a_row_of_three_is_one_person(self) -> None:
        people = {n: Person(RED, between(LEFT, 30 * n, 30 * n + 22)) for n in range(3)}
        known = seen(people, 90)
        assert in_groups(known, known.joins()) == [[0, 1, 2]]

    def test_zones_and_nobodys_parts_are_not_people(self) -> None:
        known = People()
        parts = [face(Box(1, 2, 30, 40), person=-1), face(Box(1, 2, 30, 40), label="zone:a")]
        assert known.count(make_frame(), 0.0, parts) == {}
        assert known.seen == {}


class TestMeetings:
    def test_those_who_come_close_meet_once(self) -> None:
        people = {
            3: Person(RED, lambda n: (30 + 4 * n, 30)),
            5: Person(BLUE, lambda n: (270 - 4 * n, 34)),
            7: Person(GREEN, lambda _n: (140, 130)),
        }
        (meeting,) = seen(people, 60).meetings
        assert (meeting.one, meeting.other) == (3, 5)
        assert 22 <= meeting.first < 30 < meeting.last <= 38
        assert meeting.begin == pytest.approx(meeting.first / 25)


class TestAppearance:
    def test_it_is_that_of_the_face_where_there_is_one(self) -> None:
        parts = [
            Part("human", Box(0, 0, 200, 190), ellipse(), 0.9, 0),
            face(Box(30, 30, 40, 40), label="head"),
            face(Box(35, 35, 30, 30)),
        ]
        place = place_of(parts)
        assert place is not None
        assert place.label == "face"
        assert place_of([]) is None

    @pytest.mark.parametrize(
        "box", [Box(-300, 0, 40, 40), Box(-38, 10, 40, 40), Box(5, 5, 3, 3), Box(400, 300, 40, 40)]
    )
    def test_little_to_see_says_nothing(self, box: Box) -> None:
        assert appearance_of(make_frame(320, 192), face(box)) is None

    def test_likeness_is_1_for_the_same_and_less_for_others(self) -> None:
        frames = [scene(Person(colors, lambda _n: LEFT), count=1)[0] for colors in (RED, BLUE)]
        box = face(Box(22, 22, 56, 56))
        red, blue = (appearance_of(frame, box) for frame in frames)
        assert red is not None
        assert blue is not None
        assert red.likeness(red) == pytest.approx(1, abs=1e-5)
        assert red.likeness(blue) < 0.5
        assert red.blended(blue, 0.5).likeness(blue) > red.likeness(blue)


class TestTheSheet:
    def test_each_person_has_a_cell_with_their_picture(self) -> None:
        pictures = [np.full((40 + 9 * n, 30, 3), 20 * n + 60, np.uint8) for n in range(8)]
        sheet = draw_sheet([Cell(n, picture, ["a", "b"]) for n, picture in enumerate(pictures)])
        assert sheet.shape == (2 * CELL_HEIGHT, 6 * CELL_WIDTH, 3)
        for n in range(8):
            row, column = divmod(n, 6)
            at = row * CELL_HEIGHT + 60, column * CELL_WIDTH + 30
            assert (sheet[at] == 20 * n + 60).all()

    def test_a_joined_one_is_marked(self) -> None:
        picture = np.full((40, 30, 3), 99, np.uint8)
        plain, marked = (draw_sheet([Cell(1, picture, ["x"], joined=j)]) for j in (False, True))
        assert (plain != marked).any()

    @pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (2000, 1500)])
    def test_pictures_of_any_size_fit(self, size: tuple[int, int]) -> None:
        sheet = draw_sheet([Cell(0, np.zeros((*size, 3), np.uint8), ["x" * 200] * 9)])
        assert sheet.shape == (CELL_HEIGHT, 2 * CELL_WIDTH, 3)

    def test_nobody_is_said(self) -> None:
        assert draw_sheet([]).max() > 200


def test_times_are_written_as_people_do() -> None:
    assert [clock(s) for s in (0, 9.96, 59.96, 62.5, 3600)] == [
        "0:00.0", "0:10.0", "1:00.0", "1:02.5", "60:00.0",
    ]  # fmt: skip
