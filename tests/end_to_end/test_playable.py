"""Outputs are made so that players and browsers take them: codec tags, index, levels."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stream_anon
from stream_anon.config import Settings
from stream_anon.errors import DiskFullError, SinkError
from stream_anon.sinks.live.recording import RecordingSink
from tests.media import FRAMES, Tone, shown, times, write, write_textured
from tests.numbered import INFO, expected, numbered, numbers, seen
from tests.patterns import number_shown
from tests.refusals import names, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.pipeline.report import Summary

ROOT = Path(__file__).parents[2]
APPLE = ["mp4", "m4v", "mov"]


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of each box at the top of an MP4 or MOV file."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        start = at + 8
        if size == 1:
            size, start = int.from_bytes(data[start : start + 8], "big"), start + 8
        assert size >= start - at
        yield data[at + 4 : at + 8], data[start : at + size]
        at += size
    assert at == len(data)


def order(path: Path) -> list[bytes]:
    """Types of the boxes that matter to players, as they stand in the file."""
    return [kind for kind, _ in boxes(path.read_bytes()) if kind in (b"moov", b"mdat", b"moof")]


def sample_entry(path: Path) -> bytes:
    """The codec tag of the first track."""
    data = path.read_bytes()
    return data[data.index(b"stsd") + 16 :][:4]


# -- codec tags -------------------------------------------------------------------------------


@pytest.mark.parametrize("end", APPLE)
@pytest.mark.parametrize(
    ("encoder", "tag"), [("libx265", b"hvc1"), ("auto", b"avc1"), ("mpeg4", b"mp4v")]
)
def test_recordings_have_the_codec_tags_that_apple_knows(
    encoder: str, tag: bytes, end: str, tmp_path: Path
) -> None:
    output = tmp_path / f"out.{end}"
    source = write(tmp_path / "in.mkv")
    stream_anon.redact(source, output, settings={"output.encoder": encoder})
    assert sample_entry(output) == tag
    assert [number_shown(picture) for picture in shown(output)] == list(range(FRAMES))


@pytest.mark.parametrize("end", APPLE)
def test_live_recordings_have_them_too(end: str, tmp_path: Path) -> None:
    output = tmp_path / f"out.{end}"
    settings = Settings.model_validate({"output": {"encoder": "libx265"}})
    sink = RecordingSink(output, INFO, settings)
    for index in range(20):
        sink.send(numbered(index))
    sink.finish()
    sink.close()
    assert sample_entry(output) == b"hvc1"
    assert numbers(seen(output)) == expected(20)
    assert b"moof" in order(output)


@pytest.mark.parametrize(
    ("encoder", "end"),
    [("libsvtav1", "mov"), ("libvpx-vp9", "mov"), ("libx264", "webm"), ("gif", "mp4")],
)
def test_what_a_container_cannot_hold_is_named(encoder: str, end: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source, output = write(tmp_path / "in.mkv"), folder / f"out.{end}"
    said = refused(SinkError, 4, source, output, settings={"output.encoder": encoder})
    assert f"out.{end} cannot hold what the encoder {encoder} makes" in said


def test_video_that_a_container_takes_for_mere_data_is_no_output(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source, settings = write(tmp_path / "in.mkv"), {"output.encoder": "libsvtav1"}
    said = refused(SinkError, 4, source, folder / "out.ts", settings=settings)
    assert "holds 0 frames" in said


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_short_videos_in_hevc_have_their_frames(end: str, frames: int, tmp_path: Path) -> None:
    # x265 gives no decoding times where there are fewer frames than it may put in order.
    source = write(tmp_path / "in.mkv", frames=frames)
    output, settings = tmp_path / f"out.{end}", {"output.encoder": "libx265"}
    for _ in range(3):
        stream_anon.redact(source, output, settings=settings, overwrite=True)
        assert times(output) == times(source)


# -- the index --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", APPLE)
@pytest.mark.parametrize("audio", ["drop", "disguise"])
def test_the_index_stands_in_front(audio: str, end: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", tones=[Tone()])
    output = tmp_path / f"out.{end}"
    stream_anon.redact(source, output, settings={"output.audio": audio})
    assert order(output) == [b"moov", b"mdat"]
    assert [number_shown(picture) for picture in shown(output)] == list(range(FRAMES))


def test_the_index_stands_behind_if_asked(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv")
    stream_anon.redact(source, tmp_path / "out.mp4", settings={"output.faststart": False})
    assert order(tmp_path / "out.mp4") == [b"mdat", b"moov"]


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from stream_anon.cli import main as cli
sys.exit(cli.run(["redact", {source!r}, {output!r}]))
"""


def test_a_disk_that_has_no_room_for_moving_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    source, folder = write_textured(tmp_path / "in.mkv"), tmp_path / "out"
    folder.mkdir()
    behind = tmp_path / "behind.mp4"
    stream_anon.redact(source, behind, settings={"output.faststart": False})
    media = sum(len(payload) + 8 for kind, payload in boxes(behind.read_bytes()) if kind != b"moov")
    script = LIMITED.format(limit=media + 100, source=str(source), output=str(folder / "out.mp4"))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == DiskFullError.exit_code, done.stderr
    assert "no space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert names(folder) == []


def test_a_file_that_cannot_be_opened_again_for_moving_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source = write(tmp_path / "in.mkv")

    def remove(_: Summary) -> None:
        (folder / "out.mp4.part").unlink(missing_ok=True)

    refused(SinkError, 4, source, folder / "out.mp4", on_progress=remove)


# -- levels -----------------------------------------------------------------------------------

ANNOUNCED: dict[str, tuple[int, dict[str, Any]]] = {
    "browser.webm": (1000, {"codec": "libvpx-vp9"}),
    "browser-h264.mkv": (1000, {}),
    "clock.mkv": (90_000, {"codec": "libx265"}),
    "clock.mov": (90_000, {}),
    "clock.ts": (90_000, {}),
    "camera.flv": (1000, {"options": {"bf": "0"}}),
    "camera.avi": (1000, {"codec": "mpeg4"}),
}


@pytest.mark.parametrize("name", ANNOUNCED)
def test_the_level_is_that_of_the_real_frame_rate(name: str, tmp_path: Path) -> None:
    announced, more = ANNOUNCED[name]
    unit = Fraction(1, announced)
    pts = [round(Fraction(number, 30) / unit) for number in range(30)]
    source = write(
        tmp_path / name, frames=30, rate=announced, time_base=unit, pts=pts,
        **{"options": {"bf": "0"}, **more},
    )  # fmt: skip
    usual = write(tmp_path / "usual.mp4", frames=30, rate=30)
    levels = []
    for path, output in ((source, tmp_path / "out.mp4"), (usual, tmp_path / "ref.mp4")):
        assert stream_anon.redact(path, output).complete
        data = output.read_bytes()
        levels.append(data[data.index(b"avcC") + 7])
    assert levels[0] == levels[1]
    before, after = times(source), times(tmp_path / "out.mp4")
    assert [time - after[0] for time in after] == [time - before[0] for time in before]
