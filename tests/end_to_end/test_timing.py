"""Frames keep the times that they had, whatever those are."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import av
import pytest

import stream_anon
from stream_anon.sources.file import MediaSource
from tests.media import FRAMES, Tone, packets, pictures, shown, times, write
from tests.patterns import moving, number_shown

if TYPE_CHECKING:
    from pathlib import Path

MS = Fraction(1, 1000)
UNEVEN = [0, 80, 120, 200, 240, 320, 360, 440, 480, 560, 600, 680]
"""Milliseconds: 80 and 40 in turn."""
ODD = [33, 66, 101, 133, 167, 1234, 1267, 1299, 5001, 5002, 5003, 9000]
"""Milliseconds: late, with long pauses and bursts."""


SMOOTH = [moving(number) for number in range(30)]
"""Pictures that make encoders code some out of order."""


def _is_reordered(path: Path) -> bool:
    coded = [time for time, _ in packets(path, "video")]
    return coded != sorted(coded)


def _uneven(path: Path, pts: list[int], **more: Any) -> Path:
    return write(path, frames=len(pts), pts=pts, time_base=MS, **more)


@pytest.mark.parametrize("pts", [UNEVEN, ODD], ids=["80-40", "odd"])
@pytest.mark.parametrize("end", ["mp4", "mkv", "mov", "ts"])
def test_uneven_times_are_kept_exactly(end: str, pts: list[int], tmp_path: Path) -> None:
    options = {"bf": "0"} if end == "ts" else {}
    source = _uneven(tmp_path / f"in.{end}", pts, options=options)
    assert times(source) == [number * MS for number in pts]
    output = tmp_path / f"out.{end}"
    summary = stream_anon.redact(source, output)
    assert times(output) == [number * MS for number in pts]
    assert [number_shown(picture) for picture in shown(output)] == list(range(len(pts)))
    assert summary.complete


@pytest.mark.parametrize("end", ["mkv", "webm", "mov", "ts"])
def test_times_survive_a_change_of_container(end: str, tmp_path: Path) -> None:
    source = _uneven(tmp_path / "in.mp4", UNEVEN)
    stream_anon.redact(source, tmp_path / f"out.{end}")
    assert times(tmp_path / f"out.{end}") == [number * MS for number in UNEVEN]


@pytest.mark.parametrize("preset", ["ultrafast", "veryfast", "medium"])
@pytest.mark.parametrize("end", ["mp4", "mkv", "mov"])
def test_reordering_in_the_encoder_shifts_nothing(end: str, preset: str, tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", frames=30, pictures=SMOOTH)
    output = tmp_path / f"out.{end}"
    stream_anon.redact(source, output, settings={"output.preset": preset})
    assert times(output) == [Fraction(number, 25) for number in range(30)]
    assert [number_shown(picture) for picture in shown(output)] == list(range(30))
    assert _is_reordered(output) == (preset != "ultrafast")


@pytest.mark.parametrize("end", ["mp4", "mkv"])
def test_reordering_in_the_input_shifts_nothing(end: str, tmp_path: Path) -> None:
    source = write(tmp_path / f"in.{end}", frames=30, options={"preset": "medium"}, pictures=SMOOTH)
    assert _is_reordered(source)
    output = tmp_path / f"out.{end}"
    stream_anon.redact(source, output)
    assert times(output) == times(source) == [Fraction(number, 25) for number in range(30)]
    assert [number_shown(picture) for picture in shown(output)] == list(range(30))


@pytest.mark.parametrize("end", ["mp4", "mkv", "mov", "ts"])
def test_a_start_that_is_a_little_late_stays_so(end: str, tmp_path: Path) -> None:
    pts = [number * 40 + 740 for number in range(FRAMES)]
    source = _uneven(tmp_path / f"in.{end}", pts)
    stream_anon.redact(source, tmp_path / f"out.{end}")
    assert times(tmp_path / f"out.{end}") == [number * MS for number in pts]


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_frames_without_times_get_even_ones(rate: int, tmp_path: Path) -> None:
    source = write(tmp_path / "in.h264", container="h264", rate=rate, frames=20)
    assert all(picture.pts is None for picture in pictures(source))
    stream_anon.redact(source, tmp_path / "out.mp4")
    after = times(tmp_path / "out.mp4")
    assert after == [Fraction(number, rate) for number in range(20)]


def test_the_last_frame_keeps_its_duration(tmp_path: Path) -> None:
    source = _uneven(tmp_path / "in.mp4", [0, 40, 80], duration=700)
    stream_anon.redact(source, tmp_path / "out.mp4")
    lengths = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            assert stream.duration is not None
            lengths.append(Fraction(stream.duration * (stream.time_base or 0)))
    assert lengths == [Fraction(780, 1000)] * 2


def _remuxed(source: Path, target: Path, times_ms: list[int]) -> Path:
    """The packets of `source` with other times."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        ready = [packet for packet in old.demux(video=0) if packet.size]
        for number, (packet, time) in enumerate(zip(ready, times_ms, strict=True)):
            packet.stream = stream
            packet.time_base = MS
            packet.pts, packet.dts = time, number  # no container takes a dts that runs back
            packet.duration = 0
            new.mux(packet)
    return target


