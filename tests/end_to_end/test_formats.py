"""Whatever goes in, the same pictures, in the same colours, the same way up, come out."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

import av
import av.filter
import numpy as np
import pytest

import stream_anon
from stream_anon.sources.decoding.pictures import Upright
from tests.media import FRAMES, pictures, shown, times, write
from tests.patterns import (
    BARS,
    BT601,
    BT709,
    FULL,
    LIMITED,
    bar_colors,
    bars,
    number_shown,
    texture,
    to_rgb,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.patterns import Rgb

INPUTS: dict[str, dict[str, Any]] = {
    "h264.mp4": {},
    "h264.mov": {"codec": "libx264"},
    "hevc.mkv": {"codec": "libx265"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "vp9.webm": {"codec": "libvpx-vp9"},
    "vp8.webm": {"codec": "libvpx"},
    "h264.ts": {},
    "mpeg2.ts": {"codec": "mpeg2video"},
    "animation.gif": {"codec": "gif", "pix_fmt": "rgb8"},
    "av1.mkv": {"codec": "libsvtav1"},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True},
    "raw.h264": {"container": "h264"},
    "ffv1.mkv": {"codec": "ffv1"},
    "nv12.mkv": {"codec": "rawvideo", "pix_fmt": "nv12"},
    "444.mp4": {"pix_fmt": "yuv444p"},
    "422-709.mp4": {"pix_fmt": "yuv422p", "matrix": BT709},
    "10bit.mp4": {"pix_fmt": "yuv420p10le"},
    "10bit-hevc-709.mp4": {"codec": "libx265", "pix_fmt": "yuv420p10le", "matrix": BT709},
    "422-10bit.mov": {"codec": "prores_ks", "pix_fmt": "yuv422p10le"},
    "full.mp4": {"full_range": True},
    "full-709.mp4": {"full_range": True, "matrix": BT709},
    "full-444.mp4": {"full_range": True, "pix_fmt": "yuv444p", "matrix": BT709},
    "full-10bit.mkv": {"codec": "ffv1", "pix_fmt": "yuv420p10le", "full_range": True},
    "rgb.mp4": {"codec": "libx264rgb", "pix_fmt": "rgb24"},
    "bgr0.mkv": {"codec": "ffv1", "pix_fmt": "bgr0"},
    "bgra.mkv": {"codec": "ffv1", "pix_fmt": "bgra"},
}
NOT_420 = {
    "nv12.mkv", "444.mp4", "422-709.mp4", "10bit.mp4", "10bit-hevc-709.mp4", "422-10bit.mov",
    "full-444.mp4", "full-10bit.mkv", "rgb.mp4", "bgr0.mkv", "bgra.mkv", "animation.gif",
}  # fmt: skip
LEVELS = 6
"""Of 255, by which a colour may be off after coding it twice."""


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_comes_out_with_its_frames_colors_and_times(name: str, tmp_path: Path) -> None:
    source = write(tmp_path / name, **INPUTS[name])
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output)
    assert summary.complete
    after = shown(output)
    assert [number_shown(picture) for picture in after] == list(range(FRAMES))
    for picture in after:
        assert np.abs(bar_colors(picture) - BARS).max() <= LEVELS
    start = 1 if name == "mpeg2.ts" else 0  # FFmpeg starts such files one frame late
    assert times(output) == [Fraction(number + start, 25) for number in range(FRAMES)]
    converted = [note for note in summary.notes if "converted" in note]
    assert bool(converted) == (name in NOT_420)


@pytest.mark.parametrize(
    ("full", "matrix", "pix_fmt"),
    [(False, BT601, "yuv420p"), (True, BT601, "yuv420p"), (False, BT709, "yuv422p"),
     (True, BT709, "yuv444p"), (False, BT709, "yuv420p10le")],
)  # fmt: skip
def test_range_and_matrix_tags_are_kept(
    full: bool, matrix: int, pix_fmt: str, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.mkv", full_range=full, matrix=matrix, pix_fmt=pix_fmt, frames=2)
    output = tmp_path / "out.mp4"
    stream_anon.redact(source, output)
    picture = pictures(output)[0]
    assert (picture.color_range, picture.colorspace) == (FULL if full else LIMITED, matrix)


@pytest.mark.parametrize(("pix_fmt", "full"), [("gray", True), ("gray", False), ("gray10le", True)])
def test_gray_keeps_its_levels_as_its_range_tag_says(
    pix_fmt: str, full: bool, tmp_path: Path
) -> None:
    source = tmp_path / "in.mkv"
    write(source, codec="ffv1", pix_fmt=pix_fmt, full_range=full, frames=2)
    output = tmp_path / "out.mp4"
    stream_anon.redact(source, output)
    assert np.abs(bar_colors(shown(output)[0]) - bar_colors(shown(source)[0])).max() <= 2


def test_untagged_video_stays_untagged(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", tagged=False, frames=2)
    stream_anon.redact(source, tmp_path / "out.mp4")
    assert pictures(tmp_path / "out.mp4")[0].colorspace == 2


# -- outputs ----------------------------------------------------------------------------------

OUTPUTS: dict[str, dict[str, object]] = {
    "out.mp4": {}, "out.m4v": {}, "out.mov": {}, "out.mkv": {}, "out.webm": {}, "out.avi": {},
    "out.ts": {}, "out.gif": {}, "hevc.mp4": {"output.encoder": "libx265"},
    "av1.mkv": {"output.encoder": "libsvtav1"}, "vp9.mp4": {"output.encoder": "libvpx-vp9"},
    "lossless.mkv": {"output.encoder": "ffv1"}, "mpeg4.mp4": {"output.encoder": "mpeg4"},
    "mjpeg.mov": {"output.encoder": "mjpeg"}, "rgb.mp4": {"output.encoder": "libx264rgb"},
    "bframes.mkv": {"output.preset": "medium"},
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_output_has_the_frames_colors_and_times(name: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", frames=20)
    output = tmp_path / name
    stream_anon.redact(source, output, settings=OUTPUTS[name])
    after = shown(output)
    assert [number_shown(picture) for picture in after] == list(range(20))
    for picture in after:
        assert np.abs(bar_colors(picture) - BARS).max() <= LEVELS
    assert times(output) == [Fraction(number, 25) for number in range(20)]


# -- stills -----------------------------------------------------------------------------------

STILLS: dict[str, dict[str, Any]] = {
    "in.png": {"codec": "png", "pix_fmt": "rgb24"},
    "in.jpg": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True},
    "in.jpeg": {"codec": "mjpeg", "pix_fmt": "yuvj444p", "full_range": True},
    "in.bmp": {"codec": "bmp", "pix_fmt": "bgr24"},
    "in.tiff": {"codec": "tiff", "pix_fmt": "rgb24"},
}


@pytest.mark.parametrize("after", ["out.png", "out.jpg", "out.bmp", "out.tiff", "out.mp4"])
@pytest.mark.parametrize("before", STILLS)
def test_stills_come_out_in_their_colors(before: str, after: str, tmp_path: Path) -> None:
    source = write(tmp_path / before, frames=1, **STILLS[before])
    summary = stream_anon.redact(source, tmp_path / after)
    (picture,) = shown(tmp_path / after)
    assert np.abs(bar_colors(picture) - BARS).max() <= LEVELS
    assert summary.frames == 1
    assert summary.complete


def test_a_video_does_not_fit_into_a_picture_file(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4")
    with pytest.raises(stream_anon.SinkError, match="one picture"):
        stream_anon.redact(source, tmp_path / "out.png")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


# -- which way is up --------------------------------------------------------------------------


def _screen(path: Path) -> Rgb:
    """The first picture as ISO/IEC 14496-12, 8.3.2 says that the track header's matrix shows it.

    Read from the file's own bytes: a point (p, q) goes to (a p + c q + x, b p + d q + y).
    """
    data = path.read_bytes()
    at = data.index(b"tkhd") + 4
    assert data[at] == 0, "version 0 of the box"
    words = np.frombuffer(data[at + 40 : at + 76], ">i4")
    a, b, c, d = (round(int(words[place]) / 65536) for place in (0, 1, 3, 4))
    coded = shown(path)[0]
    height, width, _ = coded.shape
    q, p = np.mgrid[0:height, 0:width]
    across, down = a * p + c * q, b * p + d * q
    across, down = across - across.min(), down - down.min()
    screen = np.zeros((down.max() + 1, across.max() + 1, 3), np.uint8)
    screen[down, across] = coded
    return screen


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_pictures_are_turned_as_a_player_turns_them(
    rotation: int, mirrored: bool, tmp_path: Path
) -> None:
    source = write(
        tmp_path / "in.mp4", rotation=rotation, mirrored=mirrored, frames=2,
        pictures=[texture(0), texture(0)],
    )  # fmt: skip
    output = tmp_path / "out.mp4"
    stream_anon.redact(source, output, settings={"output.quality": 5})
    picture = pictures(output)[0]
    assert picture.rotation == 0
    expected = _screen(source)
    assert to_rgb(picture).shape == expected.shape
    assert np.abs(to_rgb(picture).astype(int) - expected).mean() < 4


def test_a_phone_held_upright_gives_an_upright_picture(tmp_path: Path) -> None:
    # Such phones store the picture lying on its left side, and a turn of 90 degrees clockwise.
    upright = bars(5, (180, 320))
    lying = np.rot90(upright, 1)
    source = write(
        tmp_path / "in.mp4", rotation=-90, size=(320, 180), frames=1,
        pictures=[np.ascontiguousarray(lying)],
    )  # fmt: skip
    stream_anon.redact(source, tmp_path / "out.mp4")
    picture = shown(tmp_path / "out.mp4")[0]
    assert picture.shape == (320, 180, 3)
    assert number_shown(picture) == 5
    assert np.abs(bar_colors(picture) - BARS).max() <= LEVELS


EXIF: dict[int, Callable[[Rgb], Rgb]] = {
    1: lambda picture: picture,
    2: lambda picture: picture[:, ::-1],
    3: lambda picture: picture[::-1, ::-1],
    4: lambda picture: picture[::-1],
    5: lambda picture: picture.transpose(1, 0, 2),
    6: lambda picture: np.rot90(picture, -1),
    7: lambda picture: picture[::-1, ::-1].transpose(1, 0, 2),
    8: lambda picture: np.rot90(picture, 1),
}
"""From the stored picture to the shown one; CIPA DC-008, 4.6.5."""


@pytest.mark.parametrize("orientation", EXIF)
def test_photos_are_turned_as_their_exif_tag_says(orientation: int, tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jpg", codec="mjpeg", pix_fmt="yuvj444p", full_range=True, frames=1,
        pictures=[texture(0)],
    )  # fmt: skip
    stored = shown(source)[0]
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tags = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + entry + bytes(4)
    data = source.read_bytes()
    app1 = b"\xff\xe1" + struct.pack(">H", len(tags) + 2) + tags
    source.write_bytes(data[:2] + app1 + data[2:])
    stream_anon.redact(source, tmp_path / "out.png")
    expected = EXIF[orientation](stored)
    (picture,) = shown(tmp_path / "out.png")
    assert picture.shape == expected.shape
    assert np.abs(picture.astype(int) - expected).mean() < 6
    assert b"Exif" not in (tmp_path / "out.png").read_bytes()


def test_an_odd_size_is_turned_too(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    size = (161, 91)
    write(source, codec="libvpx-vp9", rotation=90, size=size, frames=1, pictures=[texture(0, size)])
    stream_anon.redact(source, tmp_path / "out.webm", settings={"output.quality": 5})
    (picture,) = shown(tmp_path / "out.webm")
    assert picture.shape == (161, 91, 3)
    assert np.abs(picture.astype(int) - _screen(source)).mean() < 9


# -- sizes and shapes of pixels ---------------------------------------------------------------


def test_odd_sizes_are_padded_at_the_edge_where_the_encoder_needs_it(tmp_path: Path) -> None:
    size = (321, 181)
    source = write(tmp_path / "in.webm", codec="libvpx-vp9", size=size)
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    after = shown(tmp_path / "out.mp4")
    assert after[0].shape == (182, 322, 3)
    assert any("321x181" in note and "322x182" in note for note in summary.notes)
    before = shown(source)
    for one, other in zip(after, before, strict=True):
        assert np.abs(one[:181, :321].astype(int) - other).mean() < 3
        assert np.abs(one[:120, 321].astype(int) - other[:120, 320]).mean() < 5


def test_odd_sizes_are_kept_where_the_encoder_can(tmp_path: Path) -> None:
    source = write(tmp_path / "in.webm", codec="libvpx-vp9", size=(321, 181))
    summary = stream_anon.redact(source, tmp_path / "out.webm")
    assert shown(tmp_path / "out.webm")[0].shape == (181, 321, 3)
    assert not summary.notes


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
@pytest.mark.parametrize(("rotation", "expected"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pixels_keep_their_shape(
    rotation: int, expected: Fraction, name: str, tmp_path: Path
) -> None:
    source = write(tmp_path / "in.mp4", aspect=Fraction(4, 3), rotation=rotation, frames=2)
    stream_anon.redact(source, tmp_path / name)
    with av.open(str(tmp_path / name)) as file:
        assert file.streams.video[0].sample_aspect_ratio == expected


@pytest.mark.parametrize("size", [(16, 16), (18, 320), (64, 64)])
def test_small_videos_work(size: tuple[int, int], tmp_path: Path) -> None:
    frames = [texture(number, size) for number in range(3)]
    source = write(tmp_path / "in.mp4", size=size, frames=3, pictures=frames)
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert summary.frames == 3
    assert shown(tmp_path / "out.mp4")[0].shape == (size[1], size[0], 3)


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", frames=1)
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert summary.frames == 1
    assert summary.complete
    assert number_shown(shown(tmp_path / "out.mp4")[0]) == 0


# -- pictures stored from the bottom up -------------------------------------------------------


def _flipped(picture: av.VideoFrame) -> av.VideoFrame:
    """The picture upside down, by walking through the same memory from the end."""
    graph = av.filter.Graph()
    begin = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format,
        time_base=Fraction(1, 25),
    )  # fmt: skip
    flip, end = graph.add("vflip"), graph.add("buffersink")
    begin.link_to(flip)
    flip.link_to(end)
    graph.configure()
    graph.push(picture)
    return cast("av.VideoFrame", graph.pull())


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "gray", "bgr24"])
def test_pictures_stored_from_the_bottom_up_are_upright(pix_fmt: str) -> None:
    plain = av.VideoFrame.from_ndarray(bars(5), format="rgb24").reformat(format=pix_fmt)
    plain.pts = 0
    flipped = _flipped(_flipped(_flipped(plain)))
    assert flipped.planes[0].line_size < 0, "the test needs rows that run backwards"
    upright, _ = Upright(plain, "plain").read(plain)
    below, _ = Upright(flipped, "flipped").read(flipped)
    for one, other in zip(upright, below, strict=True):
        assert np.abs(one[::-1].astype(int) - other).max() <= 1
