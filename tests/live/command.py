"""`stream-anon live` as a user runs it: a program of its own, stopped by a signal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self
from urllib.error import HTTPError
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class LiveCommand:
    """One run. Its words are kept, and its figures can be asked for."""

    def __init__(self, source: str, *arguments: str | Path, **environment: str) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "stream_anon", "live", source, *map(str, arguments)]
        self._process = subprocess.Popen(
            [*command, "--metrics-port", str(self.port)],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def said(self) -> str:
        return "".join(self._lines)

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def figures(self) -> dict[str, float]:
        """Its metrics, by name and labels, as in `stream_anon_frames_out_total`."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def figure(self, name: str) -> float:
        """One of them, without what all names begin with; 0 where there is none."""
        return self.figures().get(f"stream_anon_{name}", 0.0)

    def is_up(self, kind: str) -> bool:
        """Whether the output to an address of that kind takes pictures."""
        up = f'stream_anon_sink_up{{sink="{kind}://'
        return any(value == 1 for name, value in self.figures().items() if name.startswith(up))

    def health(self) -> tuple[int, dict[str, Any]]:
        """Code and content of its health page."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return answer.status, json.loads(answer.read())
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def wait_for_pictures(self, count: int = 25) -> None:
        """Wait until so many more have gone out."""
        self.wait_until(lambda: self._sent() > 0)
        due = self._sent() + count
        self.wait_until(lambda: self._sent() >= due)

    def _sent(self) -> float:
        try:
            return self.figures().get("stream_anon_frames_out_total", 0.0)
        except OSError:
            return 0.0

    def wait_until(self, done: Callable[[], bool], limit: float = PATIENCE) -> float:
        """Seconds until something is so."""
        began = monotonic()
        while not done():
            assert self.runs, self.said
            assert monotonic() - began < limit, self.said
            sleep(0.05)
        return monotonic() - began

    def wait_said(self, words: str, limit: float = PATIENCE) -> float:
        return self.wait_until(lambda: words in self.said, limit)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self) -> float:
        """End it; seconds that it took. It has to end well."""
        began = monotonic()
        self._process.send_signal(signal.SIGTERM)
        assert self.wait_end() == 0, self.said
        return monotonic() - began

    def wait_end(self, limit: float = PATIENCE) -> int:
        code = self._process.wait(limit)
        self._reader.join(5)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(5)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.append(line)


def _free_port() -> int:
    import socket

    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
