"""Ctrl-C, or a system that stops the program: a quick end that leaves nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

import stream_anon
from stream_anon import OutputExistsError
from tests.runs import leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

ROOT = Path(__file__).parents[2]
LIMIT = 2.0
"""Seconds within which an interrupted run has ended."""
STOPS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

SLOW = """
import time
from stream_anon.cli import main as cli
from stream_anon.detectors.centerface import CenterFace
real = CenterFace.parse
def parse(self, frame, look):
    time.sleep(0.3 if frame.index < {hang} else 3600)
    return real(self, frame, look)
CenterFace.parse = parse
cli.main()
"""


def _heed_signals() -> None:
    """A shell starts what runs in the background with these ignored, and children inherit that."""
    for stop in STOPS:
        signal.signal(stop, signal.SIG_DFL)


@pytest.fixture
def started(
    footage_path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[str]]:
    """A run in a process of its own, far from its end, that has opened its output."""
    code = SLOW.format(hang=getattr(request, "param", 10**9))
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-c", code, "redact", str(footage_path), str(output)]
    command += ["--effort", "fast"]  # few passes a frame, because each is made to last
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=_heed_signals,  # noqa: PLW1509 - no thread runs yet
    ) as process:
        deadline = monotonic() + 30
        while not (tmp_path / "out.mp4.part").exists() and monotonic() < deadline:
            sleep(0.01)
        sleep(0.5)
        assert process.poll() is None
        yield process
        process.kill()


@pytest.fixture
def footage_path(clip: Path) -> Path:
    return clip


def _end(process: subprocess.Popen[str]) -> tuple[int, list[str], float]:
    began = monotonic()
    _, said = process.communicate(timeout=20)
    return process.returncode, [line for line in said.splitlines() if line], monotonic() - began


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_ends_the_run_at_once_without_output(
    started: subprocess.Popen[str], tmp_path: Path, number: signal.Signals
) -> None:
    started.send_signal(number)
    code, said, seconds = _end(started)
    assert (code, said) == (130, ["stream-anon: interrupted: no output was written"])
    assert seconds < LIMIT
    assert leftovers(tmp_path) == []


def test_impatience_disturbs_nothing(started: subprocess.Popen[str], tmp_path: Path) -> None:
    for _ in range(5):
        started.send_signal(signal.SIGINT)
        sleep(0.02)
    code, said, seconds = _end(started)
    assert (code, len(said)) == (130, 1)
    assert seconds < LIMIT
    assert leftovers(tmp_path) == []


def test_what_a_killed_run_leaves_behind_is_replaced_and_not_before(
    started: subprocess.Popen[str], clip: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.mp4"
    with pytest.raises(OutputExistsError, match="being written by another run"):
        stream_anon.redact(clip, output)
    started.kill()
    started.wait()
    assert leftovers(tmp_path) == ["out.mp4.part"]
    summary = stream_anon.redact(clip, output)
    assert summary.frames
    assert leftovers(tmp_path, output) == []


@pytest.mark.parametrize("started", [0], indirect=True)
def test_a_hanging_parser_holds_nobody_up(started: subprocess.Popen[str], tmp_path: Path) -> None:
    started.send_signal(signal.SIGINT)
    code, said, seconds = _end(started)
    assert (code, said[-1]) == (130, "stream-anon: interrupted: no output was written")
    assert seconds < LIMIT
    assert leftovers(tmp_path) == []


def test_a_hanging_parser_ends_the_process_with_one_line(clip: Path, tmp_path: Path) -> None:
    config = tmp_path / "short.toml"
    config.write_text("[pipeline]\nstall = 0.5\n")
    output = tmp_path / "out.mp4"
    done = subprocess.run(
        [
            *(sys.executable, "-c", SLOW.format(hang=0), "redact", str(clip), str(output)),
            *("--config", str(config), "--log-level", "error"),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("stream-anon: no heartbeat from the parser")
    assert len(done.stderr.splitlines()) == 1
    assert leftovers(tmp_path, config) == []
