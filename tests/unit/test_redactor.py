"""The redactor: hides what it is told to, opaquely, and touches nothing else."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, RedactedFrame, Unknown
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.redaction import registry
from stream_anon.redaction.kept import KeptOfTracks
from stream_anon.redaction.reading import LUMA_STEP
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import method_names
from tests.stubs import face, make_frame, make_plane, yuv_of

METHODS = method_names()
SECRET = 7
READING = {method.name for method in registry.METHODS if method.reads_hidden}
FACE = Box(60, 40, 64, 80)


def redact(
    frame: Frame, *parts: Part, tags: ColorTags | None = None, **settings: Any
) -> RedactedFrame:
    redactor = Redactor(Redaction(**settings), tags or ColorTags(), kept=KeptOfTracks(SECRET))
    return redactor.redact(MaskedFrame(frame, parts))


def boxed(box: Box) -> Part:
    return Part("face", box, full_box(), 0.9, 0)


def hidden_pixels(part: Part, shape: tuple[int, ...], scale: float) -> Any:
    """Pixels whose middle lies in the ellipse of `part`."""
    rows, columns = (np.mgrid[0 : shape[0], 0 : shape[1]] + 0.5) / scale
    x = (columns - part.box.x) / part.box.width * 2 - 1
    y = (rows - part.box.y) / part.box.height * 2 - 1
    return np.abs(x) ** 2.2 + np.abs(y) ** 2.2 <= 1


def near(
    box: Box, shape: tuple[int, ...], scale: float, share: float = 0.25
) -> tuple[slice, slice]:
    grown = box.grown(share * box.width + 3, share * box.height + 3)
    left, top = max(0, int(grown.x * scale)), max(0, int(grown.y * scale))
    right = int((grown.x + grown.width) * scale) + 1
    bottom = int((grown.y + grown.height) * scale) + 1
    return slice(top, max(0, bottom)), slice(left, max(0, right))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("width", "height"), [(200, 160), (201, 161), (199, 163)])
@pytest.mark.parametrize("box", [FACE, Box(-20, -30, 64, 64), Box(170, 130, 64, 64)])
def test_outside_bit_identical_and_inside_changed(
    method: str, width: int, height: int, box: Box
) -> None:
    frame = make_frame(width, height, pattern="noise")
    safe = redact(frame, face(box), method=method)
    for raw, new, scale in zip(frame.planes, safe.planes, (1, 0.5, 0.5), strict=True):
        outside = np.ones(raw.shape, bool)
        outside[near(box, raw.shape, scale)] = False
        assert outside.any()
        np.testing.assert_array_equal(new[outside], raw[outside])
        inside = hidden_pixels(face(box), raw.shape, scale)
        change = np.abs(new[inside].astype(int) - raw[inside].astype(int))
        assert change.mean() > 20


def test_nobody_to_hide_changes_nothing_at_all() -> None:
    frame = make_frame(101, 77, pattern="noise")
    safe = redact(frame)
    for raw, new in zip(frame.planes, safe.planes, strict=True):
        np.testing.assert_array_equal(raw, new)
    assert safe.parts_hidden == 0
    assert safe.hidden_whole is None


@pytest.mark.parametrize("method", METHODS)
def test_the_input_is_left_untouched(method: str) -> None:
    frame = make_frame(200, 160, pattern="noise")
    before = [plane.copy() for plane in frame.planes]
    assert not any(plane.flags.writeable for plane in frame.planes)
    redact(frame, face(FACE), method=method)
    Redactor(Redaction(method=method), ColorTags()).redact(MaskedFrame(frame, Unknown.CORRUPT))
    for plane, old in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)


def test_planes_with_padded_lines_work() -> None:
    frame = make_frame(200, 160, pattern="noise")
    padded = []
    for plane in frame.planes:
        wide = np.zeros((plane.shape[0], plane.shape[1] + 24), np.uint8)
        wide[:, : plane.shape[1]] = plane
        padded.append(wide[:, : plane.shape[1]])
    strided = Frame((padded[0], padded[1], padded[2]), 0, 0, Fraction(1, 25))
    for method in METHODS:
        want = redact(frame, face(FACE), method=method)
        got = redact(strided, face(FACE), method=method)
        assert all(np.array_equal(a, b) for a, b in zip(want.planes, got.planes, strict=True))


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_what_is_inside_does_not_depend_on_detail(cells: int) -> None:
    safe, raw = [], []
    for seed in (3, 4):
        noise = np.random.default_rng(seed).integers(-60, 61, (160, 200))
        luma = np.clip(make_plane(160, 200, pattern="gradient") * 0.5 + 60 + noise, 0, 255)
        raw.append(luma.astype(np.uint8))
        frame = make_frame(200, 160, luma=raw[-1])
        safe.append(redact(frame, face(FACE), method="pixelate", cells=cells).planes[0])
    inside = hidden_pixels(face(FACE), (160, 200), 1)
    raw_change = (raw[0].astype(float) - raw[1])[inside]
    change = (safe[0].astype(float) - safe[1])[inside]
    assert np.abs(raw_change).mean() > 35
    assert np.abs(change).mean() <= LUMA_STEP  # a cell's level may fall to either side
    let_through = float(np.cov(change, raw_change)[0, 1] / raw_change.var())
    assert abs(let_through) < 0.03


@pytest.mark.parametrize("cells", [1, 2, 3, 4])
@pytest.mark.parametrize("box", [FACE, Box(37.5, 21.2, 50, 61), Box(10, 10, 150, 120)])
def test_no_more_cells_than_asked_for_across_a_face(cells: int, box: Box) -> None:
    frame = make_frame(240, 180, pattern="noise")
    safe = redact(frame, boxed(box), method="pixelate", cells=cells).planes[0].astype(int)
    left, right = round(box.x) + 1, round(box.x + box.width) - 1
    top, bottom = round(box.y) + 1, round(box.y + box.height) - 1
    inside = safe[top:bottom, left:right]
    longer = max(box.width, box.height)
    for axis, length in ((1, box.width), (0, box.height)):
        edges = np.flatnonzero(np.abs(np.diff(inside, axis=axis)).max(1 - axis) > 0)
        assert len(edges) <= cells, "more cells than asked for"
        assert all(np.diff(edges) >= longer / cells - 1.01), "smaller cells than asked for"
        assert length > 0
    assert len(np.unique(inside)) <= (cells + 1) ** 2


def test_a_face_at_the_edge_gets_no_finer_cells() -> None:
    frame = make_frame(240, 180, pattern="noise")
    for box in (Box(-40, 40, 80, 80), Box(200, -60, 80, 80)):
        safe = redact(frame, boxed(box), method="pixelate", cells=4).planes[0].astype(int)
        left, top = max(0, int(box.x)), max(0, int(box.y))
        inside = safe[top : int(box.y + 80) - 1, left : min(240, int(box.x + 80)) - 1]
        edges = np.flatnonzero(np.abs(np.diff(inside, axis=1)).max(0) > 0)
        assert len(edges) <= 3


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 6, 9])
@pytest.mark.parametrize("color", ["#202020", "#ff8000", "#0010ff", "#0000ff", "#ffffff"])
def test_fill_is_exactly_the_colour(color: str, matrix: int, full_range: bool) -> None:
    frame = make_frame(201, 161, pattern="noise")
    tags = ColorTags(full_range, matrix)
    safe = redact(frame, face(FACE), tags=tags, method="fill", color=color)
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)
    exact = np.rint(yuv_of(rgb, matrix=matrix, full_range=full_range))
    levels = np.clip(exact, 0, 255).astype(int)
    for plane, level, scale in zip(safe.planes, levels, (1, 0.5, 0.5), strict=True):
        inside = hidden_pixels(face(FACE), plane.shape, scale)
        assert set(np.unique(plane[inside])) == {int(level)}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [1e3, 1e5, 1e7])
def test_absurdly_large_parts_hide_everything(method: str, size: float) -> None:
    frame = make_frame(65, 49, pattern="noise")
    safe = redact(frame, boxed(Box(-size / 2, -size / 2, size, size)), method=method)
    for raw, new in zip(frame.planes, safe.planes, strict=True):
        assert np.abs(new.astype(int) - raw).mean() > 20
        assert method in READING or len(np.unique(new)) == 1


@pytest.mark.parametrize("method", METHODS)
def test_parts_off_the_frame_change_nothing(method: str) -> None:
    frame = make_frame(65, 49, pattern="noise")
    far = [Box(-90, 0, 30, 30), Box(500, 500, 30, 30), Box(0, -90, 30, 30), Box(-1e6, 9, 30, 30)]
    safe = redact(frame, *map(boxed, far), method=method)
    for raw, new in zip(frame.planes, safe.planes, strict=True):
        np.testing.assert_array_equal(raw, new)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 2), (3, 5), (16, 16), (17, 16)])
def test_tiny_pictures(method: str, width: int, height: int) -> None:
    frame = make_frame(width, height, pattern="noise")
    box = Box(0, 0, width, height)
    for masked in (MaskedFrame(frame, (boxed(box),)), MaskedFrame(frame, Unknown.CORRUPT)):
        safe = Redactor(Redaction(method=method), ColorTags()).redact(masked)
        assert (safe.width, safe.height) == (width, height)


def test_every_part_is_hidden_where_they_overlap_too() -> None:
    frame = make_frame(200, 160, pattern="noise")
    parts = [face(Box(30, 40, 60, 70)), face(Box(60, 60, 60, 70), person=1)]
    safe = redact(frame, *parts, method="fill", color="#000000", tags=ColorTags(True))
    for part in parts:
        assert not safe.planes[0][hidden_pixels(part, (160, 200), 1)].any()
    assert safe.parts_hidden == 2


@pytest.mark.parametrize("reason", Unknown)
@pytest.mark.parametrize("method", METHODS)
def test_an_unknown_mask_hides_everything_and_nothing_is_read(reason: Unknown, method: str) -> None:
    redactor = Redactor(Redaction(method=method), ColorTags())
    for seed in (1, 2):
        frame = make_frame(241, 161, pattern="noise", seed=seed)
        redacted = redactor.redact(MaskedFrame(frame, reason))
        assert redacted.hidden_whole is reason
        assert redacted.parts_hidden == 0
        assert all(len(np.unique(plane)) == 1 for plane in redacted.planes)


def test_the_same_frame_gives_the_same_picture() -> None:
    frame = make_frame(200, 160, pattern="noise")
    first, second = redact(frame, face(FACE)), redact(frame, face(FACE))
    assert all(np.array_equal(a, b) for a, b in zip(first.planes, second.planes, strict=True))


def test_the_ellipse_is_what_detectors_answer_with() -> None:
    assert face(FACE).mask is ellipse()


@pytest.mark.parametrize("safe", ["fill", "blur", "avatar", "silhouette"])
@pytest.mark.parametrize("reading", ["pixelate", "gaussian", "stylize", "noise"])
def test_what_one_method_hides_shows_through_no_other_one(reading: str, safe: str) -> None:
    """Hair around a face: what is read of the hair has nothing of the face in it."""
    hair = Part("hair", Box(40, 20, 120, 140), full_box(), 0.9, 1)
    inside = Part("face", Box(70, 50, 60, 75), full_box(), 0.9, 1)
    rules = {"face": Redaction(method=safe), "hair": Redaction(method=reading)}
    drawn = []
    for level in (0, 255):
        frame = make_frame(200, 180, pattern="noise")
        luma, blue, red = (plane.copy() for plane in frame.planes)
        luma[50:125, 70:130] = level
        blue[25:63, 35:65] = red[25:63, 35:65] = level
        changed = replace(frame, planes=(luma, blue, red))
        redactor = Redactor(Redaction(), ColorTags(), rules=rules, kept=KeptOfTracks(SECRET))
        drawn.append(redactor.redact(MaskedFrame(changed, (hair, inside))).planes)
    for before, after in zip(*drawn, strict=True):
        assert np.array_equal(before, after)


def test_what_has_a_rule_is_drawn_on_top_of_what_has_none() -> None:
    """A head that is filled has no blurred face in it."""
    head = Part("head", Box(40, 20, 120, 140), full_box(), 0.9, 1)
    inside = Part("face", Box(70, 50, 60, 75), full_box(), 0.9, 1)
    redactor = Redactor(
        Redaction(), ColorTags(), rules={"head": Redaction(method="fill", color="#ffffff")}
    )
    frame = make_frame(200, 180, pattern="noise")
    shown = redactor.redact(MaskedFrame(frame, (inside, head))).planes[0][60:120, 80:120]
    assert shown.min() == shown.max()
