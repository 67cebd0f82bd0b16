"""The main job talks to nobody: no telemetry, no look-ups, no downloads."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import stream_anon
from stream_anon.cli import main as cli
from tests.runs import leftovers

ROOT = Path(__file__).parents[2]

WATCHED = """
import os, sys
talked = []
def watch(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        talked.append(event)
        raise RuntimeError("the network is forbidden here")
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        talked.append(event)
sys.addaudithook(watch)
from stream_anon.cli import main as cli
code = cli.run(sys.argv[1:])
{more}
print("talked:", talked)
sys.exit(code)
"""


def _watched(clip: Path, output: Path, more: str = "") -> subprocess.CompletedProcess[str]:
    # On a CI server, or where somebody has once refused, OpenVINO's telemetry is silent by itself.
    silent = {"CI", "TF_BUILD", "JENKINS_URL", "OPENVINO_TELEMETRY_DISABLED"}
    environment = {k: v for k, v in os.environ.items() if k not in silent}
    environment["HOME"] = str(output.parent)
    return subprocess.run(
        [sys.executable, "-c", WATCHED.format(more=more), "redact", str(clip), str(output), "-q"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_nothing_is_sent_from_the_start_of_the_program_to_its_end(
    clip: Path, tmp_path: Path
) -> None:
    done = _watched(clip, tmp_path / "out.mp4")
    assert (done.returncode, done.stdout) == (0, "talked: []\n"), done.stderr
    assert leftovers(tmp_path) == ["out.mp4"]


def test_the_watch_would_have_noticed(clip: Path, tmp_path: Path) -> None:
    call = "try:\n    import socket; socket.socket()\nexcept RuntimeError:\n    pass"
    done = _watched(clip, tmp_path / "out.mp4", call)
    assert "socket.__new__" in done.stdout


def test_the_job_needs_no_sockets(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("the network is forbidden here")

    for name in ("socket", "create_connection", "getaddrinfo", "gethostbyname"):
        monkeypatch.setattr(socket, name, forbidden)
    with pytest.raises(AssertionError):
        socket.create_connection(("localhost", 1))
    assert stream_anon.redact(clip, tmp_path / "a.mp4").frames == 24
    assert cli.run(["redact", str(clip), str(tmp_path / "b.mp4"), "-q"]) == 0


def test_no_address_is_opened_as_an_input(tmp_path: Path) -> None:
    done = _watched(Path("http://localhost:9/in.mp4"), tmp_path / "out.mp4")
    assert done.returncode == 2
    assert "talked: []" in done.stdout
