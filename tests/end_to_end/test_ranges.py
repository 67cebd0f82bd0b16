"""`--from`, `--to` and `--trim`: what is outside never comes out, and what is inside is hidden."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError
from stream_anon.cli import main as cli
from tests.media import Tone, packets, sound, times, write
from tests.refusals import refused
from tests.runs import leftovers, lumas

if TYPE_CHECKING:
    from pathlib import Path

    from tests.runs import Redacted

FIRST, END = 62, 90
"""Frames of the footage, which has 30 in a second; somebody is there all the time."""


@pytest.mark.parametrize("trim", [False, True], ids=["hidden outside", "trimmed"])
def test_faces_in_a_range_are_hidden_as_in_a_run_on_all(
    redacted: Redacted, tmp_path: Path, trim: bool
) -> None:
    output, exported, report = (tmp_path / name for name in ("o.mp4", "t.json", "r.json"))
    summary = stream_anon.redact(
        redacted.footage.path, output, begin=FIRST / 30 - 0.001, end=END / 30 - 0.001, trim=trim,
        export_tracks=exported, report=report,
    )  # fmt: skip
    whole = _boxes(redacted.tracks)
    part = _boxes(exported)
    for index in range(FIRST, END):
        assert whole[index], "no test: nobody is there"
        for box in whole[index]:
            assert max(_covered(box, other) for other in part.get(index, [])) > 0.85, index
    frames = redacted.footage.frames
    assert summary.frames == (END - FIRST if trim else frames)
    assert summary.hidden_whole.total() == (0 if trim else frames - (END - FIRST))
    assert summary.expected_frames in range(summary.frames - 1, summary.frames + 2)
    assert json.loads(report.read_text())["range"]["trim"] is trim
    assert all(FIRST <= index < END for index in part)
    assert times(output)[0] == 0
    if not trim:
        _assert_nothing_of_it_shows(redacted, output)


def _boxes(tracks: Path) -> dict[int, list[tuple[float, ...]]]:
    found: dict[int, list[tuple[float, ...]]] = {}
    for track in json.loads(tracks.read_text())["tracks"]:
        for index, *box in track["boxes"]:
            found.setdefault(index, []).append(tuple(box))
    return found


def _covered(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    (x, y, width, height), (x2, y2, width2, height2) = box, other
    across = min(x + width, x2 + width2) - max(x, x2)
    down = min(y + height, y2 + height2) - max(y, y2)
    return max(0, across) * max(0, down) / (width * height)


def _assert_nothing_of_it_shows(redacted: Redacted, output: Path) -> None:
    """Outside of the range, no detail of the picture is left anywhere."""
    before = lumas(redacted.footage.path, {0, FIRST - 1, END})
    after = lumas(output, {0, FIRST - 1, END})
    for index, plane in after.items():
        was, now = (np.abs(np.diff(p.astype(int))).mean() for p in (before[index], plane))
        assert now < was / 3, index


CLICKS = (0.5, 1.5, 2.5, 3.5)


@pytest.fixture(scope="module")
def sounding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds with clicks, and a subtitle from 0.2 s on."""
    path = tmp_path_factory.mktemp("sounding") / "in.mkv"
    tone = Tone(seconds=4.0, clicks=CLICKS)
    return write(path, frames=100, gop=25, tones=[tone], subtitles="subrip")


@pytest.mark.parametrize("audio", ["copy", "disguise"])
@pytest.mark.parametrize("name", ["out.mkv", "out.mp4", "out.ts"])
def test_sound_is_cut_to_the_range_and_stays_in_sync(
    sounding: Path, tmp_path: Path, audio: str, name: str
) -> None:
    output = tmp_path / name
    command = ["redact", str(sounding), str(output), "--from", "0:01", "--to", "3", "--trim"]
    assert cli.run([*command, "--audio", audio]) == 0
    offset = times(output)[0]
    assert offset == 0 or name == "out.ts"  # which never begins at 0
    assert len(times(output)) == 50
    start, rate, samples = sound(output)
    level = np.abs(samples).max(axis=0)
    loud = np.flatnonzero(level > level.max() * 0.5) / rate + start - float(offset)
    assert np.abs(loud - 0.5).min() < 0.05
    assert np.abs(loud - 1.5).min() < 0.05
    assert all(min(abs(at - 0.5), abs(at - 1.5)) < 0.12 for at in loud), "other clicks are there"
    at = [time - offset for time, _ in packets(output, "audio")]
    assert min(at) >= Fraction(-1, 20)
    assert max(at) < 2.05


def test_subtitles_are_shortened_to_the_range(sounding: Path, tmp_path: Path) -> None:
    was = _line(sounding)
    assert was is not None
    middle = float(was[0] + was[1]) / 2
    output = tmp_path / "out.mkv"
    stream_anon.redact(
        sounding, output, begin=middle, end=3.5, trim=True,
        settings={"output.keep_subtitles": True},
    )  # fmt: skip
    now = _line(output)
    assert now is not None
    assert now[0] == 0
    assert abs(float(now[1]) - float(was[1] - was[0]) / 2) < 0.05
    gone = tmp_path / "gone.mkv"
    stream_anon.redact(
        sounding, gone, begin=float(was[1]) + 0.1, trim=True,
        settings={"output.keep_subtitles": True},
    )  # fmt: skip
    assert _line(gone) is None


def _line(path: Path) -> tuple[Fraction, Fraction] | None:
    """Begin and end of the only subtitle."""
    with av.open(str(path)) as file:
        unit = file.streams.subtitles[0].time_base
        found = [packet for packet in file.demux(file.streams.subtitles[0]) if packet.size]
        if not found:
            return None
        assert unit is not None
        begin = (found[0].pts or 0) * unit
        return begin, begin + (found[0].duration or 0) * unit


def test_times_count_from_the_beginning_of_the_recording(tmp_path: Path) -> None:
    source = write(tmp_path / "late.ts", frames=50, pts=range(25_000, 25_050), gop=25)
    output = tmp_path / "out.mp4"
    summary = stream_anon.redact(source, output, begin=1, trim=True)
    assert summary.frames == 25
    assert times(output)[0] == 0


def test_a_range_behind_the_end_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    for trim in (False, True):
        said = refused(ConfigError, 2, clip, tmp_path / "out.mp4", begin=5, trim=trim)
        assert "no frame from 5 s to the end" in said
        assert "about 1.0 s" in said
    assert leftovers(tmp_path) == []


def test_a_picture_has_no_range(tmp_path: Path) -> None:
    source = write(tmp_path / "in.png", frames=1, codec="png", pix_fmt="rgb24", container="image2")
    summary = stream_anon.redact(source, tmp_path / "out.png", begin=5, trim=True)
    assert summary.frames == 1
    assert any("a picture has no length" in note for note in summary.notes)
