"""A program that a test runs, disturbs and brings back."""

from __future__ import annotations

import selectors
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Self

PATIENCE = 20.0
"""Seconds that a program has to start, or to do what it is told."""


class Program:
    """One child process, which never outlives the thread that started it, frozen or not.

    It listens on the same port however often it is started.
    """

    def __init__(self, host: str = "127.0.0.1", enter: Sequence[str] = ()) -> None:
        """Nothing runs yet.

        Args:
            host: the address it listens on.
            enter: a command that runs the rest of its arguments, in another network say.
        """
        self.host = host
        self.port = _free_port()
        self._enter = list(enter)
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Any = None
        self._said = b""

    def command(self) -> list[str]:
        """What to run."""
        raise NotImplementedError

    def wait_ready(self) -> None:
        """Wait until it is of use; by default, until it says so in a line."""
        self.answer()

    def start(self) -> Self:
        """Run it, and wait until it is ready."""
        assert self._process is None, "it runs already"
        self._said = b""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - read when something fails
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *self._enter, *self.command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
        )
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def tell(self, line: str) -> str:
        """Give it an order, and wait for its answer."""
        cast("Any", self._running().stdin).write(line.encode() + b"\n")
        return self.answer()

    def answer(self, limit: float = PATIENCE) -> str:
        """Wait for a line from it."""
        line = self.line(limit)
        if line is None:
            self.fail("said nothing in time")
        return str(line)

    def line(self, limit: float) -> str | None:
        """Wait for a line from it, but not for longer than `limit` seconds."""
        out: Any = self._running().stdout
        deadline = monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while b"\n" not in self._said:
                if not selector.select(max(0.0, deadline - monotonic())):
                    return None
                if not (more := out.read(4096)):
                    self.fail("ended")
                self._said += more
        line, _, rest = self._said.partition(b"\n")
        self._said = rest
        return line.decode()

    def wait_listening(self) -> None:
        """Wait until somebody answers at its port."""
        deadline = monotonic() + PATIENCE
        while not is_open(self.host, self.port):
            if not self.runs:
                self.fail("ended")
            if monotonic() > deadline:
                self.fail("does not listen")
            sleep(0.01)

    def fail(self, what: str) -> None:
        """Raise, with what it wrote on its standard error stream."""
        self._errors.seek(0)
        told = self._errors.read().decode(errors="replace").strip()
        raise RuntimeError(f"{type(self).__name__} {what}: {told[-2000:] or 'no reason given'}")

    def kill(self) -> None:
        """SIGKILL: its connections are reset, and nobody listens any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            pipes: list[Any] = [self._process.stdin, self._process.stdout, self._errors]
            for pipe in pipes:
                with suppress(OSError):
                    pipe.close()
            self._process = None

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, and the kernel still takes new ones; nothing comes."""
        self._running().send_signal(signal.SIGSTOP)
        self._wait_state(stopped=True)

    def thaw(self) -> None:
        """Go on after `freeze`."""
        self._running().send_signal(signal.SIGCONT)
        self._wait_state(stopped=False)

    def restart(self) -> None:
        """Start it again, killed or not."""
        self.kill()
        self.start()

    def close(self) -> None:
        """End it."""
        self.kill()

    def __enter__(self) -> Self:
        return self if self.runs else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it does not run"
        return self._process

    def _wait_state(self, *, stopped: bool) -> None:
        deadline = monotonic() + PATIENCE
        while any((state == "T") != stopped for state in _thread_states(self.pid)):
            assert monotonic() < deadline, "the signal had no effect"
            sleep(0.002)


def _thread_states(pid: int) -> list[str]:
    states: list[str] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return states


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def is_open(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), 1):
            return True
    except OSError:
        return False


def wait_until(done: Callable[[], bool], limit: float) -> None:
    """Look again and again, for at most `limit` seconds."""
    deadline = monotonic() + limit
    while not done():
        assert monotonic() < deadline, "it did not happen in time"
        sleep(0.02)
