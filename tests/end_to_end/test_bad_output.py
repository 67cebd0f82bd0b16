"""Bad places for the output: one clear line, the right exit code, and nothing overwritten."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest

import stream_anon
from stream_anon import ConfigError, OutputExistsError, SinkError, SourceError
from stream_anon.sinks import file as media_sink
from tests.media import pictures, write, write_textured
from tests.refusals import names, refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Lumas = dict[Fraction, NDArray[np.uint8]]

ROOT = Path(__file__).parents[2]
# -- the output -------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "input"
    folder.mkdir()
    return write(folder / "in.mp4", frames=10)


def test_a_missing_folder_is_named(source: Path, tmp_path: Path) -> None:
    message = refused(SinkError, 4, source, tmp_path / "nowhere" / "out.mp4")
    assert "nowhere" in message
    assert "does not exist" in message


@pytest.mark.parametrize("end", ["mp4", "mkv", "ts"])
def test_a_folder_that_cannot_be_written_to_is_named(end: str, source: Path) -> None:
    # Not even root can make a file in here.
    message = refused(SinkError, 4, source, Path("/proc") / f"out.{end}")
    assert "/proc" in message


def test_a_read_only_folder_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open

    def refuse(name: str, *more: Any, **named: Any) -> Any:
        if more == ("w",):
            raise av.error.PermissionError(errno.EACCES, "Permission denied", "file:/secret.part")
        return real(name, *more, **named)

    monkeypatch.setattr(av, "open", refuse)
    message = refused(SinkError, 4, source, tmp_path / "out.mp4")
    assert "cannot be written to" in message
    assert "secret" not in message


def test_an_output_that_is_a_folder_isrefused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    assert "is a folder" in refused(SinkError, 4, source, tmp_path / "out.mp4", overwrite=True)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from stream_anon.cli import main as cli
sys.exit(cli.run(["redact", {source!r}, {output!r}]))
"""


