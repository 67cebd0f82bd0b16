"""Frames that are missing from a file: lost ones hide what follows, those never recorded do not."""

from __future__ import annotations

from fractions import Fraction
from time import process_time
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

from stream_anon.sources.decoding.bitstream import NalReader
from stream_anon.sources.decoding.references import FrameNumbers
from stream_anon.sources.file import MediaSource
from tests.media import Tone, write
from tests.patterns import texture

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stream_anon.core.frame import Frame

pytestmark = pytest.mark.slow

MS = Fraction(1, 1000)
GOP = 40
COUNT = 90
SIZE = (160, 96)


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    """A picture that moves to the left, so that each frame needs the one before."""
    wide = np.hstack([texture(1), texture(2), texture(3)])
    return [wide[: SIZE[1], 3 * n : 3 * n + SIZE[0]] for n in range(COUNT)]


def record(path: Path, pictures: list[Any], times: Iterable[int], codec: str, **more: Any) -> Path:
    """Write frames that are shown at these multiples of 40 ms."""
    options: dict[str, str] = {"bf": "0"} if "libx26" in codec else {}
    return write(
        path, pictures=pictures, pts=[40 * n for n in times], time_base=MS, frames=len(pictures),
        codec=codec, size=SIZE, gop=GOP, options=options | more.pop("options", {}), **more,
    )  # fmt: skip


