"""A sink in a child process, opened anew whenever it fails or hangs. It never delays its feeder."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.channel import Cancelled, Channel, Overflow
from stream_anon.errors import SinkError
from stream_anon.processes.backoff import Backoff
from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Live

log = logging.getLogger(__name__)

HOSTED = "stream_anon.sinks.hosted"
START = 20.0
"""Seconds that a child's own start may take, on a machine that is busy."""
HEALTHY = 10.0
"""Seconds that a sink has to work for its troubles to be over."""
COMPLAIN = 10.0
"""Seconds between two complaints about a slow sink."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What to open, and how to treat it."""

    label: str
    """Name for people, without credentials."""
    fields: dict[str, Any] = field(repr=False)
    """For `hosted`; may hold credentials."""
    room: int
    """Messages that wait for it; the oldest is dropped for a new one."""
    must_open: bool = True
    """A first failure to open it is the user's to know; otherwise it is tried again."""
    newest_only: bool = False
    """It shows what is new, and what it does not show is no loss."""


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How a sink does."""

    label: str
    state: str
    """`starting`, `running`, `down` or `finished`."""
    why: str = ""
    """What went wrong last, without addresses."""
    frames: int = 0
    """Frames handed over."""
    dropped: int = 0
    """Frames that it was too slow for, or not there for."""
    restarts: int = 0


class _Failed(Exception):
    """The child said that it cannot go on, and why."""


class SupervisedSink:
    """Owns a child process and the thread that feeds it."""

    def __init__(
        self, opening: Opening, settings: Live, on_event: Callable[[str, str], None]
    ) -> None:
        """Start nothing yet.

        Args:
            opening: what to open.
            settings: time limits and waits.
            on_event: called with the kind and text of what a window tells: `key` and `closed`.
        """
        self._opening, self._settings, self._on_event = opening, settings, on_event
        self._queue: Channel[Message] = Channel(opening.room, Overflow.DROP_OLDEST)
        self._backoff = Backoff(settings.backoff, settings.longest_backoff)
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self._first_failure: str | None = None
        self._child: Child | None = None
        self._said: str | None = None
        self._state, self._why = "starting", ""
        self._frames = self._restarts = self._lost = 0
        self._complained_at = -COMPLAIN
        self._thread = threading.Thread(
            target=self._run, name=f"stream_anon sink {opening.label}", daemon=True
        )
        self.notes: list[str] = []
        """What differs from what was asked for."""

    @property
    def status(self) -> SinkStatus:
        dropped = self._lost + (0 if self._opening.newest_only else self._queue.dropped)
        return SinkStatus(
            self._opening.label, self._state, self._why, self._frames, dropped, self._restarts
        )

    def start(self) -> None:
        """Begin to open the sink."""
        self._thread.start()

    def wait_open(self) -> None:
        """Wait until it has been opened for the first time, if it must be.

        Raises:
            SinkError: it cannot be opened.
        """
        if not self._opening.must_open:
            return
        self._tried.wait()
        if self._first_failure is not None:
            raise SinkError(self._first_failure)

    def offer(self, message: Message) -> None:
        """Hand a message over; returns at once."""
        before = self._queue.dropped
        try:
            self._queue.put(message)
        except (Cancelled, ValueError):
            return
        if self._queue.dropped > before and not self._opening.newest_only:
            self._complain()

    def finish(self, patience: float) -> None:
        """No more messages: complete what is there, within that many seconds."""
        self._stopping.set()
        self._queue.close()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def close(self) -> None:
        """Free everything; what is not finished stays as it is. Nothing is called after it."""
        self._stopping.set()
        self._queue.cancel()
        if self._child is not None:
            self._child.kill()
        if self._thread.ident is not None:
            self._thread.join()

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            began = monotonic()
            try:
                self._serve()
            except (ChildGone, _Failed) as error:
                self._fail(str(error))
            except Cancelled:
                break
            else:
                break
            if monotonic() - began > HEALTHY:
                self._backoff.reset()
            if self._opening.must_open and self._first_failure is not None:
                break
            if self._stopping.wait(self._backoff.wait()):
                break
            self._restarts += 1
        self._state = "finished"
        self._queue.cancel()
        self._tried.set()

    def _serve(self) -> None:
        """Feed one child until there is no more to feed."""
        limit, opening = self._settings.sink_timeout, self._opening
        self._said = None
        child = self._child = Child(HOSTED)
        listener = threading.Thread(target=self._listen, args=(child,), daemon=True)
        try:
            child.send(Message("open", opening.fields | {"limit": limit}), limit + START)
            answer = child.receive(limit + START)
            if answer.kind != "ready":
                raise _Failed(str(answer.fields.get("said", "it does not answer")))
            self._is_open(answer)
            listener.start()
            for message in self._queue:
                child.send(message, limit)
                self._frames += 1
            if not child.end(limit):
                raise ChildGone(self._said or "it could not be completed")
        except ChildGone as error:
            if listener.ident is not None:
                child.kill()
                listener.join()  # it may have heard why
            raise _Failed(self._said or str(error)) from error
        finally:
            child.close()
            if listener.ident is not None:
                listener.join()

    def _is_open(self, answer: Message) -> None:
        if self._state == "down":
            log.warning("%s is back", self._opening.label)
        self.notes = list(answer.fields.get("notes", []))
        self._state, self._why = "running", ""
        self._tried.set()

    def _listen(self, child: Child) -> None:
        try:
            while True:
                message = child.receive(None)
                if message.kind == "failed":
                    self._said = str(message.fields["said"])
                elif message.kind in ("key", "closed"):
                    self._on_event(message.kind, str(message.fields.get("key", "")))
        except ChildGone:
            return

    def _fail(self, why: str) -> None:
        if not self._tried.is_set() and self._opening.must_open:
            self._first_failure = why
        if self._state != "down" and not self._stopping.is_set():
            log.warning("output %s failed: %s; it is opened anew", self._opening.label, why)
        self._state, self._why = "down", why

    def _complain(self) -> None:
        now = monotonic()
        if now - self._complained_at >= COMPLAIN:
            self._complained_at = now
            lost = self._queue.dropped
            what = "is too slow" if self._state == "running" else "is down"
            log.warning("output %s %s: %d frames dropped so far", self._opening.label, what, lost)
