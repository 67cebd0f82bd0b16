"""The real server killed with jobs under way: nothing raw stays, and nothing runs on without it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Self

import httpx
import pytest
from footage import make_footage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

PATIENCE = 60.0


class Server:
    """`stream-anon serve` over a folder that has its tokens."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "stream_anon", "serve", "--port", "0", "--folder"]
        self.process = subprocess.Popen(
            [*command, str(folder / "room")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        for line in self.process.stdout:  # warnings may come first
            if (found := re.search(r"http://127.0.0.1:[0-9]+", line)) is not None:
                self.address = found[0]
                return self
        self.process.wait()
        raise AssertionError("it did not start")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def sent(client: httpx.Client, address: str, video: Path) -> str:
    answer = client.post(address, files={"file": ("v.mp4", video.read_bytes())})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def until(is_so: Callable[[], bool]) -> None:
    deadline = monotonic() + PATIENCE
    while not is_so():
        assert monotonic() < deadline
        sleep(0.05)


def children(pid: int) -> list[int]:
    """Processes that a process has started, of whatever thread."""
    tasks = Path(f"/proc/{pid}/task")
    found = [path.read_text().split() for path in tasks.glob("*/children")]
    return [int(child) for line in found for child in line]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _break_off(client: httpx.Client, address: str) -> None:
    """Send the beginning of a video, and go."""

    def pieces() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="v.mp4"\r\n\r\n'
        yield b"\0\0\0\x18ftypisom" + bytes(3 << 20)
        raise ConnectionAbortedError

    headers = {"content-type": "multipart/form-data; boundary=x"}
    with pytest.raises(ConnectionAbortedError):
        client.post(address, content=pieces(), headers=headers)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
def test_a_killed_server_leaves_nothing_that_runs_and_nothing_for_ever(tmp_path: Path) -> None:
    video = make_footage(
        tmp_path / "v.mp4", width=640, height=360, seconds=6, rate=15, sound=False
    ).path
    folder = tmp_path / "room" / "jobs"
    with Server(tmp_path) as server, httpx.Client() as client:
        assert server.process.stdout is not None
        token = re.search(r"this once: (\S+)", server.process.stdout.readline())
        assert token is not None
        client.headers["authorization"] = f"Bearer {token[1]}"
        jobs = f"{server.address}/api/v1/jobs"
        ids = [sent(client, jobs, video) for _ in range(2)]
        until(lambda: client.get(f"{jobs}/{ids[0]}").json()["frames"] > 0)
        own = children(server.process.pid)
        assert own
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        until(lambda: not any(is_running(pid) for pid in own))
    assert (folder / ids[0] / "original").exists()
    (folder / "stray").mkdir()
    (folder / "stray" / "original").write_bytes(b"raw")
    with Server(tmp_path) as server, httpx.Client(headers=client.headers) as client:
        jobs = f"{server.address}/api/v1/jobs"
        assert not (folder / "stray").exists()
        found = {job["id"]: job["state"] for job in client.get(jobs).json()}
        assert set(found.values()) <= {"waiting", "running"}
        assert client.post(f"{jobs}/{ids[1]}/cancel").json()["state"] == "cancelled"
        with client.stream("GET", f"{jobs}/{ids[0]}/events", timeout=PATIENCE) as told:
            lines = [line for line in told.iter_lines() if line.startswith("data: ")]
        assert len(lines) > 3
        assert '"state": "done"' in lines[-1]
        until(lambda: not list(folder.rglob("original")))
        _break_off(client, jobs)
        until(lambda: sorted(path.name for path in folder.iterdir()) == [ids[0]])
        began = monotonic()
        server.process.terminate()
        assert server.process.wait(10) is not None
        assert monotonic() - began < 3
