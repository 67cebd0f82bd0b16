"""The blur reads nothing of what it hides, and looks like what is around."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.regions import on_plane, soft_region
from tests.stubs import make_frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_anon.core.frame import Plane, Planes

EDGE = 0.12
FACE = Box(60, 40, 64, 80)


def part(box: Box, *, person: int = 0, spread: float = 0.0, shape: str = "ellipse") -> Part:
    masks = {"ellipse": ellipse(), "box": full_box(), "ring": ring(), "specks": specks()}
    return Part("face", box, masks[shape], 0.9, person, spread)


def ring() -> NDArray[np.uint8]:
    y, x = np.mgrid[-1:1:24j, -1:1:24j]
    far = np.hypot(x, y)
    return np.asarray(((far < 1) & (far > 0.6)) * 255, np.uint8)


def specks() -> NDArray[np.uint8]:
    return ((np.random.default_rng(0).random((12, 12)) > 0.7) * 255).astype(np.uint8)


def redact(frame: Frame, parts: Sequence[Part], method: str = "blur") -> Planes:
    redactor = Redactor(Redaction(method=method, edge=EDGE), ColorTags())
    return redactor.redact(MaskedFrame(frame, tuple(parts))).planes


def fully_hidden(parts: Sequence[Part], planes: Planes, method: str) -> list[NDArray[np.bool_]]:
    """Where nothing of the picture may be left, on each plane."""
    masks = []
    for plane, scale in zip(planes, (1.0, 0.5, 0.5), strict=True):
        mask = np.zeros(plane.shape, bool)
        for found in parts:
            region = soft_region(found, 0.01 if method == "silhouette" else EDGE)
            if placed := on_plane(region, (plane.shape[0], plane.shape[1]), scale):
                rows, columns, opacity = placed
                mask[rows, columns] |= opacity >= 1
        masks.append(mask)
    return masks


def with_others_inside(frame: Frame, masks: list[NDArray[np.bool_]], seed: int) -> Frame:
    random = np.random.default_rng(seed)
    planes = [
        np.where(mask, random.integers(0, 256, plane.shape, np.uint8), plane)
        for plane, mask in zip(frame.planes, masks, strict=True)
    ]
    return Frame((planes[0], planes[1], planes[2]), 0, 0, Fraction(1, 25))


def boxes() -> st.SearchStrategy[Part]:
    return st.builds(
        lambda x, y, w, h, person, spread, shape: part(
            Box(x, y, w, h), person=person, spread=spread, shape=shape
        ),
        st.floats(-80, 200), st.floats(-80, 160), st.floats(0.3, 260), st.floats(0.3, 260),
        st.integers(-1, 3), st.sampled_from([0.0, 0.0, 3.7, 20.0]),
        st.sampled_from(["ellipse", "box", "ring", "specks"]),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["blur", "fill", "silhouette", "avatar"])
@settings(max_examples=40)
@given(
    width=st.integers(1, 200),
    height=st.integers(1, 150),
    parts=st.lists(boxes(), min_size=1, max_size=5),
    seed=st.integers(0, 9),
)
def test_what_is_inside_changes_not_a_bit(
    method: str, width: int, height: int, parts: list[Part], seed: int
) -> None:
    frame = make_frame(width, height, pattern="noise", seed=seed)
    masks = fully_hidden(parts, frame.planes, method)
    one = redact(frame, parts, method)
    other = redact(with_others_inside(frame, masks, seed + 100), parts, method)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_flat_picture_stays_exactly_as_it_was() -> None:
    frame = make_frame(201, 161, value=90, chroma=(100, 150))
    for raw, new in zip(frame.planes, redact(frame, [part(FACE)]), strict=True):
        np.testing.assert_array_equal(raw, new)


def test_a_ramp_goes_on_through_the_mask() -> None:
    """A plane is harmonic: it is what continues itself."""
    ramp = np.linspace(30, 220, 200)[None, :] + np.linspace(-15, 15, 160)[:, None]
    frame = make_frame(200, 160, luma=np.rint(ramp).astype(np.uint8))
    drawn = redact(frame, [part(FACE)])[0].astype(float)
    assert np.abs(drawn - ramp).max() < 12
    assert np.abs(drawn - ramp).mean() < 1


def test_two_that_touch_have_no_seam() -> None:
    frame = make_frame(240, 160, pattern="texture")
    pair = [part(Box(40, 30, 80, 100)), part(Box(90, 30, 80, 100), person=1)]
    drawn = redact(frame, pair)[0].astype(int)
    within = drawn[60:100, 60:150]
    assert np.abs(np.diff(within, axis=1)).max() <= 6


def test_where_everything_is_hidden_there_is_one_colour() -> None:
    frame = make_frame(64, 48, pattern="noise")
    planes = redact(frame, [part(Box(-500, -500, 1000, 1000), shape="box")])
    assert [len(np.unique(plane)) for plane in planes] == [1, 1, 1]


@pytest.mark.parametrize("size", [12.0, 64.0, 300.0])
def test_it_is_as_smooth_as_a_strong_blur(size: float) -> None:
    frame = make_frame(480, 400, pattern="noise")
    face = part(Box(90, 40, size, size), shape="box")
    left, top, side = 91, 41, int(size) - 2
    inside = redact(frame, [face])[0][top : top + side, left : left + side].astype(int)
    steps = np.abs(np.diff(inside, axis=1))
    assert steps.max() <= max(6, 400 / size)


def test_it_is_steadier_than_the_noise_around_it() -> None:
    base = make_frame(200, 160, pattern="texture").planes[0].astype(int)
    drawn: list[Plane] = []
    shown: list[Any] = []
    for seed in range(12):
        noise = np.random.default_rng(seed).normal(0, 6, base.shape)
        luma = np.clip(base + noise, 0, 255).astype(np.uint8)
        planes = redact(make_frame(200, 160, luma=luma), [part(FACE)])
        drawn.append(planes[0][60:100, 75:110])
        shown.append(luma[60:100, 75:110])
    flicker, noise_around = (float(np.std(pictures, axis=0).mean()) for pictures in (drawn, shown))
    assert noise_around > 5
    assert flicker < 0.3 * noise_around
