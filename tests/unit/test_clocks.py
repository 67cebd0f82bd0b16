"""Outputs begin near 0, wherever the input's clock stands; what belongs together stays so."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest

import stream_anon
from tests.media import Tone, packets, times, write

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TICKS = 90_000
STEP = 3600
FRAMES = 12


def late(path: Path, start: float, **more: object) -> Path:
    """A file whose first frame is shown that many seconds after its zero."""
    pts = [round(start * TICKS) + STEP * n for n in range(FRAMES)]
    return write(path, pts=pts, time_base=Fraction(1, TICKS), frames=FRAMES, **more)


def spacing(path: Path) -> list[Fraction]:
    return [b - a for a, b in pairwise(times(path))]


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts", "webm"])
@pytest.mark.parametrize("start", [87_390.76, 7200, 2.5])
def test_a_clock_that_runs_since_long_is_set_back(start: float, end: str, tmp_path: Path) -> None:
    source = late(tmp_path / "in.ts", start)
    output = tmp_path / f"out.{end}"
    summary = stream_anon.redact(source, output)
    assert summary.complete
    assert times(output)[0] < Fraction(1, 10)
    assert all(abs(step - Fraction(1, 25)) <= Fraction(1, 1000) for step in spacing(output))
    with av.open(str(output)) as file:
        assert (file.duration or 0) / av.time_base < 3


@pytest.mark.parametrize("start", [0.0, 0.2, 0.9])
def test_a_small_offset_stays(start: float, tmp_path: Path) -> None:
    source = late(tmp_path / "in.mkv", start)
    stream_anon.redact(source, tmp_path / "out.mkv")
    assert times(tmp_path / "out.mkv") == times(source)


@pytest.mark.parametrize("offset", [-0.6, 0.0, 0.7])
@pytest.mark.parametrize("audio", ["copy", "disguise"])
def test_sound_moves_along(audio: str, offset: float, tmp_path: Path) -> None:
    start = 50_000.0
    tone = Tone(codec="mp2", start=start + offset, seconds=1.0)
    source = late(tmp_path / "in.ts", start, tones=[tone])
    output = tmp_path / "out.mp4"
    stream_anon.redact(source, output, audio=audio)
    lag = float(packets(output, "audio")[0][0] - times(output)[0])
    assert lag == pytest.approx(offset, abs=0.06)
    assert min(packets(output, "audio")[0][0], times(output)[0]) < Fraction(1, 10)


def test_a_picture_long_after_sound_that_is_dropped_begins_at_once(tmp_path: Path) -> None:
    source = late(tmp_path / "in.mp4", 9.0, tones=[Tone(seconds=10)])
    stream_anon.redact(source, tmp_path / "without.mp4")
    stream_anon.redact(source, tmp_path / "with.mp4", audio="copy")
    assert times(tmp_path / "without.mp4")[0] == 0
    assert times(tmp_path / "with.mp4")[0] == 9
