"""Audits of a redacted video that is a part of its original."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest

import stream_anon
from stream_anon.cli.main import run
from stream_anon.pipeline.auditing import audit_file

if TYPE_CHECKING:
    from stream_anon.audit.findings import Findings

BEGIN, END = 0.25, 0.75
FIRST, LAST = 6, 17
"""Frames of the clip that are shown then, of 24."""
RANGE = ["--from", BEGIN, "--to", END, "--trim"]


@pytest.fixture(scope="module")
def part(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Half a second of the clip, redacted, and its report. Read-only."""
    folder = tmp_path_factory.mktemp("part")
    output, report = folder / "part.mp4", folder / "any name.json"
    stream_anon.redact(clip, output, begin=BEGIN, end=END, trim=True, report=report)
    return output, report


@pytest.fixture
def alone(part: tuple[Path, Path], tmp_path: Path) -> Path:
    """The same without a report beside it."""
    return Path(shutil.copy(part[0], tmp_path / "alone.mp4"))


def raw_part(clip: Path, path: Path, frames: range) -> Path:
    """Some frames of the clip as they are, from time 0 on."""
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        video = source.streams.video[0]
        stream = target.add_stream("libx264", rate=24, options={"crf": "16"})
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "yuv420p"
        for index, frame in enumerate(source.decode(video=0)):
            if index in frames:
                picture = av.VideoFrame.from_ndarray(
                    frame.to_ndarray(format="yuv420p"), format="yuv420p"
                )
                picture.pts = index - frames.start
                target.mux(stream.encode(picture))
        target.mux(stream.encode(None))
    return path


def said(arguments: list[Any], capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = run([str(argument) for argument in arguments])
    captured = capfd.readouterr()
    return code, captured.out + captured.err


def test_without_knowing_where_it_begins_it_is_incomplete(
    clip: Path, alone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["audit", clip, alone], capfd)
    assert code == 6
    assert "12 frames of the original missing" in text


def test_the_offset_says_where_it_begins_and_what_is_outside_is_not_lost(
    clip: Path, alone: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page, record = tmp_path / "a.html", tmp_path / "a.json"
    arguments = ["audit", clip, alone, "--offset", BEGIN, "--html", page, "--json", record]
    code, text = said(arguments, capfd)
    assert code == 0, text
    assert "begins at 0.25 s, says --offset: 12 frames of the original are no part" in text
    told = json.loads(record.read_text())
    frames = told["frames"]
    assert (frames["compared"], frames["outside"], frames["lost"], frames["added"]) == (
        12,
        12,
        0,
        0,
    )
    assert told["part"]["from"] == BEGIN
    assert told["part"]["fits_better_from"] is None
    assert told["people"]
    for person in told["people"]:
        assert FIRST <= person["frames"][0] <= person["frames"][1] <= LAST
    assert told["faces"]["not_judged"] == 0
    assert "part of the original" in page.read_text()


def test_the_report_beside_it_knows_the_range_whatever_its_name_is(
    clip: Path, part: tuple[Path, Path]
) -> None:
    findings = audit_file(clip, part[0])
    assert findings.verdict == "hidden"
    assert findings.cut is not None
    assert (findings.cut.begin, findings.cut.end) == (BEGIN, END)
    assert findings.cut.source == "the report any name.json"
    assert findings.counts.compared == LAST - FIRST + 1


@pytest.mark.parametrize("changed", ["output", "input", "range", "nothing at all"])
def test_a_report_of_something_else_is_not_believed(
    changed: str, clip: Path, part: tuple[Path, Path], alone: Path
) -> None:
    record = json.loads(part[1].read_text())
    if changed == "range":
        record["range"]["from"] = "soon"
    elif changed in record:
        record[changed]["sha256"] = "0" * 64
    text = "" if changed == "nothing at all" else json.dumps(record)
    (alone.parent / "report.json").write_text(text)
    (alone.parent / "broken.json").write_text('{"stream_anon_report": 1')
    findings = audit_file(clip, alone)
    assert (findings.verdict, findings.cut) == ("incomplete", None)


def exposed(findings: Findings) -> set[int]:
    """Frames of the original."""
    runs = [run for person in findings.audited for run in person.exposures()]
    return {frame for first, last in runs for frame in range(first, last + 1)}


def test_faces_that_such_a_part_shows_are_found_at_their_frames(clip: Path, tmp_path: Path) -> None:
    whole = audit_file(clip, raw_part(clip, tmp_path / "whole.mp4", range(24)))
    raw = raw_part(clip, tmp_path / "raw.mp4", range(FIRST, LAST + 1))
    findings = audit_file(clip, raw, offset=BEGIN)
    assert findings.verdict == "exposed"
    assert findings.elsewhere is None
    assert exposed(findings) == exposed(whole) & set(range(FIRST, LAST + 1))
    assert exposed(whole) - exposed(findings), "the test needs faces outside, too"
    assert all(FIRST <= shot.frame <= LAST for shot in findings.thumbnails)


def test_frames_that_are_missing_in_the_range_are_lost(
    clip: Path, part: tuple[Path, Path], tmp_path: Path
) -> None:
    """The report says how long the part should be; what is there ends earlier."""
    shorter = raw_part(part[0], tmp_path / "shorter.mp4", range(8))
    record = json.loads(part[1].read_text())
    from stream_anon.core.files import HashedFile

    record["output"]["sha256"] = HashedFile(shorter).sha256
    (tmp_path / "r.json").write_text(json.dumps(record))
    findings = audit_file(clip, shorter)
    assert findings.counts.lost == 4
    assert findings.verdict == "incomplete"
    assert audit_file(clip, shorter, offset=BEGIN).counts.lost == 0, "nobody says how long it is"


def test_a_wrong_offset_is_noticed_where_the_picture_moves(
    clip: Path, alone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["audit", clip, alone, "--offset", "0"], capfd)
    assert code == 6, text
    assert "it rather begins at 0.25 s" in text


def test_redact_audits_what_it_has_trimmed(
    clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = said(["redact", clip, tmp_path / "a.mp4", *RANGE, "--audit"], capfd)
    assert code == 0, text
    assert "begins at 0.25 s, says --trim" in text
    code, text = said(["redact", clip, tmp_path / "b.mp4", "--to", END, "--trim", "--audit"], capfd)
    assert code == 0, text


@pytest.mark.parametrize("offset", ["soon", "-1", "1:99", "nan", "2", "99:00:00"])
def test_an_offset_that_makes_no_sense_is_one_line(
    offset: str, clip: Path, alone: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    page = alone.with_suffix(".html")
    code, text = said(
        ["audit", clip, alone, "--html", page, "--quiet", f"--offset={offset}"], capfd
    )
    assert code == 2
    assert len(text.strip().splitlines()) == 1, text
    assert not page.exists()


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), -0.1])
def test_so_it_is_from_python(offset: float, clip: Path, alone: Path) -> None:
    with pytest.raises(stream_anon.ConfigError, match="counts from the beginning"):
        audit_file(clip, alone, offset=offset)
