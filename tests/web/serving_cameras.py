"""The real server with real cameras, as tests see it from outside."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

import cv2
import httpx
import numpy as np

from stream_anon.audit.measure import LEAK, readable_share
from tests.live.clips import read_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.live.clips import ServingClip

TOKEN, VIEWER = "an operator's token for tests", "a viewer's token for tests"
PATIENCE = 120.0
"""Seconds that anything may take on a busy machine."""


def wait_until(done: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `done` answers, once that is something."""
    until = monotonic() + seconds
    while not (found := done()):
        assert monotonic() < until, "it did not happen in time"
        sleep(0.05)
    return found


class ControlRoom:
    """`stream-anon serve` in a process of its own, and requests to it."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "stream_anon", "serve", "--port", "0", *options],
            env={
                **os.environ,
                "XDG_STATE_HOME": str(folder),
                "STREAM_ANON_TOKEN": TOKEN,
                "STREAM_ANON_VIEWER_TOKEN": VIEWER,
            },
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def __enter__(self) -> Self:
        watch = threading.Timer(PATIENCE, self.process.kill)
        watch.start()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        watch.cancel()
        watch.join()
        found = re.search(r"http://[^ ,]*:(\d+)", line)
        assert found is not None, line + self.said()
        self.url = f"http://127.0.0.1:{found[1]}"
        self.operator, self.viewer = (
            httpx.Client(
                base_url=self.url, headers={"authorization": f"Bearer {token}"}, timeout=PATIENCE
            )
            for token in (TOKEN, VIEWER)
        )
        return self

    def said(self) -> str:
        """What it wrote to standard error."""
        self.log.seek(0)
        return self.log.read().decode()

    def add(self, source: str, **settings: Any) -> str:
        answer = self.operator.post(
            "/api/v1/cameras", json={"name": "door", "source": source, "settings": settings}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def camera(self, camera_id: str) -> dict[str, Any]:
        return dict(self.operator.get(f"/api/v1/cameras/{camera_id}").json())

    def is_showing(self, camera_id: str) -> bool:
        """Live, with pictures that are not hidden whole."""
        found = self.camera(camera_id)
        return found["state"] == "live" and found["fps"] > 0 and found["hidden_now"] is None

    def pictures(self, camera_id: str, client: httpx.Client | None = None) -> Iterator[bytes]:
        """JPEGs of its stream, for a viewer unless another client is named."""
        with (client or self.viewer).stream("GET", f"/api/v1/cameras/{camera_id}/stream") as answer:
            assert answer.status_code == 200
            kind = answer.headers["content-type"]
            assert kind == "multipart/x-mixed-replace; boundary=picture"
            assert answer.headers["cache-control"] == "no-store"
            yield from jpegs(answer.iter_raw())

    def children(self) -> dict[int, str]:
        """All processes below it: their command lines by pid."""
        return below(self.process.pid)

    def child(self, module: str) -> int:
        """The process that runs a module of ours."""
        return next(pid for pid, line in self.children().items() if module in line)

    def end(self) -> float:
        """Seconds that ending took."""
        began = monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return monotonic() - began

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.operator.close()
        self.viewer.close()
        self.log.close()


def below(pid: int) -> dict[int, str]:
    """Processes below one that are alive, at any depth."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(stat.parent.name))
    found: dict[int, str] = {}
    waiting = list(parents.get(pid, ()))
    while waiting:
        one = waiting.pop()
        with suppress(OSError):
            found[one] = Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ")
        waiting += parents.get(one, ())
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def jpegs(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The parts of a Motion JPEG stream."""
    data = b""
    for chunk in chunks:
        data += chunk
        while (found := re.search(rb"Content-Length: (\d+)\r\n\r\n", data)) is not None:
            end = found.end() + int(found[1])
            if len(data) < end + 2:
                break
            yield data[found.end() : end]
            data = data[end + 2 :]


def luma_of(jpeg: bytes) -> Any:
    picture: Any = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    return picture


class Truth:
    """The frames that a test camera shows, and the faces in them."""

    def __init__(self, clip: ServingClip) -> None:
        import av

        self.clip = clip
        with av.open(str(clip.path)) as container:
            decoded = (f.to_ndarray(format="gray") for f in container.decode(video=0))
            self.lumas = [np.asarray(luma, np.uint8) for luma in decoded]

    def leaks(self, jpeg: bytes) -> tuple[int, int] | None:
        """Faces in a picture, and how many of them can be seen; None for one hidden whole."""
        luma = luma_of(jpeg)
        number = read_number(luma)
        if number is None:
            return None
        shares = [
            readable_share(self.lumas[number], luma, box)
            for box in self.clip.faces[number].values()
        ]
        measured = [share for share in shares if share is not None]
        return len(measured), sum(share > LEAK for share in measured)
