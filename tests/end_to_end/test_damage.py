"""Damaged files: what may be damaged is hidden, the rest is redacted as ever."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import stream_anon
from tests.media import GOP, LONG, seconds, times, write, write_textured
from tests.patterns import texture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    Lumas = dict[Fraction, NDArray[np.uint8]]

# -- damaged in the middle --------------------------------------------------------------------


def lumas(path: Path) -> Lumas:
    """Luma planes by time in seconds, of everything that decodes, damaged or not."""
    found: Lumas = {}
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type = "AUTO"
        stream.codec_context.flags |= av.codec.context.Flags.output_corrupt
        for packet in file.demux(stream):
            with suppress(av.error.FFmpegError):
                for picture in packet.decode():
                    plane = picture.planes[0]
                    rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, -1)
                    found[seconds(picture)] = rows[:, : plane.width]
    return found


def _detail(luma: NDArray[np.uint8]) -> float:
    """How much a picture changes from one pixel to another not far away."""
    return float(np.abs(np.diff(luma[:, ::8].astype(int), axis=1)).mean())


def _likeness(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _payloads(path: Path) -> list[tuple[int, int]]:
    """Where the coded pictures lie in the file: position and size."""
    with av.open(str(path)) as file:
        return [(p.pos, p.size) for p in file.demux(video=0) if p.size and p.pos is not None]


def _blanked(data: bytearray, at: int, length: int) -> None:
    data[at : at + length] = bytes(length)


def _noised(data: bytearray, at: int, length: int) -> None:
    data[at : at + length] = np.random.default_rng(7).bytes(length)


def _hurt(source: Path, how: Callable[[bytearray, int, int], None], frame: int) -> None:
    """Damage the middle of one coded picture."""
    data = bytearray(source.read_bytes())
    at, size = _payloads(source)[frame]
    how(data, at + size // 3, max(150, size // 3))
    source.write_bytes(data)


def _assert_no_leak(clean: Lumas, damaged: Lumas, output: Path) -> int:
    """Every frame that differs from the intact one is hidden whole; returns how many do."""
    written = lumas(output)
    differing = 0
    for time, luma in damaged.items():
        if np.abs(luma.astype(int) - clean[time]).max() <= 60:
            continue
        differing += 1
        assert _detail(written[time]) < _detail(clean[time]) / 4, f"frame at {time} shows detail"
    return differing


def _scratched(data: bytearray, at: int, length: int) -> None:
    _noised(data, at + length // 2, 40)


HURT: dict[str, tuple[dict[str, Any], Callable[[bytearray, int, int], None]]] = {
    "h264.mp4": ({}, _noised),
    "blank-h264.mkv": ({}, _blanked),
    "blank-h264.mp4": ({}, _blanked),
    "blank-hevc.mp4": ({"codec": "libx265"}, _blanked),
    "blank-vp9.webm": ({"codec": "libvpx-vp9"}, _blanked),
    "blank-av1.mp4": ({"codec": "libsvtav1"}, _blanked),
    "scratched-h264.mp4": ({"options": {"slices": "1"}}, _scratched),
    "mpeg2.mkv": ({"codec": "mpeg2video"}, _noised),
}


CASES = [(name, frame) for name in HURT for frame in (0, GOP, GOP + 3)]
# Noise in a small picture may be valid code: then no decoder knows.
CASES.remove(("h264.mp4", GOP + 3))
CASES.remove(("scratched-h264.mp4", GOP + 3))


@pytest.mark.parametrize(("name", "frame"), CASES)
def test_damaged_frames_are_hidden_up_to_the_next_intact_keyframe(
    name: str, frame: int, tmp_path: Path
) -> None:
    options, how = HURT[name]
    source = write_textured(tmp_path / name, **options)
    clean = lumas(source)
    _hurt(source, how, frame)
    damaged = lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    differing = _assert_no_leak(clean, damaged, output)
    assert summary.hidden_whole["damaged input"] or summary.lost_frames
    assert not summary.complete
    assert summary.hidden_whole["damaged input"] >= differing
    last = sorted(clean)[-5:]
    written = lumas(output)
    for time in last:  # intact again
        assert _likeness(written[time], clean[time]) > 0.95
    if "h264" in name and frame % GOP:
        assert differing > 0, "the test needs damage that shows"
        assert summary.frames == LONG
        assert times(output) == times(source)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
@pytest.mark.parametrize("seed", range(3))
def test_lost_transport_packets_hide_what_depends_on_them(
    seed: int, codec: str, tmp_path: Path
) -> None:
    source = write_textured(tmp_path / "in.ts", codec=codec)
    clean = lumas(source)
    data = bytearray(source.read_bytes())
    at = int(np.random.default_rng(seed).integers(20, len(data) // 188 * 2 // 3)) * 188
    del data[at : at + 3 * 188]
    source.write_bytes(data)
    damaged = {time: luma for time, luma in lumas(source).items() if time in clean}
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    _assert_no_leak(clean, damaged, output)
    assert not summary.complete
    assert summary.hidden_whole["damaged input"] > 0
    last = max(clean)
    assert _likeness(lumas(output)[last], clean[last]) > 0.95


def test_pictures_whose_checksum_is_wrong_are_not_shown(tmp_path: Path) -> None:
    source = write_textured(tmp_path / "in.mov", codec="png", pix_fmt="rgb24")
    data = bytearray(source.read_bytes())
    for number, (at, size) in enumerate(_payloads(source)[10:40]):
        data[at + 60 + (size - 80) * number // 30] ^= 1 << number % 8
    source.write_bytes(data)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    assert set(lumas(output)) == {Fraction(number, 25) for number in (*range(10), *range(40, LONG))}
    assert summary.lost_frames == 30


def _without(source: Path, target: Path, gone: Iterable[int]) -> Path:
    """A copy without some of the video's packets."""
    left_out = set(gone)
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            if number not in left_out:
                packet.stream = stream
                new.mux(packet)
    return target


