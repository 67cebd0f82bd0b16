"""What every parser must do, whatever is inside; each backend is put through all of it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from stream_anon.core.frame import ColorTags, Frame, plane_shapes
from stream_anon.core.parts import Box, Part
from stream_anon.detectors.base import DetectionPass, Detector
from stream_anon.detectors.centerface import CenterFace
from stream_anon.detectors.labels import CENTERFACE_LABELS, PARSED_LABELS, PERSON_LABELS
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.m2fp.configuration import read_configuration
from stream_anon.detectors.m2fp.convert import find_converted
from stream_anon.detectors.m2fp.parser import M2FPParser
from stream_anon.detectors.plates import LABELS as PLATE_LABELS
from stream_anon.detectors.text import LABELS as TEXT_LABELS
from tests import drawn
from tests.fetched import fetched
from tests.m2fp_models import use_models
from tests.stubs import (
    StubParser,
    astronaut_frame,
    face,
    face_of_astronaut,
    make_frame,
    make_plane,
)
from tests.toys import plates
from tests.toys.plates import Plates
from tests.variants import variants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SIZES = [
    (16, 16),
    (17, 16),
    (16, 333),
    (333, 31),
    (127, 95),
    (640, 360),
    (1081, 719),
    (720, 1280),
    (1920, 1080),
]
PASSES = [DetectionPass(64), DetectionPass(161), DetectionPass(384)]


def stub_parser() -> Detector:
    """Finds the face of the portrait, where the pass covers it."""

    def answer(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        box = face_of_astronaut(frame.width, frame.height)
        seen = detection_pass.region is None or detection_pass.region.overlap(box) > 0.9 * box.area
        plain = bool((frame.planes[0] == frame.planes[0][0, 0]).all())
        return [face(box), face(box, label="eyes")] if seen and not plain else []

    return StubParser(answer)


def centerface() -> Detector:
    return CenterFace(ColorTags(matrix=6), min_score=0.1, threads=1)


def m2fp(root: Path) -> Detector:
    """With made-up weights: what it answers has the right form and no meaning."""
    with pytest.MonkeyPatch.context() as patch:
        use_models(patch, root)
        folder = store.model_dir()
        converted = find_converted(folder, "fp32")
    assert converted is not None
    model, color = read_configuration(folder), ColorTags(matrix=6)
    return M2FPParser(model, converted, color, min_score=0.05, min_area=4.0, threads=1)


def person_frame(width: int = 512, height: int = 512, index: int = 0) -> Frame:
    """The whole portrait where the astronaut's face is, and nothing else."""
    import cv2

    x, y, w, h = (round(v) for v in face_of_astronaut(width, height))
    portrait = astronaut_frame()
    planes = [np.full(shape, 128, np.uint8) for shape in plane_shapes(width, height)]
    for plane, shown, step in zip(planes, portrait.planes, (1, 2, 2), strict=True):
        place = plane[y // step : (y + h) // step, x // step : (x + w) // step]
        if place.size:
            size = place.shape[1], place.shape[0]
            place[...] = cv2.resize(shown[:, : 365 // step], size, interpolation=cv2.INTER_AREA)
    for plane in planes:
        plane.setflags(write=False)
    return Frame((planes[0], planes[1], planes[2]), index, index, portrait.time_base)


def plate_frame(width: int = 512, height: int = 512, index: int = 0) -> Frame:
    """A bright plate where the astronaut's face is, and nothing else."""
    x, y, w, h = (round(v) for v in face_of_astronaut(width, height))
    luma = make_plane(height, width, pattern="texture") // 2
    luma[y : y + h, x : x + w] = 235
    return make_frame(width, height, index, luma=luma)


def middle_of(width: int = 512, height: int = 512) -> Box:
    """A wide place within that of the astronaut's face."""
    face = face_of_astronaut(width, height)
    return face.grown(0.0, -0.29 * face.height)


def drawn_frame(
    drawing: drawn.Picture, width: int = 512, height: int = 512, index: int = 0
) -> Frame:
    """A street, with a drawing at `middle_of` and nothing else."""
    place = middle_of(width, height)
    corners = drawn.corners_of(place)
    return drawn.frame_of(drawn.put(drawn.street(width, height), drawing, corners), index)


PLATE, SIGN = drawn.plate(drawn.STYLES["china"]), drawn.word("EXIT", 172, 94)


class Backend(NamedTuple):
    """One detector, and what it has to find."""

    make: Callable[..., Detector]
    labels: frozenset[str]
    """What its registry row says."""
    picture: Callable[..., Frame] = astronaut_frame
    """Of any size, with the one thing to find at `place`."""
    label: str = "face"
    place: Callable[..., Box] = face_of_astronaut
    """By the size of the picture."""


BACKENDS = {
    "stub": Backend(stub_parser, CENTERFACE_LABELS),
    "centerface": Backend(centerface, CENTERFACE_LABELS),
    "m2fp": Backend(m2fp, PARSED_LABELS),
    "persons": Backend(fetched("persons"), PERSON_LABELS, person_frame, "human"),
    "toy plates": Backend(Plates, plates.ROW.labels, plate_frame, "plate"),
    "plates": Backend(
        fetched("plates"), PLATE_LABELS, partial(drawn_frame, PLATE), "plate", middle_of
    ),
    "text": Backend(fetched("text"), TEXT_LABELS, partial(drawn_frame, SIGN), "text", middle_of),
}


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture(scope="module")
def make_parser(backend: Backend, request: pytest.FixtureRequest) -> Callable[[], Detector]:
    if backend.make is m2fp:
        return partial(m2fp, request.getfixturevalue("tiny_m2fp_root"))
    return backend.make


@pytest.fixture(scope="module")
def parser(make_parser: Callable[[], Detector]) -> Iterator[Detector]:
    made = make_parser()
    yield made
    made.close()


@pytest.fixture
def detector(parser: Detector) -> Detector:
    """A parser that knows a face when it sees one."""
    if parser.name == "m2fp":
        pytest.skip("made-up weights find nobody in particular")
    return parser


def described(parts: list[Part]) -> list[object]:
    return [(p.label, p.box, p.score, p.person, p.mask.tobytes()) for p in parts]


def check(parts: list[Part], frame: Frame, parser: Detector) -> None:
    """Everything that must hold for any answer."""
    assert isinstance(parts, list)
    people: dict[int, list[str]] = {}
    for part in parts:
        assert type(part) is Part
        assert part.label in parser.labels
        assert 0 <= part.score <= 1
        assert all(math.isfinite(value) for value in part.box)
        assert part.box.width > 0
        assert part.box.height > 0
        reach = Box(0, 0, frame.width, frame.height).grown(2 * frame.width, 2 * frame.height)
        assert reach.overlap(part.box) > 0, "nowhere near the frame"
        assert part.mask.dtype == np.uint8
        assert part.mask.max() >= 128
        people.setdefault(part.person, []).append(part.label)
    if parser.name != "m2fp":  # in which one arm may be two parts, with something before it
        assert all(len(labels) == len(set(labels)) for labels in people.values())


def test_it_says_who_it_is(parser: Detector, backend: Backend) -> None:
    assert parser.name == parser.name.lower().strip() != ""
    assert parser.labels == backend.labels
    assert parser.labels
    assert len(parser.model_hash) == 64
    int(parser.model_hash, 16)


@pytest.mark.parametrize(("width", "height"), variants(SIZES, 4))
def test_any_size_of_frame_gets_a_valid_answer(
    parser: Detector, backend: Backend, width: int, height: int
) -> None:
    frame = backend.picture(width, height)
    for detection_pass in PASSES[:2] if width > 1000 else PASSES:
        check(parser.parse(frame, detection_pass), frame, parser)


@pytest.mark.parametrize("pattern", ["flat", "noise", "gradient"])
def test_pictures_of_nobody_get_a_valid_answer_and_nobody_for_sure(
    detector: Detector, pattern: str
) -> None:
    frame = make_frame(160, 120, pattern=pattern)  # type: ignore[arg-type]
    if detector.name == "stub" and pattern != "flat":
        pytest.skip("the stub sees the portrait in every picture that is not flat")
    parts = detector.parse(frame, DetectionPass(160))
    check(parts, frame, detector)
    assert all(part.score < 0.5 for part in parts)


@pytest.mark.parametrize("size", [(512, 512), (333, 331)])
def test_answers_are_in_frame_coordinates(
    detector: Detector, backend: Backend, size: tuple[int, int]
) -> None:
    frame = backend.picture(*size)
    for look in (DetectionPass(128), DetectionPass(384), DetectionPass(4000)):
        found = [part for part in detector.parse(frame, look) if part.label == backend.label]
        best = max(found, key=lambda part: part.score)
        assert best.box.iou(backend.place(*size)) > 0.5


@pytest.mark.parametrize(
    "region",
    [Box(131, 21, 201, 199), Box(-100, -100, 500, 500), Box(100.4, 9.7, 411.9, 600)],
)
def test_so_are_those_of_a_look_at_a_region(
    detector: Detector, backend: Backend, region: Box
) -> None:
    frame = backend.picture()
    parts = detector.parse(frame, DetectionPass(160, region))
    check(parts, frame, detector)
    best = max((p for p in parts if p.label == backend.label), key=lambda part: part.score)
    assert best.box.iou(backend.place()) > 0.5


@pytest.mark.parametrize("region", [Box(320, 300, 150, 150), Box(2, 300, 90, 90)])
def test_a_region_shows_nothing_of_what_is_outside(
    detector: Detector, backend: Backend, region: Box
) -> None:
    parts = detector.parse(backend.picture(), DetectionPass(160, region))
    assert all(part.box.iou(backend.place()) < 0.1 for part in parts)


@pytest.mark.parametrize(
    "region", [Box(600, 600, 50, 50), Box(-90, 5, 20, 20), Box(30, 30, 0.2, 0.2)]
)
def test_regions_off_the_frame_or_tiny_are_no_trouble(parser: Detector, region: Box) -> None:
    frame = astronaut_frame(99, 101)
    check(parser.parse(frame, DetectionPass(64, region)), frame, parser)


def test_the_same_input_gets_the_same_answer(parser: Detector, backend: Backend) -> None:
    frame, other = backend.picture(), backend.picture(400, 300)
    detection_pass = DetectionPass(200)
    first = described(parser.parse(frame, detection_pass))
    parser.parse(other, DetectionPass(96))
    parser.parse(frame, DetectionPass(160, Box(100, 100, 200, 200)))
    assert first
    assert described(parser.parse(backend.picture(), detection_pass)) == first


def test_the_frame_is_left_alone(parser: Detector, backend: Backend) -> None:
    frame = backend.picture()
    before = [plane.copy() for plane in frame.planes]
    parser.parse(frame, DetectionPass(384))
    assert all(np.array_equal(a, b) for a, b in zip(frame.planes, before, strict=True))


def test_an_earlier_answer_does_not_change_afterwards(parser: Detector, backend: Backend) -> None:
    parts = parser.parse(backend.picture(), DetectionPass(200))
    before = described(parts)
    parser.parse(make_frame(512, 512, pattern="noise"), DetectionPass(200))
    assert described(parts) == before


@pytest.mark.parametrize("used", [False, True])
def test_it_can_be_closed(make_parser: Callable[[], Detector], used: bool) -> None:
    made = make_parser()
    if used:
        made.parse(make_frame(64, 64), DetectionPass(64))
    made.close()
    again = make_parser()
    check(again.parse(make_frame(64, 64), DetectionPass(64)), make_frame(64, 64), again)
    again.close()
