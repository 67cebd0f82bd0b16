"""The child's side: messages come in on standard input and go out on standard output.

A child does not outlive its parent: it ends when its standard input does, and calls that may hang,
whether or not they hold the GIL, get a limit by `within` (SIGALRM), after which the system ends it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from stream_anon.processes.wire import Message, WireError, read_message, write_message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ParentPipe:
    """The pipes to and from the parent."""

    def __init__(self) -> None:
        """Take over standard input and output; what libraries print goes nowhere."""
        self._in: Any = open(os.dup(0), "rb", buffering=0)  # noqa: SIM115, PTH123
        self._out: Any = open(os.dup(1), "wb", buffering=0)  # noqa: SIM115, PTH123
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(2, 1)
        os.close(nowhere)
        self._lock = threading.Lock()

    def receive(self) -> Message | None:
        """Wait for the parent's next message; None when there will be no more."""
        try:
            return read_message(self._in)
        except (OSError, WireError):
            return None

    def send(self, message: Message) -> None:
        """Send to the parent, from any thread. The process ends if the parent is gone."""
        try:
            with self._lock:
                write_message(self._out, message)
        except OSError:
            os._exit(0)


def serve(work: Callable[[ParentPipe], None]) -> None:
    """Run a child's work, and end the process."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # for the parent, which then ends its children
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    forbid_core_dumps()
    parent = ParentPipe()
    work(parent)
    sys.stderr.flush()
    os._exit(0)  # threads of libraries may hang in an orderly exit


def named(place: str) -> Callable[..., Any]:
    """The function that a registry names as `module:function`: each process imports its own."""
    module, _, function = place.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found


def forbid_core_dumps() -> None:
    """A dump of this process would hold raw pictures and passwords."""
    with suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415 - not on every system

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let the system end this process if what is inside takes longer. Not nested."""
    if not (
        hasattr(signal, "setitimer") and hasattr(signal, "SIGALRM")
    ):  # elsewhere the parent's limit has to do
        yield
        return
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(cast("Any", signal).ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(cast("Any", signal).ITIMER_REAL, 0)