@pytest.mark.parametrize("end", ["mkv", "ts", "mp4"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_follows_a_missing_keyframe_is_hidden(codec: str, end: str, tmp_path: Path) -> None:
    plain = write_textured(tmp_path / "plain.mkv", codec=codec, options={"bf": "0"})
    source = _without(plain, tmp_path / f"in.{end}", [2 * GOP])
    clean, damaged = lumas(plain), lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    assert _assert_no_leak(clean, damaged, output) > 0
    assert not summary.complete
    assert summary.frames < LONG
    last = max(clean)
    assert _likeness(lumas(output)[last], clean[last]) > 0.95


def test_what_follows_a_gap_is_hidden_where_no_decoder_notices(tmp_path: Path) -> None:
    plain = write_textured(tmp_path / "plain.mkv", codec="libvpx-vp9")
    source = _without(plain, tmp_path / "in.mkv", [2 * GOP, 2 * GOP + 1])
    clean, damaged = lumas(plain), lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    assert _assert_no_leak(clean, damaged, output) > 0
    assert summary.hidden_whole["damaged input"] == GOP - 2
    assert (summary.frames, summary.lost_frames) == (LONG - 2, 2)


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg2video"])
def test_a_video_that_starts_in_the_middle_shows_nothing_before_its_first_keyframe(
    codec: str, tmp_path: Path
) -> None:
    plain = write_textured(tmp_path / "plain.ts", codec=codec)
    data = plain.read_bytes()
    tables = data[: 3 * 188]
    source = tmp_path / "in.ts"
    first = _payloads(plain)[3][0] // 188 * 188
    source.write_bytes(tables + data[first:])
    clean, damaged = lumas(plain), lumas(source)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, settings={"output.quality": 5})
    _assert_no_leak(clean, {t: luma for t, luma in damaged.items() if t in clean}, output)
    assert summary.frames > LONG // 2
    last = max(clean)
    assert _likeness(lumas(output)[last], clean[last]) > 0.95


def test_an_intact_file_with_zeros_and_pauses_hides_nothing(tmp_path: Path) -> None:
    black = [np.zeros((180, 320, 3), np.uint8)] * 20
    for name, codec in (("in.mp4", "libx264"), ("in.webm", "libvpx-vp9"), ("in.mkv", "libsvtav1")):
        pts = [0, *range(40, 800, 80), *range(900, 1260, 40)]
        source = write(
            tmp_path / name, codec=codec, frames=len(pts), pictures=black, pts=pts,
            time_base=Fraction(1, 1000),
        )  # fmt: skip
        assert stream_anon.redact(source, tmp_path / "out.mp4", overwrite=True).complete


# -- a size that changes ----------------------------------------------------------------------


@pytest.mark.parametrize("size", [(160, 180), (480, 270), (180, 320)])
@pytest.mark.parametrize("end", ["ts", "h264"])
def test_another_size_is_fitted_into_the_largest_one(
    end: str, size: tuple[int, int], tmp_path: Path
) -> None:
    white = [np.full((size[1], size[0], 3), 255, np.uint8)] * 20
    parts = [
        write(tmp_path / f"1.{end}", frames=20, pictures=[texture(n) for n in range(20)]),
        write(tmp_path / f"2.{end}", frames=20, size=size, pictures=white),
    ]
    source = tmp_path / f"in.{end}"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output)
    assert summary.frames == 40
    written = lumas(output)
    columns, rows = max((320, 180), size, key=lambda wide: wide[0] * wide[1])
    assert {luma.shape for luma in written.values()} == {(rows, columns)}
    last = written[max(written)]
    scale = min(columns / size[0], rows / size[1])
    width, height = size[0] * scale, size[1] * scale
    assert (last > 200).mean() == pytest.approx(width * height / (columns * rows), abs=0.03)
    assert last[rows // 2, columns // 2] > 225, "in the middle"
    assert any(f"{columns}x{rows}" in note for note in summary.notes)
    after = sorted(written)
    assert all(a < b for a, b in pairwise(after))
