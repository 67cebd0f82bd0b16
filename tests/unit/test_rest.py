"""Pictures in which nothing moves any more, and frame rates at which a frame is long."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from stream_anon.core.frame import Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.base import DetectionPass
from tests.stubs import StubParser, face, make_frame, make_info, make_plane, masker_of

FACE = Box(120, 60, 60, 72)
WIDTH, HEIGHT = 640, 360


def hidden(masks: list[MaskedFrame]) -> list[int]:
    """Frames in which the face is covered."""
    return [
        masked.frame.index
        for masked in masks
        if isinstance(masked.parts, tuple)
        and any(part.box.overlap(FACE) > 0.95 * FACE.area for part in masked.parts)
    ]


def footage(count: int, changed: set[int], *, fps: int = 25) -> list[Frame]:
    """A still picture, other in one corner in the frames `changed`."""
    base = make_plane(HEIGHT, WIDTH, pattern="texture")
    frames: list[Frame] = []
    for index in range(count):
        luma = base.copy()
        if index in changed:
            luma[:80, -80:] = 200
        frames.append(
            make_frame(WIDTH, HEIGHT, index, luma=luma, pts=index, time_base=Fraction(1, fps))
        )
    return frames


def masks_of(parser: StubParser, frames: list[Frame], *, still: bool = False) -> list[MaskedFrame]:
    info = replace(make_info(WIDTH, HEIGHT), still=still)
    return list(masker_of(parser, info).masks(frames))


@pytest.mark.parametrize("blip", [{1}, {2}, {1, 2}, {4}, {30}])
def test_a_known_face_stays_hidden_when_the_picture_comes_to_rest(blip: set[int]) -> None:
    parser = StubParser(lambda _frame, _detection_pass: [face(FACE)])
    assert hidden(masks_of(parser, footage(120, blip))) == list(range(120))


def test_a_face_that_the_last_look_missed_is_looked_for_as_well_as_possible() -> None:
    def only_deep_from_frame_8(frame: Frame, detection_pass: DetectionPass) -> list[Part]:
        deep = detection_pass.long_side >= WIDTH and detection_pass.region is None
        return [face(FACE)] if frame.index < 8 or deep else []

    comes_to_rest = [*footage(9, {1, 3, 5, 7}), *footage(120, set(range(120)))[9:]]
    masks = masks_of(StubParser(only_deep_from_frame_8), comes_to_rest)
    assert hidden(masks) == list(range(120))


def test_a_doubtful_face_is_hidden_when_it_does_not_move() -> None:
    parser = StubParser(
        lambda _frame, detection_pass: [] if detection_pass.region else [face(FACE, score=0.25)],
    )
    assert hidden(masks_of(parser, footage(60, set()))) == list(range(60))


def test_a_doubtful_face_in_a_photo_is_hidden() -> None:
    parser = StubParser(
        lambda _frame, detection_pass: [] if detection_pass.region else [face(FACE, score=0.25)]
    )
    assert hidden(masks_of(parser, footage(1, set()), still=True)) == [0]


@pytest.mark.parametrize("fps", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("enters", [5, 6, 7, 8, 9, 10])
def test_who_comes_in_at_a_low_frame_rate_is_hidden_from_the_first_frame(
    fps: int, enters: int
) -> None:
    rng = np.random.default_rng(0)
    frames: list[Frame] = []
    base = make_plane(HEIGHT, WIDTH, pattern="texture")
    for index in range(20):
        luma = base.copy()
        luma[-40:, -40:] = int(rng.integers(0, 255))  # something always moves
        if index >= enters:
            luma[60:132, 120:180] = 255 - luma[60:132, 120:180]
        frames.append(
            make_frame(WIDTH, HEIGHT, index, luma=luma, pts=index, time_base=Fraction(1, fps))
        )
    parser = StubParser(
        lambda frame, _detection_pass: [face(FACE)] if frame.index >= enters else []
    )
    assert set(hidden(masks_of(parser, frames))) >= set(range(enters, 20))
