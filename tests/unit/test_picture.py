"""The small RGB picture that a network sees: right colours, right place, right shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_anon.core.frame import ColorTags, Frame
from stream_anon.core.parts import Box
from stream_anon.detectors.base import DetectionPass
from stream_anon.detectors.picture import STRIDE, WorkingPicture, padded, working_picture
from tests.stubs import frame_of_rgb, make_frame, yuv_of

COLORS = [
    (255, 255, 255),
    (200, 200, 200),
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (230, 180, 150),
    (255, 255, 0),
    (190, 30, 220),
]
WHITE_TAGS = ColorTags(matrix=6)


def bright_patch(rgb: tuple[int, int, int], tags: ColorTags) -> Frame:
    """`rgb` on the left; white on the right, so that nothing is taken for a dark picture."""
    picture = np.full((64, 96, 3), 255, np.uint8)
    picture[:, :48] = rgb
    matrix = tags.matrix if tags.matrix in (1, 9) else 6
    yuv = np.rint(yuv_of(picture, matrix=matrix, full_range=tags.full_range))
    planes = np.clip(yuv, 0, 255).astype(np.uint8)
    frame = make_frame(96, 64)
    return Frame(
        (planes[..., 0].copy(), planes[::2, ::2, 1].copy(), planes[::2, ::2, 2].copy()),
        0,
        0,
        frame.time_base,
    )


def marked(width: int, height: int, x: int, y: int) -> Frame:
    """Grey with one white square of 8x8 pixels at `x, y`."""
    luma = np.full((height, width), 180, np.uint8)
    luma[y : y + 8, x : x + 8] = 235
    return make_frame(width, height, luma=luma)


def mark_in_frame(picture: WorkingPicture) -> tuple[float, float]:
    """Centre of the white square, found in the small picture and put back into the frame."""
    green = picture.rgb[0, 1]
    weight = np.clip(green - (180 - 16) * 255 / 219 - 5, 0, None)
    rows, columns = np.mgrid[0 : green.shape[0], 0 : green.shape[1]] + 0.5
    x = float((weight * columns).sum() / weight.sum())
    y = float((weight * rows).sum() / weight.sum())
    return picture.left + x * picture.scale_x, picture.top + y * picture.scale_y


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 2, 5, 6, 9])
@pytest.mark.parametrize("rgb", COLORS)
def test_known_colours_come_out_right(
    rgb: tuple[int, int, int], matrix: int, full_range: bool
) -> None:
    tags = ColorTags(full_range=full_range, matrix=matrix)
    picture = working_picture(bright_patch(rgb, tags), DetectionPass(96), tags, 1.0)
    np.testing.assert_allclose(picture.rgb[0, :, 20, 20], rgb, atol=2)
    np.testing.assert_allclose(picture.rgb[0, :, 20, 80], 255, atol=2)


def test_the_matrix_and_the_range_matter() -> None:
    frame = bright_patch((230, 60, 40), ColorTags(matrix=1))
    right, matrix, wide = (
        working_picture(frame, DetectionPass(96), tags, 1.0).rgb[0, :, 20, 20]
        for tags in (ColorTags(matrix=1), ColorTags(matrix=6), ColorTags(True, matrix=1))
    )
    assert np.abs(right - matrix).max() > 8
    assert np.abs(right - wide).max() > 8


@pytest.mark.parametrize("length", [1, 31, 32, 33, 1920])
def test_padding_reaches_the_next_stride(length: int) -> None:
    assert padded(length) % STRIDE == 0
    assert 0 <= padded(length) - length < STRIDE


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(1, 200),
    height=st.integers(1, 200),
    side=st.integers(32, 300),
    aspect=st.sampled_from([0.5, 1.0, 16 / 15, 2.0]),
)
def test_any_size_fits_the_stride_and_is_never_enlarged(
    width: int, height: int, side: int, aspect: float
) -> None:
    frame = make_frame(width, height, value=200)
    picture = working_picture(frame, DetectionPass(side), WHITE_TAGS, aspect)
    _, planes, rows, columns = picture.rgb.shape
    assert planes == 3
    assert picture.rgb.dtype == np.float32
    assert rows % STRIDE == columns % STRIDE == 0
    used_rows, used_columns = round(height / picture.scale_y, 6), round(width / picture.scale_x, 6)
    assert used_rows <= min(rows, side + 1, max(1, height))
    assert used_columns <= min(columns, side + 1, max(1, round(width * aspect)))
    inside = picture.rgb[0, :, : round(used_rows), : round(used_columns)]
    assert (inside > 150).all()
    assert not picture.rgb[0, :, round(used_rows) :].any()
    assert not picture.rgb[0, :, :, round(used_columns) :].any()


@pytest.mark.parametrize(("width", "height"), [(16, 16), (16, 17), (2, 2), (1, 1)])
def test_tiny_frames(width: int, height: int) -> None:
    frame = make_frame(width, height, value=235)
    for detection_pass in (
        DetectionPass(384),
        DetectionPass(64, Box(3, 3, 5, 5)),
        DetectionPass(64, Box(-9, -9, 4, 4)),
    ):
        picture = working_picture(frame, detection_pass, WHITE_TAGS, 1.0)
        np.testing.assert_allclose(picture.rgb[0, :, 0, 0], 255, atol=2)
        assert np.isfinite(picture.rgb).all()


@pytest.mark.parametrize("aspect", [1.0, 0.5, 2.0, 64 / 45])
def test_pixels_come_out_square(aspect: float) -> None:
    picture = working_picture(make_frame(120, 100), DetectionPass(80), WHITE_TAGS, aspect)
    shown = picture.scale_x * aspect / picture.scale_y
    assert shown == pytest.approx(1, rel=0.02)
    assert max(120 * aspect, 100) / (picture.scale_y) == pytest.approx(80, abs=1)


@pytest.mark.parametrize("side", [60, 96, 400])
@pytest.mark.parametrize("aspect", [1.0, 1.4])
def test_the_way_back_leads_to_the_same_spot(side: int, aspect: float) -> None:
    picture = working_picture(marked(201, 151, 120, 61), DetectionPass(side), WHITE_TAGS, aspect)
    x, y = mark_in_frame(picture)
    assert x == pytest.approx(124, abs=0.7)
    assert y == pytest.approx(65, abs=0.7)


@pytest.mark.parametrize("corner", [(97, 41), (98, 42), (100.5, 43.7), (60, 20)])
@pytest.mark.parametrize("side", [24, 48, 160])
def test_regions_at_any_offset_lead_back_too(corner: tuple[float, float], side: int) -> None:
    region = Box(corner[0], corner[1], 81, 57)
    picture = working_picture(
        marked(201, 151, 120, 61), DetectionPass(side, region), WHITE_TAGS, 1.0
    )
    x, y = mark_in_frame(picture)
    assert x == pytest.approx(124, abs=1)  # halving leaves out an odd last column
    assert y == pytest.approx(65, abs=1)


@pytest.mark.parametrize("left", [28, 29, 30, 31])
@pytest.mark.parametrize("top", [6, 7])
def test_chroma_stays_with_luma_in_a_region(left: int, top: int) -> None:
    """Red minus blue depends on chroma alone; its middle must lie where luma has it."""
    rgb = np.full((64, 96, 3), 255, np.uint8)
    rgb[20:28, 40:48] = (255, 0, 0)
    picture = working_picture(
        frame_of_rgb(rgb), DetectionPass(64, Box(left, top, 40, 40)), WHITE_TAGS, 1.0
    )
    red_minus_blue = np.clip(picture.rgb[0, 0] - picture.rgb[0, 2], 0, None)
    for axis, start, middle in ((0, picture.left, 44.0), (1, picture.top, 24.0)):
        profile = red_minus_blue.sum(axis)
        found = float((profile * (np.arange(len(profile)) + 0.5)).sum() / profile.sum())
        assert start + found == pytest.approx(middle, abs=0.5)


def test_all_regions_of_one_look_have_one_shape() -> None:
    frame = make_frame(301, 203, value=180)
    regions = [Box(5, 5, 50, 20), Box(-20, 190, 90, 90), Box(280, 100, 300, 7)]
    shapes = {
        working_picture(frame, DetectionPass(100, region), WHITE_TAGS, 1.0).rgb.shape
        for region in regions
    }
    assert len(shapes) == 1


def test_a_region_that_lies_outside_does_no_harm() -> None:
    frame = make_frame(64, 48)
    for region in (Box(500, 500, 20, 20), Box(-500, -500, 20, 20), Box(10, 10, 1e6, 1e6)):
        picture = working_picture(frame, DetectionPass(64, region), WHITE_TAGS, 1.0)
        assert 0 <= picture.left < 64
        assert 0 <= picture.top < 48
        assert np.isfinite(picture.rgb).all()


def test_dark_pictures_come_out_bright_and_ordinary_ones_as_they_are() -> None:
    rng = np.random.default_rng(0)
    dark = rng.integers(20, 45, (64, 64), dtype=np.uint8)
    ordinary = rng.integers(40, 230, (64, 64), dtype=np.uint8)
    night = working_picture(make_frame(64, 64, luma=dark), DetectionPass(64), WHITE_TAGS, 1.0).rgb
    day = working_picture(make_frame(64, 64, luma=ordinary), DetectionPass(64), WHITE_TAGS, 1.0).rgb
    plain = (dark.astype(float) - 16) * 255 / 219
    assert night.mean() > 2 * plain.mean()
    assert night.max() <= 255
    np.testing.assert_allclose(day[0, 1], (ordinary.astype(float) - 16) * 255 / 219, atol=2)


@pytest.mark.parametrize(("light", "stays"), [(0.1, False), (1.0, True)])
def test_single_bright_pixels_go_where_noise_would_be_lifted(light: float, *, stays: bool) -> None:
    luma = np.full((96, 96), 16 + 120 * light, np.uint8)
    luma[:20] = 16 + 180 * light
    luma[30::8, ::8] += round(100 * light)
    shown = working_picture(make_frame(96, 96, luma=luma), DetectionPass(96), WHITE_TAGS, 1.0).rgb
    below = shown[0, 1, 28:96]
    assert bool(below.max() - below.min() > 50) is stays


def test_black_is_not_blown_up_to_noise() -> None:
    luma = np.full((64, 64), 16, np.uint8)
    luma[::9, ::7] = 18
    picture = working_picture(make_frame(64, 64, luma=luma), DetectionPass(64), WHITE_TAGS, 1.0)
    assert picture.rgb.max() < 40


def test_the_frame_is_left_alone() -> None:
    frame = make_frame(80, 60, pattern="noise")
    before = [plane.copy() for plane in frame.planes]
    working_picture(frame, DetectionPass(80), WHITE_TAGS, 1.0)
    for plane, old in zip(frame.planes, before, strict=True):
        np.testing.assert_array_equal(plane, old)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
@pytest.mark.parametrize("region", [None, Box(32, 20, 120, 70)])
@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_a_box_in_a_turned_picture_is_where_it_is_in_the_frame(
    turn: int, region: Box | None, aspect: float
) -> None:
    frame = marked(200, 120, 100, 60)
    detection_pass = DetectionPass(160, region, turn=turn)
    picture = working_picture(frame, detection_pass, WHITE_TAGS, aspect)
    shown = picture.rgb[0, 1, : picture.rows, : picture.columns]
    rows, columns = np.nonzero(shown > 235)
    wide, tall = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    found = picture.placed(int(columns.min()), int(rows.min()), wide, tall)
    np.testing.assert_allclose(found.center, (104, 64), atol=1.5)
    assert found.width == pytest.approx(8, abs=3)
    assert found.height == pytest.approx(8, abs=3)


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_way_in_a_turned_picture_is_a_way_in_the_frame(turn: int) -> None:
    """From the mark on, the way to the picture's top right corner."""
    frame = marked(200, 120, 40, 30)
    picture = working_picture(frame, DetectionPass(200, turn=turn), WHITE_TAGS, 1.0)
    here, there = picture.placed(10, 20, 0, 0), picture.placed(17, 23, 0, 0)
    across, down = picture.direction(7, 3)
    assert (there.x - here.x, there.y - here.y) == pytest.approx((across, down))


def test_a_picture_is_enlarged_only_as_far_as_it_is_asked_for() -> None:
    frame = make_frame(100, 60)
    sizes = {}
    for enlarge, side in ((1.0, 400), (2.0, 400), (2.0, 150), (9.0, 400)):
        picture = working_picture(frame, DetectionPass(side, enlarge=enlarge), WHITE_TAGS, 1.0)
        sizes[enlarge, side] = picture.columns, picture.rows
    assert list(sizes.values()) == [(100, 60), (200, 120), (150, 90), (400, 240)]
