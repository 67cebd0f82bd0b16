"""What people meet at the command line: help, one line for each error, and exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import stream_anon
from stream_anon.cli import main as cli
from stream_anon.errors import DEBUG_VARIABLE, ParserError, SourceError
from stream_anon.sinks.file import MediaSink
from tests.faults import use_parser
from tests.runs import leftovers

if TYPE_CHECKING:
    from footage import Footage

    from stream_anon.core.redacted import RedactedFrame

ROOT = Path(__file__).parents[2]


def start(*arguments: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "stream_anon", *arguments],
        cwd=ROOT, env={**os.environ, "COLUMNS": str(columns), "TERM": "dumb"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ("redact", "rtsp://me:pa55@cam/live/Zk3y", "out.mp4"),
        ("redact", "in.mp4", "rtmp://host/app/Zk3y"),
        ("redact", "in.mp4", "out.mp4", "--report", "rtmp://me:pa55@host/app/Zk3y"),
        ("live", "0", "rtmp://me:pa55@host/app/Zk3y"),
        ("live", "0", "--rate", "rtmp://host/app/Zk3y"),
        ("live", "rtmp:/host/app/Zk3y", "--to", "a.mkv"),
        ("live", "0", "--to", "host.example/app/Zk3y"),
    ],
)
def test_an_address_in_the_wrong_place_shows_neither_password_nor_key(
    arguments: tuple[str, ...],
) -> None:
    done = start(*arguments, columns=200)
    assert done.returncode == cli.EXIT_USAGE
    assert done.stderr.startswith("stream-anon: ")
    assert not any(secret in done.stdout + done.stderr for secret in ("pa55", "Zk3y"))


def test_the_version_is_told() -> None:
    done = start("--version")
    assert (done.returncode, done.stdout, done.stderr) == (
        0, f"stream-anon {stream_anon.__version__}\n", ""
    )  # fmt: skip


@pytest.mark.parametrize("columns", [80, 100])
def test_the_help_names_every_option_and_every_exit_code(columns: int) -> None:
    done = start("redact", "--help", columns=columns)
    assert done.returncode == 0
    assert "Usage: stream-anon redact" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= columns
    for option in ("--scope", "--method", "--audio", "--tracks", "--report", "--overwrite"):
        assert f"{option} " in done.stdout
    lines = [line.split() for line in done.stdout.splitlines()]
    codes = [words[0] for words in lines if words and words[0].isdigit()]
    assert codes == ["0", "2", "3", "4", "5", "6", "130", "1"]


def test_without_arguments_the_help_is_shown_as_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run([]) == 2
    assert "redact" in capsys.readouterr().out


WRONG = {
    "an unknown option": (["--sope", "head"], "No such option: --sope"),
    "an unknown method": (["--method", "fil"], "redaction.method is 'fil': did you mean fill?"),
    "an unknown method of a rule": (["--rule", "face=fil"], "redaction.rules.face is 'fil'"),
    "a rule without a method": (["--rule", "face"], "write LABEL=METHOD"),
    "a rule for what is not hidden": (["--rule", "head=fill"], "add head to the scope"),
    "a rule for an unknown label": (["--rule", "fase=fill"], "did you mean face?"),
    "no number": (["--cells", "many"], "--cells"),
    "out of range": (["--cells", "9"], "redaction.cells is 9"),
    "an unknown engine": (["--engine", "magic"], "parsing.engine is 'magic'"),
    "an unknown label": (["--scope", "fase"], "did you mean face?"),
    "no colour": (["--color", "red"], "#RRGGBB"),
    "a missing configuration": (["--config", "missing.toml"], "missing.toml"),
    "a missing tracks file": (["--tracks", "missing.json"], "missing.json"),
    "a third file": (["third.mp4"], "third.mp4"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments_are_told_in_one_line(
    clip: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    said: str,
) -> None:
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), *options]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("stream-anon: ")
    assert said in told.err
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert leftovers(tmp_path) == []


def test_a_file_without_a_command_is_told_which_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["in.mp4", "out.mp4"]) == 2
    told = capsys.readouterr().err
    assert "`stream-anon redact INPUT OUTPUT`" in told
    assert told.count("\n") == 1


def test_a_missing_input_is_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["redact", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4")]) == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_an_existing_output_is_code_4_and_stays(clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_text("precious")
    assert cli.run(["redact", str(clip), str(output), "-q"]) == 4
    assert output.read_text() == "precious"
    assert cli.run(["redact", str(clip), str(output), "-q", "--overwrite"]) == 0
    assert output.stat().st_size > 1000


@pytest.mark.parametrize("option", ["--report", "--export-tracks"])
def test_an_existing_record_is_code_4_and_stays(clip: Path, tmp_path: Path, option: str) -> None:
    record = tmp_path / "edited.json"
    record.write_text("precious")
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), option, str(record)]) == 4
    assert record.read_text() == "precious"
    assert leftovers(tmp_path, record) == []


def test_a_failing_parser_is_code_5(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> list[object]:
        raise ParserError("the parser failed")

    use_parser(monkeypatch, fails)
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4")]) == 5
    assert capsys.readouterr().err == "stream-anon: the parser failed\n"


def test_a_truncated_input_is_code_6_and_the_loss_is_told(
    footage_mkv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = footage_mkv.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    assert cli.run(["redact", str(tmp_path / "cut.mkv"), str(tmp_path / "out.mp4")]) == 6
    assert "could not be read" in capsys.readouterr().err
    assert (tmp_path / "out.mp4").exists()


@pytest.fixture
def footage_mkv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from footage import make_footage

    path = tmp_path_factory.mktemp("mkv") / "in.mkv"
    return make_footage(path, width=320, height=180, seconds=1, sound=False).path


def test_a_fault_of_ours_is_code_1_without_a_traceback(
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(self: MediaSink, frame: RedactedFrame) -> None:
        raise EOFError("which typer takes for Ctrl-D")

    monkeypatch.setattr(MediaSink, "send", fails)
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4")]) == 1
    told = capsys.readouterr().err.strip()
    assert told.startswith("stream-anon: unexpected EOFError")
    assert "STREAM_ANON_DEBUG=1" in told


def test_the_debug_variable_lets_errors_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG_VARIABLE, "1")
    with pytest.raises(SourceError):
        cli.run(["redact", str(tmp_path / "in.mp4"), str(tmp_path / "out.mp4")])


PAIRS = {
    "output is input": ("{clip}", "{clip}", []),
    "report is output": ("{clip}", "out.mp4", ["--report", "out.mp4"]),
    "input is what the output is called before it is complete": ("out.mp4.part", "out.mp4", []),
    "tracks are overwritten": (
        "{clip}",
        "out.mp4",
        ["--tracks", "t.json", "--export-tracks", "t.json"],
    ),
}


@pytest.mark.parametrize(("source", "output", "options"), PAIRS.values(), ids=PAIRS.keys())
def test_no_file_is_used_twice(
    clip: Path, tmp_path: Path, source: str, output: str, options: list[str]
) -> None:
    copy = tmp_path / source.format(clip="in.mp4")
    copy.write_bytes(clip.read_bytes())
    (tmp_path / "t.json").write_text("{}")
    named = [str(tmp_path / o) if not o.startswith("-") else o for o in options]
    target = tmp_path / output.format(clip="in.mp4")
    assert cli.run(["redact", str(copy), str(target), "--overwrite", *named]) == 2
    assert copy.read_bytes() == clip.read_bytes()
    assert leftovers(tmp_path, copy) == ["t.json"]


# -- what is told while it runs ---------------------------------------------------------------


def test_one_line_tells_the_result(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.mp4"
    assert cli.run(["redact", str(clip), str(output)]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{output}: 24 frames in ")
    assert (told.out.count("\n"), told.err) == (1, "")


def test_quiet_tells_nothing(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["redact", str(clip), str(tmp_path / "out.mp4"), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_log_tells_what_was_opened_and_done(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out.mp4")
    assert cli.run(["redact", str(clip), output, "--log-level", "info", "--scope", "head"]) == 0
    told = capsys.readouterr().err
    assert "info: input clip.mp4: 320x180, 24 frames/s, about 24 frames" in told
    assert "info: hiding head" in told
    assert "info: engine centerface" in told
    assert "info: 24 frames in" in told
    assert str(clip.parent) not in told


def test_a_scope_that_has_no_effect_is_told(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tracks = tmp_path / "tracks.json"
    tracks.write_text(json.dumps({"width": 320, "height": 180, "frames": 24, "tracks": []}))
    plain = ["redact", str(clip), str(tmp_path / "a.mp4"), "--tracks", str(tracks)]
    assert cli.run(plain) == 0
    assert "scope" not in capsys.readouterr().err
    plain[2] = str(tmp_path / "b.mp4")
    assert cli.run([*plain, "--scope", "head"]) == 0
    assert "note: the scope had no effect: tracks.json" in capsys.readouterr().err


def test_the_progress_line_tells_frames_speed_faces_and_time(
    footage: Footage, tmp_path: Path
) -> None:
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "stream_anon", "redact", str(footage.path)]
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
    with subprocess.Popen(
        [*command, str(tmp_path / "out.mp4")], cwd=ROOT, env=environment, stderr=end,
        stdout=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        os.close(end)
        told = b""
        with suppress(OSError):  # which is how a terminal says that nobody writes any more
            while piece := os.read(terminal, 65536):
                told += piece
        os.close(terminal)
    assert process.returncode == 0
    line = r"demo.mp4 .+ \d+/150 frames, \d+ fps, hidden now: [12], \d\d:\d\d left"
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", told.decode())
    lines = [found for found in re.split(r"[\r\n]+", plain) if re.fullmatch(line, found.strip())]
    assert lines, plain
    assert max(map(len, lines)) <= 80


def test_a_name_that_is_no_text_breaks_nothing(clip: Path, tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    source = Path(os.fsdecode(folder + b"/in\xff\n.mp4"))
    source.write_bytes(clip.read_bytes())
    done = start("redact", str(source), str(tmp_path / "out.mp4"), "--log-level", "info")
    assert done.returncode == 0, done.stderr
    assert "\ninfo: engine" in done.stderr
    missing = Path(os.fsdecode(folder + b"/no\xff\n.mp4"))
    done = start("redact", str(missing), str(tmp_path / "out2.mp4"))
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)


@pytest.mark.parametrize("where", ["closed pipe", "full disk"])
def test_a_result_that_nobody_reads_is_a_result(clip: Path, tmp_path: Path, where: str) -> None:
    if where == "closed pipe":
        read, write = os.pipe()
        os.close(read)
    else:
        write = os.open("/dev/full", os.O_WRONLY)
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "stream_anon", "redact", str(clip), str(output)]
    done = subprocess.run(
        command, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")
    assert output.exists()


DUMPING = """
import resource, sys
from stream_anon.pipeline import recording as build
from stream_anon.cli import main as cli
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
def run(*_: object, **__: object) -> None:
    print(*resource.getrlimit(resource.RLIMIT_CORE))
    raise KeyboardInterrupt
build.redact_file = run
cli.run(["redact", "in.mp4", "out.mp4"])
"""


def test_a_run_on_a_recording_leaves_no_core_dump() -> None:
    resource = pytest.importorskip("resource")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        pytest.skip("core dumps are forbidden here already")
    done = subprocess.run(
        [sys.executable, "-c", DUMPING], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.stdout == f"0 {hard}\n", done.stderr
