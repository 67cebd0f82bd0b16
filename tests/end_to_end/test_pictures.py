"""Picture files of every kind: the whole picture, upright, in its colours, and nothing else."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import stream_anon
from stream_anon.errors import SinkError, SourceError
from stream_anon.sources.file import MediaSource
from tests.heif import ALPHA, Item, box, coded, full, grid, heif, turn
from tests.media import shown, write
from tests.patterns import BARS, bar_colors, bars, number_shown, texture
from tests.refusals import refused

if TYPE_CHECKING:
    from tests.patterns import Rgb

KINDS: dict[str, dict[str, Any]] = {
    "in.tif": {"codec": "tiff", "pix_fmt": "rgb24", "container": "image2"},
    "in.webp": {"codec": "libwebp", "pix_fmt": "bgra", "container": "image2"},
    "in.avif": {"codec": "libsvtav1"},
    "in.png": {"codec": "png", "pix_fmt": "rgb24"},
    "in.jpg": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "full_range": True},
}
PAIRS = [
    ("in.tif", "out.png"), ("in.webp", "out.jpg"), ("in.avif", "out.png"), ("in.avif", "out.webp"),
    ("in.png", "out.tif"), ("in.png", "out.webp"), ("in.png", "out.avif"), ("in.jpg", "out.tif"),
    ("in.jpg", "out.webp"), ("in.jpg", "out.avif"),
]  # fmt: skip
LEVELS = 8
"""Of 255, by which a colour may be off after two lossy encoders."""
SECRET = b"Jane Doe, 12 Elm Street"


def picture(path: Path, **more: Any) -> Path:
    return write(path, frames=1, **{**KINDS[f"in{path.suffix}"], **more})


@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_pictures_come_out_in_their_colors(before: str, after: str, tmp_path: Path) -> None:
    source = picture(tmp_path / before)
    summary = stream_anon.redact(source, tmp_path / after, settings={"output.quality": 8})
    assert summary.complete
    assert summary.frames == 1
    (seen,) = shown(tmp_path / after)
    assert number_shown(seen) == 0
    assert np.abs(bar_colors(seen) - BARS).max() <= LEVELS


@pytest.mark.parametrize("after", ["out.webp", "out.avif", "out.tif"])
def test_large_pictures_made_from_rgb_keep_their_colors(after: str, tmp_path: Path) -> None:
    # From 720 rows on, RGB is coded as BT.709 inside, which WebP cannot say.
    source = picture(tmp_path / "in.png", size=(960, 720))
    stream_anon.redact(source, tmp_path / after, settings={"output.quality": 8})
    assert np.abs(bar_colors(shown(tmp_path / after)[0]) - BARS).max() <= LEVELS


@pytest.mark.parametrize("after", ["out.webp", "out.avif", "out.tif"])
def test_odd_sizes_are_kept(after: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "in.png", size=(321, 181))
    stream_anon.redact(source, tmp_path / after)
    assert shown(tmp_path / after)[0].shape == (181, 321, 3)


@pytest.mark.parametrize("name", KINDS)
def test_a_picture_is_known_to_be_one(name: str, tmp_path: Path) -> None:
    # Of a photo, which has no second detection, a weaker one is believed too.
    source = MediaSource(picture(tmp_path / name))
    source.close()
    assert source.info.still
    assert source.info.frames == 1


@pytest.mark.parametrize("after", ["out.webp", "out.avif", "out.tif"])
def test_a_video_does_not_fit_into_one(after: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert "one picture" in refused(SinkError, 4, write(tmp_path / "in.mp4"), folder / after)


# -- what nobody may learn --------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def with_secrets(path: Path) -> Path:
    """The same picture with a secret in its EXIF, XMP and ICC profile."""
    data, end = path.read_bytes(), path.suffix
    exif = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x010F, 2, len(SECRET), 26) + bytes(4)
    exif += SECRET
    if end == ".jpg":
        parts = b"Exif\0\0" + exif, b"http://ns.adobe.com/xap/1.0/\0" + SECRET, SECRET
        marks = zip((0xE1, 0xE1, 0xFE), parts, strict=True)
        more = b"".join(struct.pack(">BBH", 0xFF, m, len(p) + 2) + p for m, p in marks)
        data = data[:2] + more + data[2:]
    elif end == ".png":
        more = chunk(b"eXIf", exif) + chunk(b"tEXt", b"Author\0" + SECRET)
        data = data[:33] + more + data[33:]
    elif end == ".webp":
        head = struct.pack("<I", 0x0C) + b"\x3f\x01\0\xb3\0\0"  # EXIF, XMP; 320x180
        chunks = [(b"VP8X", head), (b"EXIF", exif), (b"XMP ", SECRET)]
        packed = [k + struct.pack("<I", len(d)) + d + bytes(len(d) % 2) for k, d in chunks]
        body = b"WEBP" + packed[0] + data[12:] + packed[1] + packed[2]
        data = b"RIFF" + struct.pack("<I", len(body)) + body
    elif end == ".tif":
        data = tiff_with(data, 0x010F, SECRET)
    else:
        data += box(b"free", SECRET)
    path.write_bytes(data)
    assert SECRET in data
    return path


def tiff_with(data: bytes, tag: int, value: bytes) -> bytes:
    """A TIFF file with one more tag, in a directory at its end."""
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    entries = [data[at + 2 + 12 * n :][:12] for n in range(count)]
    entries.append(struct.pack("<HHII", tag, 2, len(value), len(data)))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    place = len(data) + len(value)
    place += place % 2
    moved = data[:4] + struct.pack("<I", place) + data[8:] + value
    moved = moved.ljust(place, b"\0")
    return moved + struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)


@pytest.mark.parametrize("after", ["png", "jpg", "webp", "tif", "avif"])
@pytest.mark.parametrize("before", KINDS)
def test_nothing_but_the_picture_comes_along(before: str, after: str, tmp_path: Path) -> None:
    source = with_secrets(picture(tmp_path / before))
    output = tmp_path / f"out.{after}"
    assert stream_anon.redact(source, output).complete
    assert number_shown(shown(output)[0]) == 0
    data = output.read_bytes()
    for secret in (SECRET, b"Exif", b"ns.adobe", b"<x:xmp", b"ICC_PROFILE"):
        assert secret not in data


@pytest.mark.parametrize("name", KINDS)
def test_nor_with_pictures_in_memory(name: str, tmp_path: Path) -> None:
    data = with_secrets(picture(tmp_path / name)).read_bytes()
    redacted = stream_anon.redact_picture(data)
    stream_anon.close_pictures()
    assert redacted[:2] == data[:2]
    assert redacted[4:12] == data[4:12] or name != "in.avif"
    assert SECRET not in redacted
    (tmp_path / "after").write_bytes(redacted)
    seen = shown(tmp_path / "after")[0]
    assert seen.shape == shown(tmp_path / name)[0].shape
    assert np.abs(bar_colors(seen) - BARS).max() <= LEVELS + 4


# -- several pictures -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("in.gif", {"codec": "gif", "pix_fmt": "rgb8"}),
        ("in.apng", {"codec": "apng", "pix_fmt": "rgb24"}),
        ("in.avif", {"codec": "libsvtav1"}),
    ],
)
def test_of_animated_pictures_none_is_lost(name: str, what: dict[str, Any], tmp_path: Path) -> None:
    source = write(tmp_path / name, frames=5, **what)
    if name == "in.apng":
        source = source.rename(tmp_path / "in.png")
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert summary.complete
    assert [number_shown(picture) for picture in shown(tmp_path / "out.mp4")] == [0, 1, 2, 3, 4]
    folder = tmp_path / "out"
    folder.mkdir()
    assert "one picture" in refused(SinkError, 4, source, folder / "out.png")
    with pytest.raises(SourceError, match=r"several pictures|not a JPEG"):
        stream_anon.redact_picture(source.read_bytes())


def test_animated_webp_is_refused(tmp_path: Path) -> None:
    still = picture(tmp_path / "in.webp").read_bytes()
    head = b"VP8X" + struct.pack("<II", 10, 0x02) + b"\x3f\x01\0\xb3\0\0"
    body = b"WEBP" + head + b"ANIM" + struct.pack("<I", 6) + bytes(6) + still[12:]
    (tmp_path / "in.webp").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    folder = tmp_path / "out"
    folder.mkdir()
    said = refused(SourceError, 3, tmp_path / "in.webp", folder / "out.png")
    assert "animated WebP" in said
    with pytest.raises(SourceError, match="animated WebP"):
        stream_anon.redact_picture((tmp_path / "in.webp").read_bytes())


def test_further_pages_of_a_tiff_are_noted(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.tif")
    data = source.read_bytes()
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    link = at + 2 + 12 * count
    page = data[at:link] + bytes(4)
    data += bytes(len(data) % 2)
    source.write_bytes(data[:link] + struct.pack("<I", len(data)) + data[link + 4 :] + page)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    assert any("2 pictures" in note for note in summary.notes)
    with pytest.raises(SourceError, match="several pictures"):
        stream_anon.redact_picture(source.read_bytes())


@pytest.mark.parametrize(("kind", "refused"), [(0x020002, True), (0, False)])
def test_further_pictures_in_a_jpeg_are_noted(kind: int, refused: bool, tmp_path: Path) -> None:
    """Stereo cameras add the other eye's view, phones a map for HDR screens."""
    source = picture(tmp_path / "in.jpg")
    first = source.read_bytes()
    tags = [(0xB001, 4, 1, 2), (0xB002, 7, 3 * 16, 50)]
    entries = [(0x20030000, 0, 0), (0x010001, 0, 0), (kind, 0, 0)]
    index = struct.pack("<2sHIH", b"II", 42, 8, len(tags))
    index += b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(50 - 10 - 12 * len(tags))
    index += b"".join(struct.pack("<IIII", *entry, 0) for entry in entries)
    segment = b"MPF\0" + index
    head = b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment
    source.write_bytes(first[:2] + head + first[2:] + first)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    assert any("2 pictures" in note for note in summary.notes)
    if refused:
        with pytest.raises(SourceError, match="several pictures"):
            stream_anon.redact_picture(source.read_bytes())
    else:
        assert stream_anon.redact_picture(source.read_bytes())


