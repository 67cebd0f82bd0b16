"""The parent's side of a child process: messages with a timeout, and a guaranteed end.

A child that exceeds a timeout is killed, so that it blocks nobody else.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.errors import DEBUG_VARIABLE
from stream_anon.processes.wire import Message, WireError, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

log = stream_logger(__name__)

PIPE_BYTES = 1 << 20
"""Room in each pipe, where the system lets us choose: a picture takes two writes, not twenty."""
CHECK_INTERVAL = 0.1
"""Seconds between two checks of the time limits."""
START_LIMIT = 20.0
"""Seconds that a child has to start on a busy machine."""
_BOOT = """
import runpy, site, sys
module, *paths = sys.argv[1:]
del sys.argv[1:]
sys.path += paths
site.main()
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
"""Puts the standard library before all else: nothing that is installed can stand in for a part of
it, as it could in PYTHONPATH."""


class ChildGone(Exception):
    """The child has ended, or was killed on a timeout. It is to be replaced."""


class Child:
    """One running module of this package, reached through its standard input and output.

    Any thread may call anything, one thread at a time for `send` and one for `receive`. The
    child's own words on the standard error stream are dropped: they may hold passwords.
    """

    def __init__(self, module: str, *, pass_fds: Sequence[int] = ()) -> None:
        """Run a module of this package as a program; it is to call `processes.host.serve`.

        Args:
            module: its dotted name.
            pass_fds: descriptors that it has under the same numbers.
        """
        self.name = module.rpartition(".")[2]
        debug = os.environ.get(DEBUG_VARIABLE) == "1"
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            # Not from the current folder, where anybody may have put an av.py.
            [sys.executable, "-P", "-S", "-c", _BOOT, module, *_python_path()],
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if debug else subprocess.DEVNULL,
            bufsize=0,
            pipesize=PIPE_BYTES,
            pass_fds=tuple(pass_fds),
            start_new_session=True,  # Ctrl-C is for the parent, which then ends its children
        )
        self.most_received = 0
        """Bytes that the planes of one message from it may have together: it is not trusted."""
        self._limits: dict[str, float] = {}
        self._too_slow: str | None = None
        self._ended = threading.Event()
        self._watch = StreamThread(
            target=self._watch_limits, name=f"stream_anon watch {self.name}", daemon=True
        )
        try:
            self._watch.start()
        except BaseException:
            self.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: Message, limit: float) -> None:
        """Hand a message over.

        Args:
            message: what to say.
            limit: seconds after which the child is killed.

        Raises:
            ChildGone: it has ended, or did not take the message in time.
        """
        with self._limited("take more", limit), self._kill_on_error():
            write_message(cast("Any", self._process.stdin), message)

    def receive(self, limit: float | None) -> Message:
        """Wait for the child's next message.

        Args:
            limit: seconds after which it is killed; None waits indefinitely.

        Raises:
            ChildGone: it has ended, or said nothing in time.
        """
        if limit is not None and not self._has_something(limit):
            self._too_slow = self._too_slow or "answer"
            self.kill()
            raise ChildGone(self._why())
        with self._limited("answer", limit), self._kill_on_error():
            message = read_message(cast("Any", self._process.stdout), self.most_received)
        if message is None:
            raise ChildGone(self._why())
        return message

    def _has_something(self, limit: float) -> bool:
        """Whether there is something to read: a process in a device may not even die in time."""
        if not hasattr(select, "poll"):
            return True
        poll = select.poll()
        try:
            poll.register(cast("Any", self._process.stdout).fileno(), select.POLLIN)
            return bool(poll.poll(1000 * limit))
        except (OSError, ValueError):
            return True  # it is closed, and reading says so

    def end(self, patience: float) -> bool:
        """No more messages: let the child complete its work, and kill it if it takes too long.

        Returns:
            Whether it ended by itself, and well. What it said last can still be received.
        """
        with suppress(OSError):
            cast("Any", self._process.stdin).close()
        try:
            return self._process.wait(patience) == 0
        except subprocess.TimeoutExpired:
            self.kill()
            return False

    def kill(self) -> None:
        """End it at once."""
        with suppress(OSError):
            self._process.kill()

    def close(self) -> None:
        """Kill it if it runs, and free what belongs to it. Called once, by its owner."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)  # longer only if the kernel itself hangs in a device
        self._ended.set()
        self._watch.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast("Any", pipe).close()

    @contextmanager
    def _limited(self, what: str, limit: float | None) -> Iterator[None]:
        if limit is not None:
            self._limits[what] = monotonic() + limit
        try:
            yield
        finally:
            self._limits.pop(what, None)

    @contextmanager
    def _kill_on_error(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, WireError, MemoryError) as error:
            self.kill()
            raise ChildGone(self._why()) from error

    def _why(self) -> str:
        if self._too_slow is not None:
            return f"it did not {self._too_slow} in time and was stopped"
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1)
            return f"it ended with signal {-code}" if code < 0 else f"it ended with code {code}"
        return "it closed the connection"

    def _watch_limits(self) -> None:
        while not self._ended.wait(CHECK_INTERVAL):
            now = monotonic()
            for what, limit in list(self._limits.items()):
                if now > limit:
                    self._too_slow = self._too_slow or what
                    self.kill()


def _python_path() -> list[str]:
    """Where children find this package first: they run the same code as their parent."""
    more = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [_package_folder(), *(str(Path(path).resolve()) for path in more if path)]


def _package_folder() -> str:
    """Where this package lies: a checkout, or the folder of all that is installed."""
    return str(Path(__file__).resolve().parents[2])
