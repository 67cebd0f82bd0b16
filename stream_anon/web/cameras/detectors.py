"""The detector service from the outside: started, watched, and started again."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from stream_anon.core.processors import usable_processors
from stream_anon.detectors.remote.ports import Port, PortClosed
from stream_anon.processes.backoff import Backoff
from stream_anon.processes.child import START_LIMIT, Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

MODULE = "stream_anon.web.cameras.detector_child"
PING, SILENCE = 1.0, 5.0
"""Seconds between two questions whether it works, and without an answer until it is ended."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before it is started again."""


class DetectorService:
    """Keeps one detector process running, from the first camera on. Any thread may call anything.

    While there is none, cameras hide their pictures whole.
    """

    def __init__(self, module: str = MODULE) -> None:
        """Nothing runs yet."""
        self._module = module
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._control: Port | None = None
        self._child: Child | None = None
        self._followers: list[Callable[[Port], object]] = []
        self.starts = 0
        """How often it was started."""

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        child = self._child
        return None if child is None else child.pid

    def follow(self, follower: Callable[[Port], object]) -> None:
        """Give somebody a link to the service there is, and to each that comes after it.

        Args:
            follower: takes the port over; what it raises is dropped.
        """
        with self._lock:
            self._followers.append(follower)
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(
                    target=self._keep, name="stream_anon detectors", daemon=True
                )
                self._thread.start()
            if self._control is not None:
                self._link(follower)

    def leave(self, follower: Callable[[Port], object]) -> None:
        """No more links for it."""
        with self._lock, suppress(ValueError):
            self._followers.remove(follower)

    def _link(self, follower: Callable[[Port], object]) -> None:
        ours, theirs = Port.pair()
        try:
            if self._control is not None:
                self._control.send({"kind": "link"}, [theirs.fileno()])
        except PortClosed:
            ours.let_go()
            return
        finally:
            theirs.let_go()
        follower(ours)

    def _keep(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while not self._closing.is_set():
            try:
                self._serve(backoff)
            except (ChildGone, PortClosed, TimeoutError, OSError) as error:
                if not self._closing.is_set():
                    why = str(error) or type(error).__name__
                    log.error("the detector service has ended (%s): it is started again", why)
            finally:
                self._end_child()
            self._closing.wait(backoff.wait())

    def _serve(self, backoff: Backoff) -> None:
        """Start one, and watch it until it is gone."""
        ours, theirs = Port.pair()
        try:
            child = self._child = Child(self._module, pass_fds=[theirs.fileno()])
            order = {"control": theirs.fileno(), "workers": max(2, usable_processors())}
            child.send(Message("open", order), START_LIMIT)
        except BaseException:
            ours.let_go()
            raise
        finally:
            theirs.let_go()
        self.starts += 1
        try:
            self._ask(ours, START_LIMIT)
        except BaseException:
            ours.let_go()
            raise
        with self._lock:
            self._control = ours
            for follower in self._followers:
                self._link(follower)
        while not self._closing.wait(PING):
            self._ask(ours, SILENCE)
            backoff.reset()

    def _ask(self, control: Port, limit: float) -> None:
        control.send({"kind": "ping"})
        answer = control.receive(limit).fields
        if answer.get("overdue"):
            raise ChildGone("it hangs")

    def _end_child(self) -> None:
        with self._lock:
            control, self._control = self._control, None
            child, self._child = self._child, None
        if control is not None:
            control.close()
        if child is not None:
            child.close()

    def close(self) -> None:
        """End it. Called once, by the owner."""
        self._closing.set()
        child = self._child
        if child is not None:
            child.kill()
        if self._thread is not None:
            self._thread.join()
