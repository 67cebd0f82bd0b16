"""A server that plays a stream over TCP, one act for each client: whatever a camera may do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

import av
import numpy as np

from tests.media import write
from tests.patterns import moving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from typing import Self

    Step: TypeAlias = tuple[float, bytes]
    """Seconds to wait, and what to send then; for ever without a word is `HOLD`."""
    Act: TypeAlias = Callable[[], Iterable[Step]]

HOLD: Step = (3600.0, b"")
RATE = 50
GOP = 10


def clip(path: Path, *, frames: int = 50, first: int = 0, **more: Any) -> Path:
    """A video with numbered pictures, 0 to 63 and again, and a keyframe every `GOP` frames."""
    size = more.get("size", (320, 180))
    numbered = [moving(number, size) for number in range(64)]
    pictures = [numbered[number % 64] for number in range(first, first + frames)]
    return write(path, frames=frames, pictures=pictures, **{"gop": GOP, "rate": RATE, **more})


def pieces(path: Path) -> list[bytes]:
    """An MPEG-TS file, cut where each picture begins."""
    data = path.read_bytes()
    with av.open(str(path)) as file:
        starts = [packet.pos or 0 for packet in file.demux(video=0) if packet.size]
    edges = [0, *starts[1:], len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def paced(chunks: Iterable[bytes], rate: float = RATE) -> Iterator[Step]:
    """One picture after the other, in time."""
    for chunk in chunks:
        yield 1 / rate, chunk


def steady(*paths: Path) -> Act:
    """Plays files one after the other, and is silent then."""

    def act() -> Iterator[Step]:
        for path in paths:
            yield from paced(pieces(path))
        yield HOLD

    return act


def noise() -> Iterator[Step]:
    """Garbage, as fast as it is taken."""
    random = np.random.default_rng(7)
    for _ in range(4000):
        yield 0.005, random.bytes(20_000)


class Feed:
    """A TCP server; the n-th client gets the n-th act, and those after the last get the last."""

    def __init__(self, *acts: Act, waits_for_request: bool = False) -> None:
        self._acts = list(acts)
        self._waits = waits_for_request
        self._ending = threading.Event()
        self._up, self._listening = threading.Event(), threading.Event()
        self._up.set()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.clients = 0
        self.requests: list[str] = []
        self._thread = threading.Thread(target=self._serve, name="feed")

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def down(self) -> None:
        """Nobody listens any more once the act is over."""
        self._up.clear()

    def up(self) -> None:
        """Listen again."""
        self._up.set()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(5)
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._ending.is_set():
            if not self._up.wait(0.02):
                continue
            with socket.create_server(("127.0.0.1", self.port)) as server:
                server.settimeout(0.02)
                self._listening.set()
                while self._up.is_set() and not self._ending.is_set():
                    with suppress(TimeoutError):
                        self._play_to(server.accept()[0])

    def _play_to(self, client: socket.socket) -> None:
        act = self._acts[min(self.clients, len(self._acts) - 1)]
        self.clients += 1
        with client, suppress(OSError):
            client.settimeout(0.5)
            if self._waits:
                self.requests.append(client.recv(65536).decode())
            due = monotonic()
            for pause, data in act():
                due = max(due + pause, monotonic() - 1)
                if not self._wait(client, due):
                    return
                client.sendall(data)

    def _wait(self, client: socket.socket, due: float) -> bool:
        """Whether the client is still there when it is time to go on."""
        while (left := due - monotonic()) > 0:
            client.settimeout(min(left, 0.05))
            with suppress(TimeoutError):
                if not client.recv(4096):
                    return False
            if self._ending.is_set():
                return False
        client.settimeout(0.5)
        return not self._ending.is_set()