def test_jpeg_in_tiff_is_refused_and_not_shown_black(tmp_path: Path) -> None:
    source = picture(tmp_path / "in.tif")
    data = bytearray(source.read_bytes())
    (at,) = struct.unpack_from("<I", data, 4)
    for place in range(at + 2, len(data) - 12, 12):
        if struct.unpack_from("<H", data, place)[0] == 259:
            struct.pack_into("<H", data, place + 8, 7)
            break
    source.write_bytes(data)
    folder = tmp_path / "out"
    folder.mkdir()
    assert "JPEG inside" in refused(SourceError, 3, source, folder / "out.png")


def test_jpeg_xl_has_a_clear_line(tmp_path: Path) -> None:
    (tmp_path / "in.jxl").write_bytes(bytes.fromhex("ff0afa1f01910806010048004b38") + bytes(99))
    folder = tmp_path / "out"
    folder.mkdir()
    said = refused(SourceError, 3, tmp_path / "in.jxl", folder / "out.png")
    assert "codec that this FFmpeg cannot decode" in said


# -- pictures in pieces -----------------------------------------------------------------------

TILE = 128


def tiles(whole: Rgb, rows: int, columns: int, folder: Path) -> list[Item]:
    """The picture, continued at its edges, in squares."""
    height, width, _ = whole.shape
    more = ((0, rows * TILE - height), (0, columns * TILE - width), (0, 0))
    wide = np.pad(whole, more, mode="edge")
    return [
        coded(np.ascontiguousarray(wide[row:, column:][:TILE, :TILE]), folder)
        for row in range(0, rows * TILE, TILE)
        for column in range(0, columns * TILE, TILE)
    ]


