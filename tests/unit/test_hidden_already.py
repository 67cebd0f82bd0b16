"""What whoever made a file has hidden in it stays hidden: transparency and crops."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from av.codec.context import Flags

import stream_anon
from stream_anon.core.frame import plane_shapes
from stream_anon.sources.decoding.cropping import Crop, read_crop
from stream_anon.sources.decoding.pictures import Upright
from stream_anon.sources.decoding.transparency import composited
from stream_anon.sources.file import MediaSource
from tests.media import write
from tests.patterns import bars, texture

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 320, 180
HALF = WIDTH // 2
MOV, MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"


def first_frame(path: Path) -> tuple[Frame, MediaSource]:
    source = MediaSource(path)
    try:
        return next(source.frames()), source
    finally:
        source.close()


# -- transparency -----------------------------------------------------------------------------


def cut_out() -> NDArray[np.uint8]:
    """RGBA: noise whose left half is transparent, and whose right half is not."""
    rgb = np.random.default_rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    alpha[:, HALF:] = 255
    return np.dstack([rgb, alpha])


@pytest.mark.parametrize(
    ("name", "codec", "form"),
    [
        ("in.png", "png", "rgba"),
        ("in.tiff", "tiff", "rgba"),
        ("in.mov", "qtrle", "argb"),
        ("in.mov", "prores_ks", "yuva444p10le"),
        ("in.mkv", "ffv1", "yuva420p"),
        ("in.mov", "png", "rgba64be"),
        ("in.webm", "libvpx-vp9", "yuva420p"),
        ("in.webm", "libvpx", "yuva420p"),
    ],
)
def test_transparent_parts_become_white(name: str, codec: str, form: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        if "vpx" in codec:
            stream.codec_context.options = {"auto-alt-ref": "0", "crf": "10", "b": "4M"}
        picture = av.VideoFrame.from_ndarray(cut_out(), "rgba").reformat(format=form)
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    frame, source = first_frame(path)
    y, u, v = (plane.astype(int) for plane in frame.planes)
    white = 255 if source.info.color.full_range else 235
    margin = 8 if "vpx" in codec or codec == "prores_ks" else 0
    assert np.abs(y[:, : HALF - margin] - white).max() <= bool(margin)
    assert np.abs(np.stack([u, v])[..., : (HALF - margin) // 2] - 128).max() <= bool(margin)
    assert y[:, HALF + margin :].std() > 30, "the other half is as it was"
    assert any("transparent" in note for note in source.notes)


def test_pictures_that_could_be_transparent_and_are_not_have_no_note(tmp_path: Path) -> None:
    path = write(tmp_path / "in.png", codec="png", pix_fmt="rgba", frames=1)
    frame, source = first_frame(path)
    assert frame.planes[0].std() > 20
    assert source.notes == []


def test_colours_beside_transparency_do_not_show_what_is_under_it() -> None:
    rng = np.random.default_rng(2)
    for height, width in ((7, 9), (8, 8), (16, 5)):
        alpha = rng.choice([0, 255], (height, width)).astype(np.uint8)
        results = []
        for secret in (0, 255):
            shapes = plane_shapes(width, height)
            y, u, v = (np.full(shape, 90, np.uint8) for shape in shapes)
            y[alpha == 0] = secret
            rows, columns = np.nonzero(alpha == 0)
            u[rows // 2, columns // 2] = v[rows // 2, columns // 2] = secret
            results.append(composited((y, u, v), alpha, full_range=False))
        for one, other in zip(*results, strict=True):
            assert np.array_equal(one, other)


@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize(
    ("name", "codec", "form"), [("in.mov", "prores_ks", "yuva444p10le"), ("in.mkv", "ffv1", "bgra")]
)
def test_transparent_parts_of_hdr_become_white(
    name: str, codec: str, form: str, transfer: int, tmp_path: Path
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, form
        stream.codec_context.color_trc = transfer
        picture = av.VideoFrame.from_ndarray(cut_out(), "rgba").reformat(format=form)
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        picture.color_trc, picture.color_primaries = transfer, 9
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    frame, source = first_frame(path)
    notes = " ".join(source.notes)
    assert "HDR" in notes, "the test needs HDR"
    y, u, v = (plane.astype(int) for plane in frame.planes)
    assert np.abs(y[:, : HALF - 8] - 235).max() <= 1
    assert np.abs(np.stack([u, v])[..., : HALF // 2 - 4] - 128).max() <= 1
    assert "transparent" in notes


def test_a_palette_that_comes_line_by_line_stays_transparent(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    palette = np.tile(np.array([0, 255, 0, 0], np.uint8), (256, 1))  # transparent red, as ARGB
    pixels = np.random.default_rng(4).integers(0, 8, (HEIGHT, WIDTH), np.uint8)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("png", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "pal8"
        stream.codec_context.flags |= Flags.interlaced_dct
        picture = av.VideoFrame.from_ndarray((pixels, palette), format="pal8")  # type: ignore[arg-type]
        picture.pts = 0
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    with av.open(str(path)) as file:
        coded = next(file.decode(video=0))
        assert (coded.format.name, coded.interlaced_frame) == ("pal8", True)
    frame, source = first_frame(path)
    assert frame.planes[0].min() == 235
    assert any("transparent" in note for note in source.notes)
    assert not any("interlaced" in note for note in source.notes)


# -- crops ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "crop", [Crop(160), Crop(3, 5, 7, 9), Crop(0, 90), Crop(right=159), Crop(bottom=1, right=1)]
)
def test_nothing_that_is_cropped_is_left(crop: Crop) -> None:
    planes = [np.zeros(shape, np.uint8) for shape in plane_shapes(WIDTH, HEIGHT)]
    for plane, part in zip(planes, (1, 2, 2), strict=True):
        for row, column in ((crop.top, 0), (HEIGHT - crop.bottom, 1)):
            edge = -(-row // part) if not column else row // part
            (plane[:edge] if not column else plane[edge:])[:] = 255
        plane[:, : -(-crop.left // part)] = 255
        plane[:, (WIDTH - crop.right) // part :] = 255
    y, u, v = crop.applied((planes[0], planes[1], planes[2]))
    assert not any(plane.any() for plane in (y, u, v))
    assert y.shape[::-1] == crop.size_of(WIDTH, HEIGHT)
    assert (u.shape, v.shape) == plane_shapes(*crop.size_of(WIDTH, HEIGHT))[1:]
    lost = np.subtract((WIDTH - crop.left - crop.right, HEIGHT - crop.top - crop.bottom),
                       crop.size_of(WIDTH, HEIGHT))  # fmt: skip
    assert lost.min() >= 0
    assert lost.max() <= 2


def insert(data: bytes, path: list[bytes], extra: bytes) -> bytes:
    """Append a box to the one that a path of names leads to, in the first track."""
    found, begin, end = bytearray(data), 0, len(data)
    for name in path:
        while found[begin + 4 : begin + 8] != name:
            begin += int.from_bytes(found[begin : begin + 4], "big")
            assert begin < end
        size = int.from_bytes(found[begin : begin + 4], "big")
        found[begin : begin + 4] = (size + len(extra)).to_bytes(4, "big")
        end = begin + size
        begin += 8 + {b"stsd": 8, b"avc1": 78}.get(name, 0)
    return bytes(found[:end] + extra + found[end:])


@pytest.mark.parametrize("end", ["mov", "mp4", "m4v"])
def test_a_clean_aperture_is_applied(end: str, tmp_path: Path) -> None:
    plain = write(tmp_path / f"plain.{end}", frames=5)
    numbers = (100, 1, 120, 1, -50, 1, 16, 1)  # the centre is 50 to the left and 16 down
    clap = struct.pack(">I4s8i", 40, b"clap", *numbers)
    path = tmp_path / f"in.{end}"
    boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"]
    path.write_bytes(insert(plain.read_bytes(), boxes, clap))
    assert read_crop(path, MOV, 1, 0) == Crop(60, 46, 160, 14)
    whole, _ = first_frame(plain)
    frame, source = first_frame(path)
    assert (frame.width, frame.height) == (100, 120)
    assert np.array_equal(frame.planes[0], whole.planes[0][46:166, 60:160])
    assert any("cropped" in note for note in source.notes)
    summary = stream_anon.redact(path, tmp_path / "out.mp4")
    assert any("320x180" in note for note in summary.notes)
    with av.open(str(tmp_path / "out.mp4")) as output:
        assert output.streams.video[0].width == 100


def element(name: int, body: bytes) -> bytes:
    """An element of EBML with a length of eight bytes."""
    width = (name.bit_length() + 7) // 8
    return name.to_bytes(width, "big") + ((1 << 56) | len(body)).to_bytes(8, "big") + body


def matroska(crops: dict[int, int], *, before: bytes = b"") -> bytes:
    """The head of a file with one track of sound and one of video."""
    sides = b"".join(element(name, bytes([value])) for name, value in crops.items())
    sound = element(0xAE, element(0xD7, b"\1") + element(0x83, b"\2"))
    video = element(0xAE, element(0xD7, b"\2") + element(0x83, b"\1") + element(0xE0, sides))
    head = element(0x1A45DFA3, element(0x4282, b"matroska"))
    return head + element(0x18538067, before + element(0x1654AE6B, sound + video))


def test_crops_of_matroska_are_read(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(matroska({0x54CC: 10, 0x54DD: 20, 0x54BB: 30, 0x54AA: 40}))
    assert read_crop(path, MATROSKA, 2, 0) == Crop(10, 30, 20, 40)
    path.write_bytes(matroska({0x54CC: 10}, before=element(0x114D9B74, b"seek head")))
    assert read_crop(path, MATROSKA, 2, 0) == Crop(10)
    path.write_bytes(matroska({}))
    assert not read_crop(path, MATROSKA, 2, 0)


def test_crops_are_found_behind_much_else(tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    path.write_bytes(matroska({0x54CC: 10}, before=element(0xEC, bytes(3_000_000))))
    assert read_crop(path, MATROSKA, 2, 0) == Crop(10)


@pytest.mark.parametrize("first", [b"junk", b"uuid", b"pnot", b"styp", b"udta"])
def test_a_clean_aperture_is_found_behind_any_box(first: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.mov"
    path.write_bytes(struct.pack(">I4s", 16, first) + bytes(8) + half_cropped(tmp_path))
    assert read_crop(path, MOV, 1, 0) == Crop(160)


def test_a_clean_aperture_is_found_in_boxes_with_long_sizes(tmp_path: Path) -> None:
    data = half_cropped(tmp_path)
    at = data.index(b"moov") - 4
    size = int.from_bytes(data[at : at + 4], "big")
    long = struct.pack(">I4sQ", 1, b"moov", size + 8) + data[at + 8 : at + size]
    path = tmp_path / "in.mov"
    path.write_bytes(data[:at] + long + data[at + size :])
    assert read_crop(path, MOV, 1, 0) == Crop(160)


def half_cropped(folder: Path) -> bytes:
    """A file whose left half is cropped away."""
    plain = write(folder / "plain.mov", frames=2)
    clap = struct.pack(">I4s8i", 40, b"clap", 160, 1, 180, 1, 80, 1, 0, 1)
    boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"]
    return insert(plain.read_bytes(), boxes, clap)


def test_a_cover_picture_does_not_stand_in_the_way(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp4", frames=2, cover=True)
    clap = struct.pack(">I4s8i", 40, b"clap", 160, 1, 180, 1, 80, 1, 0, 1)
    boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"]
    path = tmp_path / "in.mp4"
    path.write_bytes(insert(plain.read_bytes(), boxes, clap))
    frame, _ = first_frame(path)
    assert frame.width == 160


@pytest.mark.parametrize("size", [(76, 60), (160, 120), (640, 480)])
def test_of_pictures_of_another_size_the_same_share_is_cropped(size: tuple[int, int]) -> None:
    first = av.VideoFrame(320, 240, "yuv420p")
    other = av.VideoFrame(*size, "yuv420p")
    for picture in (first, other):
        for number, plane in enumerate(picture.planes):
            rows = np.full((plane.height, plane.line_size), 128 if number else 60, np.uint8)
            if number == 0:
                rows[:, : plane.width // 4] = 235
            plane.update(rows.tobytes())
    upright = Upright(first, "t", crop=Crop(80))
    planes, _ = upright.read(other)
    rest = planes[0][planes[0] > 16]
    assert rest.size
    assert rest.max() < 235


@pytest.mark.parametrize("seed", range(30))
def test_damaged_heads_end_no_run(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    plain = write(tmp_path / "plain.mov", frames=1).read_bytes() if seed % 2 else matroska({})
    data: Any = np.frombuffer(plain, np.uint8).copy()
    for at in rng.integers(0, len(data), 1 + len(data) // 50):
        data[at] = rng.integers(0, 256)
    path = tmp_path / "in.bin"
    path.write_bytes(bytes(data[: rng.integers(4, len(data))]))
    crop = read_crop(path, MOV if seed % 2 else MATROSKA, 1, 0)
    assert min(crop.left, crop.top, crop.right, crop.bottom) >= 0


def test_a_crop_is_applied_before_the_picture_is_turned(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mov", frames=2, rotation=90, pictures=[bars(0), texture(1)])
    clap = struct.pack(">I4s8i", 40, b"clap", 160, 1, 180, 1, 80, 1, 0, 1)
    boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"]
    path = tmp_path / "in.mov"
    path.write_bytes(insert(plain.read_bytes(), boxes, clap))
    whole, _ = first_frame(plain)
    frame, _ = first_frame(path)
    assert (whole.width, whole.height) == (180, 320)
    assert (frame.width, frame.height) == (180, 160)
    kept = (whole.planes[0][:160], whole.planes[0][160:])
    assert any(np.array_equal(frame.planes[0], part) for part in kept)
