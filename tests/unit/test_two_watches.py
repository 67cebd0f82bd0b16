"""Two fast detectors over one stream: each follows its own, and both are hidden."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.config import Redaction, load_settings
from stream_anon.core.frame import ColorTags
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.registry import BUILT_IN
from stream_anon.detectors.shapes import full_box
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.keyframes import Effort
from stream_anon.masking.masker import Masker
from stream_anon.pipeline.engines import Engines
from stream_anon.pipeline.live.engines import LiveEngines
from stream_anon.pipeline.rules import rules_by_label
from stream_anon.redaction.redactor import Redactor
from tests.stubs import (
    StubParser,
    covers,
    face,
    flickering_frames,
    make_info,
    masker_of,
    nobody,
)
from tests.toys import plates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.detectors.base import DetectionPass

WIDTH, HEIGHT = 320, 192
FACE = Box(130, 60, 60, 60)
"""Stays where it is."""
SCOPE = frozenset({"face", "plate"})


class PlateParser(StubParser):
    name = "plates"
    labels = plates.Plates.labels


def plate(index: int) -> Box:
    """Of the face's size, and passes over it in the middle."""
    return Box(10 + 6 * index, 62, 60, 60)


def face_stub() -> StubParser:
    return StubParser(lambda _frame, _look: [face(FACE)])


def plate_stub() -> PlateParser:
    return PlateParser(lambda frame, _look: [Part("plate", plate(frame.index), full_box(), 0.9, 0)])


def masker_with(detectors: Sequence[StubParser], **values: object) -> Masker:
    given = {key.replace("__", "."): value for key, value in values.items()}
    settings, info = load_settings(None, given), make_info(WIDTH, HEIGHT)
    return Masker(detectors, SCOPE, settings, info, Horizon.of_recording(settings, info))


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return flickering_frames(40, width=WIDTH, height=HEIGHT)


@pytest.fixture(scope="module")
def masks(frames: list[Frame]) -> list[MaskedFrame]:
    """With motion that follows neither: both are found again and again."""
    masker = masker_with([face_stub(), plate_stub()], keyframes__interval=2)
    return list(masker.masks(iter(frames)))


def people(masks: list[MaskedFrame], label: str) -> set[int]:
    found: set[int] = set()
    for masked in masks:
        assert isinstance(masked.parts, tuple)
        found |= {part.person for part in masked.parts if part.label == label}
    return found


def only(masked: MaskedFrame, label: str) -> MaskedFrame:
    assert isinstance(masked.parts, tuple)
    return MaskedFrame(masked.frame, tuple(p for p in masked.parts if p.label == label))


def test_both_are_hidden_in_every_frame(masks: list[MaskedFrame]) -> None:
    for masked in masks:
        assert covers(only(masked, "face"), FACE), masked
        assert covers(only(masked, "plate"), plate(masked.frame.index)), masked


def test_a_plate_that_passes_over_a_face_is_never_taken_for_it(masks: list[MaskedFrame]) -> None:
    overlaps = [plate(masked.frame.index).iou(FACE) for masked in masks]
    assert max(overlaps) > 0.9, "one tracker would mix them up"
    faces, others = people(masks, "face"), people(masks, "plate")
    assert len(faces) == 1, "one track all the way"
    assert len(others) == 1
    assert not faces & others


def test_each_has_masks_of_its_own_detector_only(masks: list[MaskedFrame]) -> None:
    for masked in masks:
        assert isinstance(masked.parts, tuple)
        for part in masked.parts:
            theirs = FACE if part.label == "face" else plate(masked.frame.index)
            assert part.box.iou(theirs) > 0.3, (masked, part)


