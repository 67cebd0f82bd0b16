"""Frame rates measured from the times of frames."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from stream_anon.sources.decoding.spacing import measured_rate
from stream_anon.sources.file import MediaSource
from tests.media import Tone, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MS = Fraction(1, 1000)


def timed(path: Path, seconds: Sequence[Fraction], **more: Any) -> Path:
    pts = [round(time / MS) for time in seconds]
    what = {"rate": 1000, "time_base": MS, "pts": pts, "frames": len(pts), **more}
    return write(path, **what)


def rate(path: Path) -> Fraction | None:
    source = MediaSource(path)
    source.close()
    return source.info.rate


@pytest.mark.parametrize("fps", [Fraction(8), Fraction(30), Fraction(30_000, 1001), Fraction(60)])
def test_rounded_times_give_the_rate_that_was_meant(fps: Fraction, tmp_path: Path) -> None:
    source = timed(tmp_path / "in.mkv", [number / fps for number in range(100)])
    assert measured_rate(source, 0) == fps
    assert rate(source) == fps


def test_pictures_that_are_stored_out_of_order_are_sorted(tmp_path: Path) -> None:
    seconds = [Fraction(number, 25) for number in range(60)]
    source = timed(tmp_path / "in.mkv", seconds, options={"bf": "3", "b-adapt": "0"})
    assert measured_rate(source, 0) == 25


def test_pauses_do_not_count(tmp_path: Path) -> None:
    seconds = [Fraction(number, 25) + 3 * (number // 10) for number in range(60)]
    assert rate(timed(tmp_path / "in.mkv", seconds)) == 25


def test_sound_is_not_taken_for_the_video(tmp_path: Path) -> None:
    seconds = [Fraction(number, 10) for number in range(20)]
    source = timed(tmp_path / "in.mkv", seconds, tones=[Tone(seconds=2.0)])
    assert rate(source) == 10


def test_real_high_speed_video_keeps_its_rate(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mkv", frames=60, rate=500)
    assert rate(source) == 500


def test_a_rate_that_is_plausible_is_taken_as_it_is(tmp_path: Path) -> None:
    seconds = [Fraction(number, 25) for number in range(20)]
    assert rate(timed(tmp_path / "in.mkv", seconds, rate=100)) == 100


def test_one_frame_has_no_rate(tmp_path: Path) -> None:
    source = timed(tmp_path / "in.webm", [Fraction(0)], codec="libvpx-vp9")
    assert measured_rate(source, 0) is None


def test_frames_without_times_have_none(tmp_path: Path) -> None:
    assert measured_rate(write(tmp_path / "in.h264"), 0) is None
    assert measured_rate(tmp_path / "nothing.mkv", 0) is None
