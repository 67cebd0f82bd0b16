"""Recordings can be played however they end: on a full disk, or killed at any moment."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.numbered import RATE, expected, numbers, seen

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

ROOT = Path(__file__).parents[2]

# -- a full disk ------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from stream_anon.config import Settings
from stream_anon.errors import DiskFullError
from stream_anon.sinks.live.recording import RecordingSink
from tests.numbered import INFO, numbered

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, size = sys.argv[1], int(sys.argv[2])
limit(size)
sink = None
try:
    sink = RecordingSink(path, INFO, Settings())
    for sent in range(10_000):
        sink.send(numbered(sent))
except DiskFullError as error:
    print(error)
if sink is not None:
    sink.close()
limit(resource.RLIM_INFINITY)
sink = RecordingSink(path, INFO, Settings())
for index in range(5):
    sink.send(numbered(index))
sink.finish()
sink.close()
"""


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_a_full_disk_is_said_and_what_was_recorded_stays(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    said = run(FULL, path, 40_000)
    assert said.startswith(f"no space left while writing {path}")
    assert len(said.splitlines()) == 1
    shown = numbers(seen(path, cut_short=True))
    assert len(shown) > 2 * RATE
    assert shown == expected(len(shown))
    assert numbers(seen(tmp_path / f"out-2.{ending}")) == expected(5)


@pytest.mark.parametrize("size", [0, 600, 1200])
@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts"])
def test_a_full_disk_is_not_strewn_with_empty_files(ending: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    assert "no space left" in run(FULL, path, size)
    assert all(seen(path, cut_short=True) for path in tmp_path.iterdir())


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- killed -----------------------------------------------------------------------------------

WRITER = """
import os, sys, time
from stream_anon.config import Settings
from stream_anon.sinks.live.recording import RecordingSink
from tests.numbered import INFO, RATE, numbered

path, segment = sys.argv[1], float(sys.argv[2])
sink = RecordingSink(path, INFO, Settings(), segment=segment or None)
start = time.monotonic()
for index in range(100_000):
    sink.send(numbered(index))
    os.write(1, b".")
    time.sleep(max(0, start + (index + 1) / RATE - time.monotonic()))
"""
WRITERS = {
    "mkv": ("out.mkv", 0),
    "mp4": ("out.mp4", 0),
    "mov": ("out.mov", 0),
    "ts": ("out.ts", 0),
    "webm": ("out.webm", 0),
    "segments": ("out-%H%M%S.mkv", 1),
    "segments of mp4": ("out-%H%M%S.mp4", 1),
}


class Killed(NamedTuple):
    sent: int
    """Frames that the writer had handed over."""
    folder: Path
    after: float
    """Seconds that it ran."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Killed]:
    """Recordings in real time, each killed at a moment by chance, all side by side."""
    folders = {name: tmp_path_factory.mktemp("killed") for name in WRITERS}
    running = {
        name: subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folders[name] / file), str(segment)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        for name, (file, segment) in WRITERS.items()
    }
    for process in running.values():
        assert process.stdout is not None
        assert process.stdout.read(1) == b"."
    moments = {name: random.uniform(1.3, 1.95) for name in WRITERS}
    start = time.monotonic()
    ended: dict[str, Killed] = {}
    for name in sorted(moments, key=moments.__getitem__):
        time.sleep(max(0.0, start + moments[name] - time.monotonic()))
        running[name].kill()
        rest, _ = running[name].communicate(timeout=10)
        ended[name] = Killed(1 + len(rest), folders[name], moments[name])
    return ended


@pytest.mark.parametrize("name", WRITERS)
def test_killed_at_any_moment_all_but_the_last_second_can_be_played(
    name: str, killed: dict[str, Killed]
) -> None:
    sent, folder, after = killed[name]
    assert sent > RATE, f"too slow a machine: {sent} frames in {after:.2f} s"
    files = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    shown = [n for path in files for n in numbers(seen(path, cut_short=path == files[-1]))]
    assert shown == expected(len(shown))
    assert len(shown) >= sent - RATE, f"{len(shown)} of {sent} after {after:.2f} s"