@pytest.mark.parametrize("quarters", range(4))
def test_tiles_make_one_picture(quarters: int, tmp_path: Path) -> None:
    whole = bars(7, (320, 180))
    pieces = tiles(whole, 2, 3, tmp_path)
    items = [*pieces, grid(2, 3, 320, 180, [1, 2, 3, 4, 5, 6], turn(quarters))]
    source = heif(tmp_path / "in.heic", items, 7)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    assert summary.complete
    assert summary.notes == []
    (seen,) = shown(tmp_path / "out.png")
    lying = np.rot90(seen, -quarters)
    assert lying.shape == whole.shape
    assert number_shown(lying) == 7
    assert np.abs(bar_colors(lying) - BARS).max() <= LEVELS


def test_a_picture_that_is_whole_is_turned_by_the_same_rule(tmp_path: Path) -> None:
    whole = texture(0, (320, 192))
    source = heif(tmp_path / "in.heic", [coded(whole, tmp_path, turn(1))], 1)
    stream_anon.redact(source, tmp_path / "out.png")
    (seen,) = shown(tmp_path / "out.png")
    assert np.abs(np.rot90(seen, -1).astype(int) - whole).mean() < 6


def test_small_copies_are_not_taken_for_the_picture(tmp_path: Path) -> None:
    small = coded(texture(1, (160, 96)), tmp_path)
    small.references[b"thmb"] = [2]
    source = heif(tmp_path / "in.heic", [small, coded(texture(0, (320, 192)), tmp_path)], 2)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    assert shown(tmp_path / "out.png")[0].shape == (192, 320, 3)
    assert summary.notes == []


