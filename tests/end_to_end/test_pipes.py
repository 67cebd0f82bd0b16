"""Standard input and output: the video alone goes through, and nothing stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream_anon.errors import DiskFullError
from stream_anon.sources.piped import spooled
from tests.media import Tone, packets, pictures, times, write
from tests.runs import changed_share, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]


@pytest.fixture
def temporary(tmp_path: Path) -> Iterator[Path]:
    """The folder for temporary files; it has to be empty at the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    yield folder
    assert leftovers(folder) == []


def start(
    temporary: Path, *arguments: str, given: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    with (given or Path(os.devnull)).open("rb") as file:
        return subprocess.run(
            [sys.executable, "-m", "stream_anon", "redact", *arguments],
            cwd=ROOT, stdin=file, capture_output=True, timeout=120, check=False,
            env={**os.environ, "TMPDIR": str(temporary)},
        )  # fmt: skip


@pytest.mark.parametrize("container", ["mkv", "mp4", "ts"])
def test_a_video_goes_through_a_pipe(
    container: str, clip: Path, tmp_path: Path, temporary: Path
) -> None:
    done = start(temporary, "-", "-", "--format", container, given=clip)
    assert done.returncode == 0, done.stderr
    output = tmp_path / f"out.{container}"
    output.write_bytes(done.stdout)
    assert len(pictures(output)) == 24
    offset = times(output)[0]
    assert offset == 0 or container == "ts"
    assert [round(float(at - offset) * 24) for at in times(output)] == list(range(24))
    assert done.stderr.startswith(b"standard output: 24 frames in")
    if container == "mkv":
        assert changed_share(clip, output) > 0.005


def test_sound_and_records_go_along(tmp_path: Path, temporary: Path) -> None:
    source = write(tmp_path / "in.mp4", tones=[Tone()], frames=25)
    report = tmp_path / "report.json"
    done = start(
        temporary, "-", "-", "--format", "mkv", "--audio", "copy", "--report", str(report),
        "--log-level", "debug", given=source,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    output = tmp_path / "out.mkv"
    output.write_bytes(done.stdout)
    assert len(packets(output, "audio")) > 40
    assert '"name": "stdin"' in report.read_text()
    assert b"debug: " in done.stderr


def test_a_photo_goes_through_a_pipe(tmp_path: Path, temporary: Path) -> None:
    source = write(tmp_path / "in.png", frames=1, codec="png", pix_fmt="rgb24", container="image2")
    done = start(temporary, "-", "-", "--format", "jpg", given=source)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\xff\xd8")
    assert done.stdout.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("-", "out.mp4"), 3, b"nothing came through standard input"),
        (("{clip}", "-"), 2, b"name the --format"),
        (("{clip}", "-", "--format", "avi"), 2, b"cannot go through a pipe"),
        (("{clip}", "-", "--format", "mkv", "--video-track", "all"), 2, b"one pipe holds one"),
        (("missing.mp4", "-", "--format", "mkv"), 3, b"does not exist"),
    ],
)
def test_what_cannot_be_piped_is_told_and_writes_nothing(
    clip: Path, temporary: Path, arguments: tuple[str, ...], code: int, said: bytes
) -> None:
    done = start(temporary, *(text.format(clip=clip) for text in arguments))
    assert (done.returncode, done.stdout) == (code, b"")
    assert said in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_goes_away_is_an_error_in_one_line(clip: Path, temporary: Path) -> None:
    read, writing = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "stream_anon", "redact", str(clip), "-", "--format", "mkv"],
        cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=120, check=False,
    )  # fmt: skip
    os.close(writing)
    assert done.returncode == 4
    assert b"closed by its reader before the end" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert temporary.exists()


def test_what_is_spooled_is_for_nobody_else_and_goes_whatever_happens(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    source = tmp_path / "in"
    source.write_bytes(b"raw")
    with pytest.raises(KeyboardInterrupt):
        _interrupted_with(source, temporary)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 - `spooled` closes it
    monkeypatch.setattr("stream_anon.sources.piped._created", lambda _: full)
    source = tmp_path / "in"
    source.write_bytes(b"raw")
    with pytest.raises(DiskFullError, match="set TMPDIR"), source.open("rb") as file:
        spooled(file).__enter__()


def _interrupted_with(source: Path, temporary: Path) -> None:
    with source.open("rb") as file, spooled(file) as path:
        assert path.read_bytes() == b"raw"
        assert path.is_relative_to(temporary)
        assert path.stat().st_mode & 0o077 == 0
        assert path.parent.stat().st_mode & 0o077 == 0
        assert path.stat().st_nlink == 0, "it would stay if the process were killed"
        raise KeyboardInterrupt
