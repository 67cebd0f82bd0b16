"""Plates and text: from what networks answer to parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from stream_anon.config import load_settings
from stream_anon.core.parts import Box
from stream_anon.detectors import text
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.boxes import Preparation, Thing, distinct, united
from stream_anon.detectors.families import retinaface
from stream_anon.detectors.scopes import choose
from stream_anon.errors import ModelError
from stream_anon.masking.horizon import Horizon
from stream_anon.masking.masker import Masker
from tests import drawn
from tests.fetched import fetched
from tests.stubs import make_frame, make_info

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.core.redacted import MaskedFrame

WIDTH, HEIGHT = 640, 384


def test_a_plates_prior_is_decoded_where_it_is() -> None:
    shape = (96, 160)
    count = 2 * (12 * 20 + 6 * 10 + 3 * 5)
    offsets, scores = np.zeros((1, count, 4), np.float32), np.zeros((1, count, 2), np.float32)
    at = 2 * (20 * 3 + 5) + 1  # the larger one of the two, in row 3 and column 5
    scores[0, at, 1] = 0.9
    offsets[0, at] = (1.0, -1.0, 0.0, 5 * np.log(0.25))
    landmarks = np.zeros((1, count, 8), np.float32)
    found = retinaface.decode(
        [offsets, scores, landmarks], shape, 0.3, priors=retinaface.PLATE_PRIORS
    )
    middle_x, middle_y = 5.5 * 8 + 4.8, 3.5 * 8 - 4.8
    np.testing.assert_allclose(found.boxes, [[middle_x - 24, middle_y - 6, 48, 12]], rtol=1e-4)


def test_colours_are_prepared_as_the_network_wants_them() -> None:
    rgb = np.arange(3, dtype=np.float32).reshape(1, 3, 1, 1) * 10
    wanted = Preparation(bgr=True, mean=(1.0, 2.0, 3.0), scale=(2.0, 1.0, 1.0))
    assert wanted.applied(rgb).ravel().tolist() == [38.0, 8.0, -3.0]
    fill = np.reshape(wanted.fill, (1, 3, 1, 1)).astype(np.float32)
    assert not wanted.applied(fill).any()


def test_looks_that_are_about_as_sure_hide_together() -> None:
    seen = [
        Thing("plate", Box(0, 0, 40, 10), 0.9),
        Thing("plate", Box(10, 0, 40, 10), 0.8, look=1),
        Thing("plate", Box(-20, 0, 60, 10), 0.3, look=1),
        Thing("plate", Box(90, 0, 40, 10), 0.4),
        Thing("sign", Box(0, 0, 40, 10), 0.5),
    ]
    kept = united(seen)
    assert [thing.box for thing in kept] == [
        Box(0, 0, 50, 10),
        Box(0, 0, 40, 10),
        Box(90, 0, 40, 10),
    ]
    assert [thing.score for thing in kept] == [0.9, 0.5, 0.4]


def test_two_that_one_look_sees_side_by_side_are_two() -> None:
    beside = [Thing("person", Box(0, 0, 40, 80), 0.9), Thing("person", Box(20, 0, 40, 80), 0.4)]
    assert united(beside) == beside
    twice = [beside[0], beside[1]._replace(box=Box(4, 0, 40, 80))]  # by two of its classes
    assert [thing.box for thing in united(twice)] == [Box(0, 0, 44, 80)]


def test_looks_that_show_the_same_are_one() -> None:
    frame = make_frame(320, 192)
    looks = [DetectionPass(side) for side in (1280, 640, 320, 160)]
    assert [look.long_side for look in distinct(looks, frame, 1.0)] == [1280, 160]
    region = Box(0, 0, 100, 50)
    looks = [DetectionPass(side, region, enlarge=2.0) for side in (400, 200, 100)]
    assert [look.long_side for look in distinct(looks, frame, 1.0)] == [400, 100]


def map_with(*rectangles: tuple[tuple[float, float], tuple[float, float], float]) -> text.Floats:
    """A map of probabilities: rectangles by middle, size and angle, sure of each."""
    found = np.zeros((120, 200), np.float32)
    for rectangle in rectangles:
        corners = np.round(cv2.boxPoints(rectangle)).astype(np.int32)
        cv2.fillConvexPoly(found, corners, 0.9)
    return found


@pytest.mark.parametrize("angle", [0.0, 20.0, -35.0])
def test_a_line_of_text_is_found_with_its_whole_height(angle: float) -> None:
    (line,) = text.lines(map_with(((100, 60), (80, 8), angle)), 0.3)
    assert line.score == pytest.approx(0.9, abs=0.01)
    outer = np.round(cv2.boxPoints(((100, 60), (86, 18), angle))).astype(np.int32)
    mask = np.zeros((120, 200), np.uint8)
    cv2.fillConvexPoly(mask, np.round(line.corners).astype(np.int32), 1)
    wanted = np.zeros_like(mask)
    cv2.fillConvexPoly(wanted, outer, 1)
    assert (mask & wanted).sum() > 0.97 * wanted.sum(), "letters are twice as high as their core"
    assert mask.sum() < 2.2 * wanted.sum()


def test_lines_are_kept_apart_and_noise_is_left_out() -> None:
    seen = map_with(((60, 20), (80, 6), 0.0), ((60, 60), (80, 6), 0.0), ((150, 90), (1, 1), 0.0))
    assert len(list(text.lines(seen, 0.3))) == 2
    assert list(text.lines(seen, 0.95)) == []
    assert list(text.lines(np.zeros((32, 32), np.float32), 0.1)) == []


@pytest.mark.parametrize("label", ["plate", "text"])
def test_without_weights_the_way_to_get_them_is_told(label: str) -> None:
    name = {"plate": "plates", "text": "text"}[label]
    with pytest.raises(ModelError, match=f"stream-anon models fetch {name}, or from a file of"):
        choose("auto", f"face,{label}")


@pytest.mark.parametrize("label", ["plate", "text"])
def test_only_the_scope_turns_them_on(label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream_anon.detectors.weights.store.is_installed", lambda _: True)
    assert {row.name for row in choose("auto", "face")} == {"centerface"}


# -- with the weights, where they are ----------------------------------------------------------


def hidden(masked: MaskedFrame) -> NDArray[np.bool_]:
    """Which pixels the parts of a frame cover, as the redactor would."""
    assert isinstance(masked.parts, tuple)
    shown = np.zeros((HEIGHT, WIDTH), np.uint8)
    for part in masked.parts:
        x, y, width, height = part.box
        rows, columns = part.mask.shape
        matrix = np.array([[width / columns, 0, x], [0, height / rows, y]], np.float32)
        shown |= np.asarray(cv2.warpAffine(part.mask, matrix, (WIDTH, HEIGHT)), np.uint8)
    return shown >= 64


@pytest.mark.slow
@pytest.mark.parametrize("country", ["china", "germany", "britain"])
def test_a_plate_that_drives_by_is_hidden_in_every_frame(country: str) -> None:
    detector = fetched("plates", WIDTH, HEIGHT)()
    pictures = list(drawn.drive_by(drawn.STYLES[country], WIDTH, HEIGHT, 24, blur=3))
    frames = [drawn.frame_of(picture, n) for n, (picture, _) in enumerate(pictures)]
    settings, info = load_settings(), make_info(WIDTH, HEIGHT)
    horizon = Horizon.of_recording(settings, info)
    masker = Masker([detector], frozenset({"plate"}), settings, info, horizon)
    for masked, (_, corners) in zip(masker.masks(iter(frames)), pictures, strict=True):
        truth = drawn.inside(corners, WIDTH, HEIGHT)
        seen = hidden(masked)
        assert (seen & truth).sum() > 0.98 * truth.sum(), masked.frame.index
        assert seen.mean() < 10 * truth.mean() + 0.01, "it moves fast, but not that fast"
    detector.close()


@pytest.mark.slow
def test_every_letter_of_a_sign_is_hidden() -> None:
    detector = fetched("text", WIDTH, HEIGHT)()
    sign = drawn.sign(["Dr. M. Example", "12 Long Street"], 300, 120)
    style = drawn.Style(300, 120, "", (0, 0, 0), (0, 0, 0))
    corners = drawn.corners_at(style, (330, 190), 240, yaw=25, roll=-12)
    frame = drawn.frame_of(drawn.put(drawn.street(WIDTH, HEIGHT), sign, corners))
    settings, info = load_settings(), make_info(WIDTH, HEIGHT)
    masker = Masker(
        [detector], frozenset({"text"}), settings, info, Horizon.of_recording(settings, info)
    )
    (masked,) = masker.masks(iter([frame]))
    bright = drawn.put(drawn.street(WIDTH, HEIGHT), np.full_like(sign, 235), corners)
    ink = np.abs(bright.astype(int) - drawn.put(drawn.street(WIDTH, HEIGHT), sign, corners)) > 60
    assert hidden(masked)[ink.any(2)].mean() > 0.99
    detector.close()