def test_further_pictures_are_noted(tmp_path: Path) -> None:
    items = [coded(texture(number, (320, 192)), tmp_path) for number in range(3)]
    summary = stream_anon.redact(heif(tmp_path / "in.heic", items, 1), tmp_path / "out.png")
    assert any("3 pictures" in note for note in summary.notes)


def test_what_is_transparent_is_not_shown(tmp_path: Path) -> None:
    whole = bars(7, (320, 192))
    opaque = np.zeros_like(whole)
    opaque[:, :160] = 255
    mask = coded(opaque, tmp_path, full(b"auxC", 0, ALPHA))
    mask.references[b"auxl"] = [1]
    source = heif(tmp_path / "in.heic", [coded(whole, tmp_path), mask], 1)
    summary = stream_anon.redact(source, tmp_path / "out.png")
    (seen,) = shown(tmp_path / "out.png")
    assert seen[:, 172:].min() > 250
    assert np.abs(seen[:, :150].astype(int) - whole[:, :150]).mean() < 6
    assert any("transparent" in note for note in summary.notes)


def _missing(items: list[Item]) -> None:
    items[-1].references[b"dimg"] = [1, 2]


def _damaged(items: list[Item]) -> None:
    items[1].data = items[1].data[:8] + bytes(len(items[1].data) - 8)


def _too_large(items: list[Item]) -> None:
    items[-1] = grid(2, 2, 4000, 4000, [1, 2, 3, 4])


def _unknown(items: list[Item]) -> None:
    items[-1].kind = b"iovl"


@pytest.mark.parametrize("harm", [_missing, _damaged, _too_large, _unknown])
def test_a_picture_that_is_not_whole_is_refused(harm: Any, tmp_path: Path) -> None:
    items = [*tiles(texture(0, (256, 256)), 2, 2, tmp_path), grid(2, 2, 256, 256, [1, 2, 3, 4])]
    harm(items)
    folder = tmp_path / "out"
    folder.mkdir()
    source = heif(tmp_path / "in.heic", items, 5)
    said = refused(SourceError, 3, source, folder / "out.png")
    assert any(why in said for why in ("missing", "not supported", "that can be read"))


@pytest.mark.parametrize("cut", [20, 60, 150, 300, 600])
def test_a_description_that_is_cut_short_is_refused(cut: int, tmp_path: Path) -> None:
    items = [*tiles(texture(0, (256, 256)), 2, 2, tmp_path), grid(2, 2, 256, 256, [1, 2, 3, 4])]
    source = heif(tmp_path / "in.heic", items, 5)
    source.write_bytes(source.read_bytes()[:cut])
    folder = tmp_path / "out"
    folder.mkdir()
    refused(SourceError, 3, source, folder / "out.png")


def test_heic_in_memory_has_a_clear_line(tmp_path: Path) -> None:
    source = heif(tmp_path / "in.heic", [coded(texture(0, (320, 192)), tmp_path)], 1)
    with pytest.raises(SourceError, match="HEIC can be read but not written"):
        stream_anon.redact_picture(source.read_bytes())
