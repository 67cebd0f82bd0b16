"""The one owner of process-wide state, so that concurrent runs do not collide.

What several runs need alike is set by the first of them and restored by the last (`Shared`). Each
is under a lock; any thread may enter and leave, in any order.

    OpenCV's threads          `single_threaded_opencv`, for as long as a run lasts
    filters for warnings      `no_warnings`, while PyTorch's and OpenVINO's insides are at work
    the thread of tqdm        `no_progress_thread`, likewise
    modules that may load     `without_module`, while OpenVINO is imported
    OpenVINO's first steps    `first_alone`: two threads in one of them at once can deadlock
    the service manager       `RUNS`: who speaks to it, see `figures.notify`
    the environment           `quiet_svt`: set once and left, as other threads may be reading it
    priorities of threads     `no_realtime`, while an encoder is opened

Elsewhere, and not for runs in one process: signal handlers and handlers of the logger belong to the
command line, which has one run; FFmpeg's log, alarms and Qt's environment to child processes, which
have one input or output each. Core dumps are forbidden once and for good (`processes.host`).
"""

from __future__ import annotations

import os
import sys
import threading
import warnings
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType


class Shared(AbstractContextManager[None]):
    """A change to the process that is made once, however many ask for it at the same time."""

    def __init__(self, change: Callable[[], AbstractContextManager[object]]) -> None:
        """Args: change: entered for the first who asks, left with the last."""
        self._change = change
        self._lock = threading.Lock()
        self._made: AbstractContextManager[object] | None = None
        self._users = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._made is None:
                made = self._change()
                made.__enter__()
                self._made = made
            self._users += 1

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._users -= 1
            if not self._users and self._made is not None:
                made, self._made = self._made, None
                made.__exit__(None, None, None)


@contextmanager
def _one_thread() -> Iterator[None]:
    import cv2  # noqa: PLC0415 - not for the processes of outputs

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def _ignored_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _without_monitor() -> Iterator[None]:
    try:
        from tqdm import tqdm  # noqa: PLC0415 - comes and goes with PyTorch
    except ModuleNotFoundError:
        yield
        return
    before, tqdm.monitor_interval = tqdm.monitor_interval, 0
    try:
        yield
    finally:
        tqdm.monitor_interval = before


single_threaded_opencv = Shared(_one_thread)
"""Pictures are small here: OpenCV's own threads cost more than they gain."""

no_warnings = Shared(_ignored_warnings)
"""No warning is shown, in no thread."""

no_progress_thread = Shared(_without_monitor)
"""PyTorch's exporter may count with tqdm, which starts a thread that never ends."""

_importing = threading.Lock()


@contextmanager
def without_module(name: str) -> Iterator[None]:
    """While what is inside is imported, `name` cannot be; one thread at a time."""
    with _importing:
        before = sys.modules.get(name)
        sys.modules[name] = None  # type: ignore[assignment]  # "not there", in Python's words
        try:
            yield
        finally:
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before


class FirstAlone:
    """Serializes the first call of each step; later calls may run in parallel.

    Avoids a deadlock: a native library initializes its static data in the first call of each
    function. Some do so under a compiler-generated lock while they wait for the GIL, and the next
    thread waits for that lock with the GIL held.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._done: set[str] = set()

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        """Args: step: its name; the same name for the same calls."""
        if step in self._done:
            yield
            return
        with self._lock:
            yield
            self._done.add(step)


first_alone = FirstAlone()
"""The steps of OpenVINO."""


def quiet_svt() -> None:
    """Have the encoder SVT-AV1 print errors only; it has no other switch."""
    os.environ.setdefault("SVT_LOG", "1")


@contextmanager
def no_realtime() -> Iterator[None]:
    """What is inside leaves no thread with real-time priority.

    SVT-AV1, where root runs it, gives it to its threads and to the one that opens the encoder. All
    others then wait for them, and those that spin until another thread has done something (libvpx)
    can wait for ever.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    before = {thread: _policy(thread) for thread in _threads()}
    try:
        yield
    finally:
        for thread in _threads():
            policy = before.get(thread, os.SCHED_OTHER)
            if policy in _ORDINARY and _policy(thread) not in _ORDINARY:
                with suppress(OSError):  # it has ended
                    os.sched_setscheduler(thread, policy, os.sched_param(0))


_ORDINARY = {getattr(os, name, None) for name in ("SCHED_OTHER", "SCHED_BATCH", "SCHED_IDLE")}


def _threads() -> list[int]:
    """Of this process; Linux tells all of them."""
    try:
        return [int(task.name) for task in Path("/proc/self/task").iterdir()]
    except OSError:
        return [0]


def _policy(thread: int) -> int:
    try:
        return os.sched_getscheduler(thread)
    except OSError:
        return os.SCHED_OTHER


class Members:
    """Members that report as one. Leaving is optional: one that is garbage-collected is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._members: WeakSet[object] = WeakSet()
        self._silent: WeakSet[object] = WeakSet()
        """Members that have not reported since all of them had."""

    def join(self, member: object) -> None:
        """Become a member; joining again changes nothing."""
        with self._lock:
            if member not in self._members:
                self._members.add(member)
                self._silent.add(member)

    def leave(self, member: object) -> bool:
        """Stop being a member; whether nobody is left."""
        with self._lock:
            self._members.discard(member)
            self._silent.discard(member)
            return not self._members

    def report(self, member: object) -> bool:
        """A heartbeat; whether every member has now sent one, which begins a new round."""
        with self._lock:
            self._silent.discard(member)
            if len(self._silent):
                return False
            self._silent = WeakSet(self._members)
            return True


RUNS = Members()
"""The live runs of this process, which report to the service manager as one."""
