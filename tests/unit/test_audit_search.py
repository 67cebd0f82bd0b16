"""The audit's search finds everybody in every frame, also where the detector misses them."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_anon.audit.looking import Looker, turned, unturned
from stream_anon.audit.search import Search
from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from tests.stubs import StubParser, face, make_frame, make_info, make_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_anon.audit.people import Person
    from stream_anon.core.frame import StreamInfo
    from stream_anon.detectors.base import DetectionPass

WIDTH, HEIGHT = 320, 180
SIDE = 40
MARK = 255
"""Of the upper left pixel."""
ROOM = make_plane(HEIGHT, WIDTH, pattern="texture", seed=3)
FACE = cv2.resize(make_plane(10, 10, pattern="noise", seed=5), (SIDE, SIDE))


def place(index: int) -> Box:
    """Where the face is: it walks to the right, and bobs."""
    return Box(20 + 2.5 * index, 60 + 6 * np.sin(index / 4), SIDE, SIDE)


def scene(index: int, *, there: bool = True, box: Callable[[int], Box] = place) -> Frame:
    """The room, with the face in it."""
    luma = ROOM.copy()
    if there:
        x, y = (round(value) for value in box(index)[:2])
        left, right = max(0, x), min(WIDTH, x + SIDE)
        if left < right:
            luma[y : y + SIDE, left:right] = FACE[:, left - x : right - x]
    return upright(luma, index)


def upright(luma: NDArray[np.uint8], index: int) -> Frame:
    """A picture that tells when it was turned."""
    luma[0, 0] = MARK
    luma[-1, -1] = 0
    return make_frame(WIDTH, HEIGHT, index, luma=luma)


def found(
    frames: list[Frame],
    seen: Callable[[int], bool],
    *,
    box: Callable[[int], Box] = place,
    score: float = 0.9,
) -> list[Person]:
    """People of a video in which the detector answers in some frames only."""

    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        is_upright = frame.planes[0][0, 0] == MARK
        if detection_pass.region is not None or not is_upright or not seen(frame.index):
            return []
        return [face(box(frame.index), score=score)]

    detector = StubParser(answers)
    search = Search(Looker(detector, detector), make_info(WIDTH, HEIGHT))
    for frame in frames:
        search.feed(frame)
    return search.people()


def test_a_face_that_the_detector_sees_now_and_then_is_known_in_every_frame() -> None:
    frames = [scene(k) for k in range(80)]
    (person,) = found(frames, lambda index: index // 4 % 3 == 0)
    assert person.frames.tolist() == list(range(80))
    for index, corners in zip(person.frames.tolist(), person.boxes.tolist(), strict=True):
        assert Box(*corners).iou(place(index)) > 0.7, index


def test_a_face_that_is_detected_late_is_traced_back() -> None:
    frames = [scene(k) for k in range(40)]
    (person,) = found(frames, lambda index: index >= 8)
    assert person.frames[0] == 0
    assert Box(*person.boxes[0].tolist()).iou(place(0)) > 0.7


def test_a_face_that_is_lost_early_is_traced_on() -> None:
    frames = [scene(k) for k in range(40)]
    (person,) = found(frames, lambda index: index <= 32)
    assert person.frames[-1] == 39


def test_whoever_walks_out_of_the_picture_is_followed_to_its_edge() -> None:
    def leaves(index: int) -> Box:
        return Box(WIDTH - SIDE - 40 + 5.0 * index, 70, SIDE, SIDE)

    frames = [scene(k, box=leaves) for k in range(20)]
    (person,) = found(frames, lambda index: index <= 8, box=leaves)
    assert person.frames[-1] >= 11, "12 pixels of it are outside by then"


def test_nobody_is_made_up_where_the_face_has_gone() -> None:
    frames = [scene(k, there=k < 20) for k in range(60)]
    (person,) = found(frames, lambda index: index < 20)
    assert person.frames[-1] <= 20


def test_a_faint_answer_makes_nobody_whom_one_has_to_believe() -> None:
    frames = [scene(k) for k in range(20)]
    people = found(frames, lambda index: index == 0, score=0.5)
    assert [person.believed for person in people] == [False]


def test_a_cut_ends_a_person() -> None:
    first = [scene(k) for k in range(20)]
    rest = [upright(255 - scene(k).planes[0], k) for k in range(20, 40)]
    people = found([*first, *rest], lambda index: True)
    assert [(person.frames[0], person.frames[-1]) for person in people] == [(0, 19), (20, 39)]


def test_two_who_are_side_by_side_stay_two() -> None:
    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        if detection_pass.region is not None or frame.planes[0][0, 0] != MARK:
            return []
        other = place(frame.index).moved(SIDE * 1.2, 0)
        return [face(place(frame.index)), face(other, person=1)]

    detector = StubParser(answers)
    search = Search(Looker(detector, detector), make_info(WIDTH, HEIGHT))
    for k in range(30):
        search.feed(scene(k))
    assert len([person for person in search.people() if person.believed]) == 2


@pytest.mark.parametrize("turn", [1, 2, 3])
def test_a_face_that_lies_is_found_where_it_is(turn: int) -> None:
    def answers(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        """Sees it in one position only, where its dark corner is at the top left."""
        luma = frame.planes[0]
        size = detection_pass.region is None and luma.shape
        rows, columns = np.nonzero(luma == 250)
        if not size or not len(rows):
            return []
        top, left = rows.min(), columns.min()
        if luma[top, left] != 250 or luma[top, left + 1] != 250 or luma[top + 1, left] == 250:
            return []
        return [face(Box(float(left), float(top), 30, 20))]

    luma = np.full((HEIGHT, WIDTH), 90, np.uint8)
    standing = np.full((20, 30), 30, np.uint8)
    standing[0, :] = 250  # its forehead
    lying: NDArray[np.uint8] = np.rot90(standing, -turn)
    luma[50 : 50 + lying.shape[0], 100 : 100 + lying.shape[1]] = lying
    frame = make_frame(WIDTH, HEIGHT, luma=luma)
    detector = StubParser(answers)
    (seen,) = Looker(detector, detector).look(frame, (384,), turn)
    assert seen.box == Box(100, 50, lying.shape[1], lying.shape[0])


@given(
    turn=st.integers(0, 3),
    x=st.integers(0, 60),
    y=st.integers(0, 40),
    width=st.integers(1, 20),
    height=st.integers(1, 20),
)
def test_boxes_of_turned_pictures_come_back(
    turn: int, x: int, y: int, width: int, height: int
) -> None:
    luma = np.zeros((64, 96), np.uint8)
    luma[y : y + height, x : x + width] = 255
    frame = turned(make_frame(96, 64, luma=luma), turn)
    rows, columns = np.nonzero(frame.planes[0])
    top, left = int(rows.min()), int(columns.min())
    there = Box(left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)
    assert unturned(there, turn, 96, 64) == Box(x, y, width, height)


def test_memory_does_not_grow_with_the_video() -> None:
    search = Search(*_nobody())
    for k in range(400):
        search.feed(make_frame(64, 48, k, pattern="flat"))
    assert len(search._grays) <= 100


def _nobody() -> tuple[Looker, StreamInfo]:
    detector = StubParser(lambda *_: [])
    return Looker(detector, detector), make_info(64, 48)


def test_other_rates_are_searched_as_often() -> None:
    asked: dict[int, int] = {}
    for rate in (10, 50):
        detector = StubParser(lambda *_: [])
        info = make_info(64, 48).__class__("x", 64, 48, Fraction(1, rate), rate=Fraction(rate))
        search = Search(Looker(detector, detector), info)
        for k in range(4 * rate):
            search.feed(make_frame(64, 48, k, time_base=Fraction(1, rate)))
        asked[rate] = len(detector.asked)
    assert asked[50] == pytest.approx(asked[10], rel=0.4)