@pytest.mark.parametrize("limit", [0, 5_000, 20_000])
@pytest.mark.parametrize("end", ["mp4", "mkv", "ts"])
def test_a_full_disk_is_said_and_leaves_nothing(end: str, limit: int, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    source = write_textured(tmp_path / "in.mp4")
    output = folder / f"out.{end}"
    script = LIMITED.format(limit=limit, source=str(source), output=str(output))
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "no space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert names(folder) == []


@pytest.mark.parametrize("when", ["mux", "close"])
def test_a_disk_that_fills_up_keeps_the_old_output(
    when: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    real = av.open

    class Full:
        def __init__(self, container: Any) -> None:
            self._container = container

        def __getattr__(self, name: str) -> Any:
            return self._full if name == when else getattr(self._container, name)

        def _full(self, *_: object) -> None:
            self._container.close()
            raise av.error.OSError(errno.ENOSPC, "No space left on device", "file:/secret")

    def opened(name: str, *more: Any, **named: Any) -> Any:
        container = real(name, *more, **named)
        return Full(container) if more == ("w",) else container

    monkeypatch.setattr(av, "open", opened)
    message = refused(stream_anon.DiskFullError, 4, source, output, overwrite=True)
    assert "no space left" in message
    assert "secret" not in message
    assert output.read_bytes() == b"precious"


def _itself(source: Path, _: Path) -> Path:
    return source


def _dotted(source: Path, _: Path) -> Path:
    return source.parent / ".." / source.parent.name / source.name


def _symlink(source: Path, folder: Path) -> Path:
    (folder / "link.mp4").symlink_to(source)
    return folder / "link.mp4"


def _hardlink(source: Path, folder: Path) -> Path:
    os.link(source, folder / "link.mp4")
    return folder / "link.mp4"


@pytest.mark.parametrize("name", [_itself, _dotted, _symlink, _hardlink])
def test_the_input_is_never_overwritten(
    name: Callable[[Path, Path], Path], source: Path, tmp_path: Path
) -> None:
    before = source.read_bytes()
    output = name(source, tmp_path)
    refused(ConfigError, 2, source, output, overwrite=True)
    assert source.read_bytes() == before


@pytest.mark.parametrize("encoder", ["aac", "nope", "subrip"])
def test_an_encoder_that_is_none_for_video_isrefused(
    encoder: str, source: Path, tmp_path: Path
) -> None:
    settings = {"output.encoder": encoder}
    message = refused(SinkError, 4, source, tmp_path / "out.mp4", settings=settings)
    assert repr(encoder) in message


def test_an_encoder_that_the_container_does_not_take_isrefused(
    source: Path, tmp_path: Path
) -> None:
    settings = {"output.encoder": "libx264"}
    message = refused(SinkError, 4, source, tmp_path / "out.webm", settings=settings)
    assert "webm" in message


def test_an_unknown_preset_isrefused(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = {"output.preset": "quick"}
    message = refused(ConfigError, 2, source, tmp_path / "out.mp4", settings=settings)
    assert "'quick'" in message
    assert "veryfast" in message
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["out.xyz", "out", "out.mp4.txt"])
def test_an_unknown_ending_isrefused(name: str, source: Path, tmp_path: Path) -> None:
    message = refused(SinkError, 4, source, tmp_path / name)
    assert name in message
    assert ".mp4" in message


def test_an_existing_output_is_untouched_unless_asked(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    refused(OutputExistsError, 4, source, output)
    assert output.read_bytes() == b"precious"
    stream_anon.redact(source, output, overwrite=True)
    assert len(pictures(output)) == 10


def test_an_existing_output_survives_a_run_that_fails(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"precious")
    monkeypatch.setattr(media_sink.MediaSink, "_count", lambda _: 9)
    message = refused(SinkError, 4, source, output, overwrite=True)
    assert "9 frames but 10" in message
    assert output.read_bytes() == b"precious"


# -- what happens to the files while a run goes on ------------------------------------------------


def test_where_the_record_cannot_be_published_the_old_output_stays(
    source: Path, tmp_path: Path
) -> None:
    output, tracks = tmp_path / "out.mp4", tmp_path / "tracks.json"
    output.write_bytes(b"precious")

    def get_in_the_way(_: object) -> None:
        tracks.mkdir(exist_ok=True)

    with pytest.raises(SinkError, match=r"tracks\.json is a folder"):
        stream_anon.redact(
            source, output, overwrite=True, export_tracks=tracks, report=tmp_path / "report.json",
            on_progress=get_in_the_way,
        )  # fmt: skip
    assert output.read_bytes() == b"precious"
    assert names(tmp_path) == ["input", "out.mp4", "tracks.json"]


@pytest.mark.parametrize("name", ["out.mp4", "tracks.json", "report.json"])
def test_what_appears_under_a_name_during_the_run_stays_and_nothing_else_comes(
    name: str, source: Path, tmp_path: Path
) -> None:
    def get_in_the_way(_: object) -> None:
        (tmp_path / name).write_bytes(b"precious")

    with pytest.raises(OutputExistsError, match=name):
        stream_anon.redact(
            source, tmp_path / "out.mp4", export_tracks=tmp_path / "tracks.json",
            report=tmp_path / "report.json", on_progress=get_in_the_way,
        )  # fmt: skip
    assert (tmp_path / name).read_bytes() == b"precious"
    assert names(tmp_path) == sorted(["input", name])


# -- the record tells what was read ---------------------------------------------------------------


def test_each_file_is_hashed_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = hashlib.file_digest

    def digest(file: Any, *more: Any) -> Any:
        hashed.append(Path(file.name).name)
        return real(file, *more)

    monkeypatch.setattr(hashlib, "file_digest", digest)
    tracks = tmp_path / "tracks.json"
    stream_anon.redact(source, tmp_path / "1.mp4", export_tracks=tracks, report=tmp_path / "1.json")
    assert sorted(hashed) == ["1.mp4.part", "in.mp4"]
    hashed.clear()
    stream_anon.redact(
        source, tmp_path / "2.mp4", tracks=tracks, export_tracks=tmp_path / "again.json",
        report=tmp_path / "2.json",
    )  # fmt: skip
    assert sorted(hashed) == ["2.mp4.part", "in.mp4", "tracks.json"]
    hashed.clear()
    stream_anon.redact(source, tmp_path / "3.mp4")
    assert hashed == []


def touch(path: Path) -> Callable[[object], None]:
    """Something to do during a run: write the same file anew."""
    return lambda _: os.utime(path, ns=(0, 0))


def test_an_input_that_changes_meanwhile_has_no_hash_in_the_record(
    source: Path, tmp_path: Path
) -> None:
    report, tracks = tmp_path / "report.json", tmp_path / "tracks.json"
    summary = stream_anon.redact(
        source, tmp_path / "out.mp4", report=report, export_tracks=tracks,
        on_progress=touch(source),
    )  # fmt: skip
    assert summary.notes == ["in.mp4 changed while it was read: its hash is not known"]
    assert json.loads(report.read_text())["input"] == {"name": "in.mp4", "sha256": None}
    assert json.loads(tracks.read_text())["input_sha256"] is None


def test_tracks_are_not_applied_to_an_input_that_changes_meanwhile(
    source: Path, tmp_path: Path
) -> None:
    tracks = tmp_path / "tracks.json"
    stream_anon.redact(source, tmp_path / "1.mp4", export_tracks=tracks)
    with pytest.raises(SourceError, match=r"in\.mp4 changed while it was read"):
        stream_anon.redact(source, tmp_path / "2.mp4", tracks=tracks, on_progress=touch(source))
    assert names(tmp_path) == ["1.mp4", "input", "tracks.json"]