def test_times_that_run_back_are_repaired(tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mkv", frames=8, options={"bf": "0"})
    wrong = [0, 40, 80, 70, 70, 200, 240, 280]
    source = _remuxed(plain, tmp_path / "in.mkv", wrong)
    assert times(source) == [number * MS for number in wrong]
    # Such times look like lost pictures too, so that some are hidden whole; none is left out.
    assert stream_anon.redact(source, tmp_path / "out.mkv").frames == 8
    after = times(tmp_path / "out.mkv")
    assert after == [number * MS for number in (0, 40, 80, 81, 82, 200, 240, 280)]


def test_a_recording_that_starts_again_goes_on_where_it_was(tmp_path: Path) -> None:
    first = write(tmp_path / "first.ts", frames=50, options={"bf": "0"})
    again = write(tmp_path / "again.ts", frames=10, options={"bf": "0"})
    source = tmp_path / "in.ts"
    source.write_bytes(first.read_bytes() + again.read_bytes())
    stream_anon.redact(source, tmp_path / "out.ts")
    after = times(tmp_path / "out.ts")
    assert len(after) == 60
    steps = {b - a for a, b in pairwise(after)}
    assert steps == {Fraction(1, 25)}


@pytest.mark.parametrize(("rate", "unit"), [(30, 1000), (24, 1000), (60, 90_000)])
def test_missing_times_add_up_to_the_rate(rate: int, unit: int) -> None:
    from stream_anon.sources.decoding.timing import Clock

    clock = Clock(Fraction(1, unit), Fraction(rate))
    untimed = av.VideoFrame(16, 16, "yuv420p")
    stamps = [clock.stamp(untimed)[0] for _ in range(rate * 10 + 1)]
    assert stamps[-1] == 10 * unit
    assert stamps == sorted(set(stamps))


def test_the_source_says_how_fast_and_how_long(tmp_path: Path) -> None:
    source = MediaSource(write(tmp_path / "in.mp4", frames=20, tones=[Tone(seconds=3)]))
    try:
        assert source.info.rate == 25
        assert source.info.frames == 20
    finally:
        source.close()


def test_an_edit_list_that_cuts_frames_is_no_loss(tmp_path: Path) -> None:
    # A cut without coding again: the first five frames are in the file but not shown.
    plain = write(tmp_path / "plain.mp4", frames=20, options={"bf": "0"})
    source = tmp_path / "in.mp4"
    with av.open(str(plain)) as old, av.open(str(source), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                shift = 5 * 512
                packet.pts, packet.dts = (packet.pts or 0) - shift, (packet.dts or 0) - shift
                new.mux(packet)
    assert [number_shown(picture) for picture in shown(source)] == list(range(5, 20))
    summary = stream_anon.redact(source, tmp_path / "out.mp4")
    assert [number_shown(p) for p in shown(tmp_path / "out.mp4")] == list(range(5, 20))
    assert summary.complete
    assert summary.expected_frames == 15


def test_pauses_in_a_file_without_times_are_no_loss(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 5, 6, 9, 20]
    source = write(tmp_path / "in.avi", codec="mpeg4", frames=len(ticks), pts=ticks)
    summary = stream_anon.redact(source, tmp_path / "out.avi")
    assert times(tmp_path / "out.avi") == [Fraction(tick, 25) for tick in ticks]
    assert summary.complete
