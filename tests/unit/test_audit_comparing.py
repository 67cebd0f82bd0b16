"""Every exposure is found, and nothing that is hidden counts as one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest
from footage_person import FACE, photo
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.audit.comparing import DOUBT, Comparison, thumbnail
from stream_anon.audit.findings import Findings
from stream_anon.audit.judging import shown_share
from stream_anon.audit.leftovers import Leftovers
from stream_anon.audit.looking import Looker
from stream_anon.audit.measure import LEAK
from stream_anon.audit.pairing import Matching, Pair
from stream_anon.audit.people import Person, State
from stream_anon.core.parts import Box
from tests.stubs import StubParser, face, make_frame, make_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

    Luma = NDArray[np.uint8]

WIDTH, HEIGHT, FRAMES = 320, 200, 16
PLACES = (Box(30, 40, 60, 72), Box(190, 60, 22, 26), Box(250, 20, 11, 13))
"""A face of usual size, a small one, and one that is compared as a whole."""


@cache
def portrait() -> Luma:
    x1, y1, x2, y2 = map(int, FACE)
    return np.asarray(cv2.cvtColor(photo(), cv2.COLOR_BGR2GRAY)[y1:y2, x1:x2], np.uint8)


@cache
def room() -> Luma:
    return make_plane(HEIGHT, WIDTH, pattern="texture", seed=2)


def draw(luma: Luma, box: Box) -> None:
    x, y, width, height = map(int, box)
    luma[y : y + height, x : x + width] = cv2.resize(
        portrait(), (width, height), interpolation=cv2.INTER_AREA
    )


def hide(luma: Luma, box: Box) -> None:
    x, y, width, height = map(int, box.grown(3, 3))
    luma[max(0, y) : y + height, max(0, x) : x + width] = 90


def moved(box: Box, index: int) -> Box:
    return box.moved(index % 7, index % 5)


def people() -> list[Person]:
    return [
        Person(
            frames=np.arange(FRAMES, dtype=np.int32),
            boxes=np.array([moved(box, index) for index in range(FRAMES)], np.float32),
        )
        for box in PLACES
    ]


def original(index: int) -> Frame:
    luma = room().copy()
    for box in PLACES:
        draw(luma, moved(box, index))
    return make_frame(WIDTH, HEIGHT, index, luma=luma)


def redacted(index: int, shown: set[tuple[int, int]] = frozenset()) -> Frame:  # type: ignore[assignment]
    """Everybody hidden but those in `shown`, pairs of frame and person; noise as of an encoder."""
    luma = original(index).planes[0].copy()
    for number, box in enumerate(PLACES):
        if (index, number) not in shown:
            hide(luma, moved(box, index))
    noise = np.random.default_rng(index).normal(0, 2, luma.shape)
    return make_frame(WIDTH, HEIGHT, index, luma=np.clip(luma + noise, 0, 255).astype(np.uint8))


def compared(
    who: list[Person], pairs: list[Pair], detector: StubParser | None = None
) -> Comparison:
    detector = detector or StubParser(lambda *_: [])
    comparison = Comparison(who, Looker(detector, detector), Matching(by_time=True), 25.0)
    for pair in pairs:
        comparison.feed(pair)
    return comparison


def findings(who: list[Person], comparison: Comparison) -> Findings:
    return Findings(
        who, [], comparison.counts, comparison.course, Leftovers(), by_time=True, delay=0.0
    )


def exposures(who: list[Person]) -> set[tuple[int, int]]:
    return {
        (int(frame), number)
        for number, person in enumerate(who)
        for frame in person.frames[person.state == State.EXPOSED]
    }


@given(st.sets(st.tuples(st.integers(0, FRAMES - 1), st.integers(0, len(PLACES) - 1)), max_size=6))
@settings(max_examples=15)
def test_single_frames_of_one_face_are_found_and_nothing_else(shown: set[tuple[int, int]]) -> None:
    who = people()
    comparison = compared(
        who, [Pair(original(index), redacted(index, shown)) for index in range(FRAMES)]
    )
    assert exposures(who) == shown
    found = findings(who, comparison)
    assert found.face_frames == FRAMES * len(PLACES)
    assert found.exposed == len(shown)
    assert found.verdict == ("exposed" if shown else "hidden")
    assert (found.longest.frames > 0) == bool(shown)


def test_the_longest_exposure_is_counted_in_frames_and_time() -> None:
    shown = {(3, 0), (8, 1), (9, 1), (10, 1), (14, 1)}
    who = people()
    pairs = [Pair(original(index), redacted(index, shown)) for index in range(FRAMES)]
    found = findings(who, compared(who, pairs))
    assert (found.longest.frames, round(found.longest.seconds, 3)) == (3, 0.12)
    record = found.to_dict()
    assert record["faces"]["longest_exposure_ms"] == 120
    assert record["people"][1]["exposures"] == [[8, 10], [14, 14]]
    assert found.coverage == pytest.approx(1 - len(shown) / (3 * FRAMES), abs=0.02)


def test_frames_without_counterpart_are_told_and_no_exposure() -> None:
    who = people()
    pairs = [Pair(original(index), redacted(index)) for index in range(FRAMES)]
    pairs[5] = Pair(original(5), None)
    pairs.append(Pair(None, redacted(0)))
    comparison = compared(who, pairs)
    counts = comparison.counts
    assert (counts.original, counts.redacted) == (FRAMES, FRAMES)
    assert (counts.lost, counts.added, counts.compared) == (1, 1, FRAMES - 1)
    assert who[0].count(State.NO_FRAME) == 1
    assert findings(who, comparison).verdict == "incomplete", "nobody knows what was added"


def test_another_scene_is_not_taken_for_a_hidden_one() -> None:
    who = people()
    other = make_plane(HEIGHT, WIDTH, pattern="texture", seed=9, value=60)
    pairs = [
        Pair(original(index), make_frame(WIDTH, HEIGHT, index, luma=other.copy()))
        for index in range(FRAMES)
    ]
    comparison = compared(who, pairs)
    assert comparison.counts.unmatched == FRAMES
    found = findings(who, comparison)
    assert (found.verdict, found.face_frames) == ("incomplete", 0)


def test_a_frame_hidden_whole_hides_everybody() -> None:
    who = people()
    plain = [Pair(original(index), make_frame(WIDTH, HEIGHT, index)) for index in range(FRAMES)]
    comparison = compared(who, plain)
    assert comparison.counts.unmatched == 0
    assert findings(who, comparison).verdict == "hidden"
    assert findings(who, comparison).collateral > 0.5


def test_times_that_were_changed_are_told() -> None:
    late = [
        Pair(original(index), replace(redacted(index), pts=index + (index == 4)))
        for index in range(8)
    ]
    counts = compared(people(), late).counts
    assert counts.moved == 1
    assert counts.largest_move == pytest.approx(0.04)


def _in_doubt(frame: Frame, box: Box) -> Frame:
    """The frame with so much of a face hidden that what is left is just no exposure."""
    x, y, width, height = map(int, box)
    for hidden in range(height):
        luma = frame.planes[0].copy()
        luma[y + height - hidden : y + height, x : x + width] = 90
        share = shown_share(frame.planes[0], luma, box)
        assert share is not None
        if DOUBT < share <= LEAK:
            return make_frame(WIDTH, HEIGHT, 0, luma=luma)
    raise AssertionError("no part of this face is in doubt")


def test_a_detector_that_sees_a_half_hidden_face_makes_it_an_exposure() -> None:
    box = PLACES[0]
    frame = original(0)
    after = _in_doubt(frame, box)

    def here(asked: Frame, detection_pass: object) -> list[object]:
        at = box if asked.width == WIDTH else box.moved(asked.width, 0)
        return [face(at)]

    states: dict[bool, int] = {}
    for sees in (False, True):
        who = people()[:1]
        detector = StubParser(here if sees else lambda *_: [])  # type: ignore[arg-type]
        comparison = compared(who, [Pair(frame, after)], detector)
        states[sees] = int(who[0].state[0])
        assert comparison.counts.answered == sees
    assert states == {False: State.HIDDEN, True: State.EXPOSED}


@pytest.mark.parametrize("side", [8, 12, 17, 18, 40, 64, 65, 150, 400])
@pytest.mark.parametrize("change", [None, hide], ids=["clear", "hidden"])
def test_faces_of_all_sizes_are_judged(
    side: int, change: Callable[[Luma, Box], None] | None
) -> None:
    luma = make_plane(700, 700, pattern="texture", seed=1)
    box = Box(120, 100, side, round(side * 1.2))
    draw(luma, box)
    after = luma.copy()
    if change is not None:
        change(after, box)
    share = shown_share(luma, after, box)
    assert share is not None
    assert (share > LEAK) == (change is None)


@pytest.mark.parametrize("side", [20, 40, 64, 150])
@pytest.mark.parametrize("by", [(0.1, 0.0), (0.0, -0.1), (-0.08, 0.08)])
def test_a_face_that_is_shown_a_little_beside_its_place_is_exposed(
    side: int, by: tuple[float, float]
) -> None:
    luma = make_plane(400, 400, pattern="texture", seed=1)
    box = Box(120, 100, side, round(side * 1.2))
    after = luma.copy()
    draw(luma, box)
    draw(after, box.moved(round(by[0] * side), round(by[1] * side)))
    assert (shown_share(luma, after, box) or 0) > LEAK


@pytest.mark.parametrize(
    "box",
    [Box(10, 10, 6, 7), Box(-80, 10, 60, 60), Box(10, 300, 40, 40), Box(500, 500, 30, 30)],
    ids=["tiny", "left", "below", "outside"],
)
def test_what_cannot_be_judged_is_none(box: Box) -> None:
    assert shown_share(room(), room(), box) is None


def test_an_encoder_s_padding_is_left_out() -> None:
    who = people()
    pairs = []
    for index in range(3):
        luma = np.pad(redacted(index).planes[0], ((0, 1), (0, 1)))
        pairs.append(Pair(original(index), make_frame(WIDTH + 1, HEIGHT + 1, index, luma=luma)))
    assert compared(who, pairs).counts.compared == 3
    assert exposures(who) == set()


def test_thumbnails_are_of_the_redacted_picture_alone() -> None:
    """Whatever the original shows, they are the same."""
    for contrast in (1.0, 0.7):
        dimmed = [
            make_frame(
                WIDTH, HEIGHT, index, luma=(original(index).planes[0] * contrast).astype(np.uint8)
            )
            for index in range(4)
        ]
        pairs = [Pair(before, redacted(before.index)) for before in dimmed]
        shots = compared(people(), pairs).thumbnails
        assert len(shots) == 2 * len(PLACES)
        for shot in shots:
            box = moved(PLACES[shot.number], shot.frame)
            assert thumbnail(redacted(shot.frame), box) == shot.jpeg


def test_the_worst_places_come_first_and_few_of_one_person() -> None:
    who = people()
    shown = {(index, 0) for index in range(FRAMES)}
    pairs = [Pair(original(index), redacted(index, shown)) for index in range(FRAMES)]
    shots = compared(who, pairs).thumbnails
    assert [shot.share for shot in shots] == sorted((shot.share for shot in shots), reverse=True)
    assert sum(shot.number == 0 for shot in shots) == 2
    assert shots[0].number == 0


@pytest.mark.parametrize(
    "box", [*PLACES, Box(-20, -20, 50, 50), Box(WIDTH - 5, HEIGHT - 5, 40, 40)]
)
def test_thumbnails_at_the_edge(box: Box) -> None:
    picture = cv2.imdecode(np.frombuffer(thumbnail(redacted(0), box), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert max(picture.shape) == 168