def test_rules_hide_them_by_different_methods(masks: list[MaskedFrame]) -> None:
    redaction = Redaction.model_validate(
        {
            "scope": ["face", "plate"],
            "method": "fill",
            "rules": {"face": {"color": "#000000"}, "plate": {"color": "#ffffff"}},
        }
    )
    rows = [BUILT_IN["centerface"], plates.ROW]
    rules = rules_by_label(redaction, SCOPE, rows)
    redactor = Redactor(redaction, ColorTags(full_range=True), rules=rules)
    apart = 0
    for masked in masks:
        luma = redactor.redact(masked).planes[0]
        where = plate(masked.frame.index)
        for box, level in ((FACE, 0), (where, 255)):
            inside = np.zeros(luma.shape, bool)
            inside[_rows(box), _columns(box)] = True
            other = where if box is FACE else FACE
            grown = other.grown(56, 56)  # its margin and soft edge too
            inside[_rows(grown), _columns(grown)] = False
            if inside.any():
                apart += 1
                assert (luma[inside] == level).mean() > 0.9, masked
        both = luma[_rows(FACE), _columns(FACE)]
        assert ((both < 60) | (both > 200)).mean() > 0.8, "under one or the other"
    assert apart > len(masks)


def _rows(box: Box) -> slice:
    return slice(max(0, round(box.y) + 8), max(0, round(box.y + box.height) - 8))


def _columns(box: Box) -> slice:
    return slice(max(0, round(box.x) + 8), max(0, round(box.x + box.width) - 8))


# -- one budget -----------------------------------------------------------------------------------


def test_sparing_effort_spares_it_for_all(frames: list[Frame]) -> None:
    detectors = [face_stub(), plate_stub()]
    masker = masker_with(detectors)
    masker.set_effort(Effort(160, (160,), 3.0))
    list(masker.masks(iter(frames)))
    full = [face_stub(), plate_stub()]
    list(masker_with(full).masks(iter(frames)))
    for spared, usual in zip(detectors, full, strict=True):
        assert 0 < len(spared.asked) < len(usual.asked)
        assert spared.asked[0][1].long_side == 160, "a deep pass"
        assert usual.asked[0][1].long_side == WIDTH


def _slow(seconds: float, at: Sequence[int] = range(8192)) -> StubParser:
    """It takes that long for a pass, at these working sizes."""

    def answer(_frame: Frame, _look: DetectionPass) -> list[Part]:
        sleep(seconds if _look.long_side in at else 0)
        return nobody(_frame, _look)

    return StubParser(answer)


def test_what_a_live_run_can_afford_is_for_all_detectors_together() -> None:
    settings = load_settings(None, {"live.latency": 0.4})  # deep passes may take 120 ms of it
    info = make_info(1280, 720)

    def level(*seconds: float) -> int:
        engines = LiveEngines(Engines([_slow(s) for s in seconds]), settings, info)
        engines.close()
        return engines.level

    assert level(0.04) == 0
    assert level(0.04, 0.04) > 0, "each alone could be paid for"


def test_a_deep_pass_of_a_live_run_costs_what_goes_with_it_too() -> None:
    settings = load_settings(None, {"live.latency": 0.4})
    engines = LiveEngines(Engines([_slow(0.15, at=[800])]), settings, make_info(1600, 912))
    engines.close()
    assert [effort.deep_side for effort in engines.efforts[:2]] == [1600, 1280]
    assert engines.level == 1, "a pass at 1600 pixels comes with one at 800"


class TwoLabels(StubParser):
    """A network that knows faces and people."""

    labels = frozenset({"face", "person"})


@pytest.mark.parametrize("live", [False, True])
def test_a_face_stays_hidden_where_a_person_is_seen_in_its_place(*, live: bool) -> None:
    where = Box(60, 50, 60, 72)

    def answers(frame: Frame, _look: DetectionPass) -> list[Part]:
        label = "person" if 8 <= frame.index < 16 else "face"
        return [Part(label, where, full_box(), 0.9, 0)]

    info = make_info(320, 192)
    masker = masker_of(TwoLabels(answers), info, live=live)
    masks = list(masker.masks(iter(flickering_frames(24))))
    assert all(covers(masked, where) for masked in masks)