def without(source: Path, target: Path, gone: set[int]) -> Path:
    """A copy without some of the packets."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for number, packet in enumerate(p for p in old.demux(video=0) if p.size):
            if number not in gone:
                packet.stream = stream
                new.mux(packet)
    return target


def read(path: Path) -> tuple[list[Frame], MediaSource]:
    source = MediaSource(path)
    try:
        return list(source.frames()), source
    finally:
        source.close()


CODECS = ["libx264", "libx265", "libvpx", "libvpx-vp9", "libsvtav1", "mjpeg"]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1", "mjpeg"])
def test_a_frame_that_was_never_recorded_hides_nothing(
    codec: str, pictures: list[Any], tmp_path: Path
) -> None:
    times = [n for n in range(COUNT + 1) if n != 50]
    path = record(tmp_path / "in.mkv", pictures, times, codec, pix_fmt=_format(codec))
    frames, source = read(path)
    assert [frame.pts for frame in frames] == [40 * n for n in times]
    assert not any(frame.corrupt for frame in frames)
    assert not source.losses, source.losses.reason


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "times",
    [
        pytest.param([n + 50 * (n >= 50) for n in range(COUNT)], id="a pause"),
        pytest.param([n + n // 9 for n in range(COUNT)], id="every tenth was never recorded"),
        pytest.param([n if n < 50 else 50 + 5 * (n - 50) for n in range(COUNT)], id="slower"),
    ],
)
def test_an_intact_file_hides_nothing(
    codec: str, times: list[int], pictures: list[Any], tmp_path: Path
) -> None:
    path = record(tmp_path / "in.mkv", pictures, times, codec, pix_fmt=_format(codec))
    frames, source = read(path)
    assert [frame.pts for frame in frames] == [40 * n for n in times]
    assert not any(frame.corrupt for frame in frames)
    assert not source.losses, source.losses.reason


def _format(codec: str) -> str:
    return "yuvj420p" if codec == "mjpeg" else "yuv420p"


@pytest.mark.parametrize(
    ("codec", "end"),
    [
        *((codec, end) for codec in ("libx264", "libx265") for end in ("mkv", "mp4", "ts")),
        *((codec, "mkv") for codec in ("libvpx", "libvpx-vp9", "mpeg4")),
    ],
)
@pytest.mark.parametrize("gone", [1, 3])
def test_what_follows_a_lost_frame_is_suspect_up_to_the_next_keyframe(
    codec: str, end: str, gone: int, pictures: list[Any], tmp_path: Path
) -> None:
    whole = record(tmp_path / f"whole.{end}", pictures, range(COUNT), codec)
    path = without(whole, tmp_path / f"in.{end}", set(range(20, 20 + gone)))
    frames, source = read(path)
    numbers = [round((frame.time - frames[0].time) * 25) for frame in frames]
    suspect = {n for n, frame in zip(numbers, frames, strict=True) if frame.corrupt}
    assert set(range(20 + gone, GOP)) <= suspect <= set(range(18, GOP))
    assert source.losses or codec == "libx265", "marked frames tell"


def test_numbers_of_every_kind_of_h264_are_understood(pictures: list[Any], tmp_path: Path) -> None:
    for options in (
        {"preset": "veryfast", "bf": "3"},
        {"preset": "slow", "bf": "3", "b-pyramid": "strict", "x264-params": "open-gop=1:cqm=jvt"},
        {"flags": "+ildct+ilme", "x264-params": "tff=1"},
        {"profile": "baseline"},
        {"x264-params": "slices=4"},
    ):
        for end in ("mkv", "ts"):
            path = record(tmp_path / f"in.{end}", pictures, range(COUNT), "libx264",
                          options=options)  # fmt: skip
            with av.open(str(path)) as file:
                stream = file.streams.video[0]
                packets = [p for p in file.demux(stream) if p.size]
                extradata = stream.codec_context.extradata
                numbers = FrameNumbers(extradata)
                assert sum(numbers.missing_before(bytes(p)) for p in packets) == 0, options
                found = 0
                for gone in range(10, 20):
                    numbers = FrameNumbers(extradata)
                    rest = packets[:gone] + packets[gone + 1 :]
                    is_missed = any(numbers.missing_before(bytes(p)) for p in rest)
                    assert is_missed == _is_reference(packets[gone], extradata), (options, gone)
                    found += is_missed
                assert found, "each GOP has references"


def _is_reference(packet: Any, extradata: bytes | None) -> bool:
    units = NalReader("h264", extradata).units(bytes(packet))
    return any(unit[0] & 31 in (1, 5) and unit[0] >> 5 for unit in units)


def test_heavy_loss_is_suspect_to_the_end(pictures: list[Any], tmp_path: Path) -> None:
    whole = record(tmp_path / "whole.mkv", pictures, range(COUNT), "libx264", options={"bf": "0"})
    path = without(whole, tmp_path / "in.mkv", {n for n in range(3, COUNT, 3) if n % GOP})
    frames, _ = read(path)
    clear = [frame.pts // 40 for frame in frames if not frame.corrupt]
    assert set(clear) <= {0, 1, 2, GOP, GOP + 1, 2 * GOP, 2 * GOP + 1}


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "mpeg4"])
@pytest.mark.parametrize("gone", [2, 5, 20])
def test_a_single_gap_in_an_even_file_is_a_loss(
    codec: str, gone: int, pictures: list[Any], tmp_path: Path
) -> None:
    times = [n for n in range(COUNT + 1) if n != gone]
    frames, source = read(record(tmp_path / "in.mkv", pictures, times, codec))
    suspect = {number for number, frame in enumerate(frames) if frame.corrupt}
    assert suspect == set(range(gone, GOP)), "nothing tells whether it was recorded"
    assert source.losses


def test_parameters_of_zeros_cost_no_time() -> None:
    numbers = FrameNumbers(None)
    began = process_time()
    for kind in (0x67, 0x68):
        numbers.missing_before(b"\0\0\0\1" + bytes([kind]) + b"\0\1" * 500_000)
    assert process_time() - began < 2


def test_pictures_before_the_first_keyframe_of_a_cut_file_are_left_out(tmp_path: Path) -> None:
    wide = np.hstack([texture(1), texture(2)])
    pictures = [wide[: SIZE[1], 2 * n : 2 * n + SIZE[0]] for n in range(60)]
    for codec, params in (
        ("libx265", "x265-params=log-level=error:open-gop=1:keyint=10:min-keyint=10:scenecut=0"),
        ("libx264", "x264-params=open-gop=1:keyint=10:min-keyint=10:scenecut=0:b-adapt=0"),
    ):  # fmt: skip
        key, _, value = params.partition("=")
        whole = write(tmp_path / "whole.mkv", pictures=pictures, frames=60, size=SIZE, codec=codec,
                      options={"preset": "medium", key: value, "bf": "3"})  # fmt: skip
        keys = -1
        with av.open(str(whole)) as old, av.open(str(tmp_path / "in.mkv"), "w") as new:
            stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
            for packet in old.demux(video=0):
                keys += bool(packet.size) and packet.is_keyframe
                if packet.size and keys >= 1:
                    packet.stream = stream
                    new.mux(packet)
        frames, source = read(tmp_path / "in.mkv")
        assert len(frames) >= 45, codec
        assert not any(frame.corrupt for frame in frames), codec
        assert not source.losses, (codec, source.losses.reason)


@pytest.mark.parametrize("end", ["flv", "mkv", "mp4", "ts", "avi"])
def test_sound_that_outlasts_the_picture_is_no_loss(
    end: str, pictures: list[Any], tmp_path: Path
) -> None:
    tones = [Tone(seconds=4.0, codec="aac" if end != "avi" else "libmp3lame", rate=44100)]
    path = write(tmp_path / f"in.{end}", pictures=pictures, frames=40, size=SIZE, tones=tones)
    frames, source = read(path)
    assert len(frames) == 40
    assert not source.losses, source.losses.reason


def test_a_file_that_ends_early_is_told_though_it_has_sound(
    pictures: list[Any], tmp_path: Path
) -> None:
    path = write(
        tmp_path / "in.flv", pictures=pictures, frames=COUNT, size=SIZE, tones=[Tone(seconds=3.6)]
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    _, source = read(path)
    assert source.losses.frames > COUNT // 4


def test_frames_that_an_edit_list_leaves_out_are_no_loss(
    pictures: list[Any], tmp_path: Path
) -> None:
    path = record(tmp_path / "in.mp4", pictures, range(COUNT), "libx264")
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 12
    length = int.from_bytes(data[at : at + 4], "big")
    data[at : at + 4] = (length * 3 // 10).to_bytes(4, "big")
    path.write_bytes(data)
    frames, source = read(path)
    assert len(frames) < COUNT // 2
    assert not source.losses, source.losses.reason


def test_an_index_of_a_part_of_the_file_is_told(pictures: list[Any], tmp_path: Path) -> None:
    long = write(tmp_path / "long.mp4", pictures=pictures, frames=COUNT, size=SIZE)
    short = write(tmp_path / "short.mp4", pictures=pictures, frames=10, size=SIZE,
                  container_options={"movflags": "faststart"})  # fmt: skip
    whole, head = long.read_bytes(), short.read_bytes()
    begin, at = whole.index(b"mdat") - 4, head.index(b"mdat") - 4
    size = int.from_bytes(whole[begin : begin + 4], "big")
    (tmp_path / "in.mp4").write_bytes(head[:at] + whole[begin : begin + size])
    frames, source = read(tmp_path / "in.mp4")
    assert len(frames) == 10
    assert 40 < source.losses.frames < 200, "about the eighty that nothing lists"
    assert not read(long)[1].losses
