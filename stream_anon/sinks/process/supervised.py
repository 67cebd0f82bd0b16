"""A sink in a supervised child process, reopened if it fails or hangs. Never blocks its feeder."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.core.channel import Cancelled, Channel, Overflow
from stream_anon.core.rate_limited_log import RateLimitedLog
from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.errors import ConfigError, SinkError, StreamAnonError
from stream_anon.processes.backoff import Backoff
from stream_anon.processes.child import START_LIMIT, Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Live

log = stream_logger(__name__)

HOSTED = "stream_anon.sinks.process.hosted"
UNSTOPPABLE = 5.0
"""Seconds to wait for a process that even the system cannot end: it hangs in a device."""
RECOVERED_AFTER = 25
"""Pictures that an output has to take to count as recovered: a full disk takes a few."""
HEALTHY_AFTER = 10.0
"""Seconds that a sink has to work until its backoff is reset."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A sink to open, and how to supervise it."""

    label: str
    """Display name, without credentials."""
    fields: dict[str, Any] = field(repr=False)
    """For `hosted`; may hold credentials."""
    room: int
    """Messages that wait for it; the oldest is dropped for a new one."""
    must_open: bool = True
    """A first failure to open it is the user's to know; otherwise it is retried."""
    newest_only: bool = False
    """It shows what is new, and what it does not show is not a loss."""


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How a sink does."""

    label: str
    state: str
    """`starting`, `running`, `down` or `finished`."""
    why: str = ""
    """The last error, without addresses."""
    frames: int = 0
    """Frames handed over."""
    dropped: int = 0
    """Frames that it was too slow for, or not there for."""
    restarts: int = 0


class _Failed(Exception):
    """The child cannot go on."""

    def __init__(self, why: str, *, for_good: bool = False) -> None:
        super().__init__(why)
        self.for_good = for_good
        """The request is invalid; retrying cannot succeed."""


class SupervisedSink:
    """Owns a child process and the thread that feeds it."""

    def __init__(
        self, opening: Opening, settings: Live, on_event: Callable[[str, str], None]
    ) -> None:
        """Start nothing yet.

        Args:
            opening: what to open.
            settings: time limits and waits.
            on_event: called with the kind and text of a window's events: `key` and `closed`.
        """
        self._opening, self._settings, self._on_event = opening, settings, on_event
        self._queue: Channel[Message] = Channel(opening.room, Overflow.DROP_OLDEST)
        self._backoff = Backoff(settings.backoff, settings.longest_backoff)
        self._stopping = threading.Event()
        self._tried = threading.Event()
        self._child: Child | None = None
        self._said: str | None = None
        self._is_done = self._was_down = self._was_closed = False
        self._state, self._why = "starting", ""
        self._frames = self._restarts = 0
        self._opened: float | None = None
        """When the child that runs has opened it."""
        self._waited = 0.0
        """Seconds that the last child took to fail without having opened it."""
        self._failure_log = RateLimitedLog(log, logging.WARNING)
        self._drop_log = RateLimitedLog(log, logging.WARNING)
        self._thread = StreamThread(
            target=self._run, name=f"stream_anon sink {opening.label}", daemon=True
        )
        self.incomplete: str | None = None
        """Why it could not be completed, or was down at the end; None where all is well.

        A window that somebody has closed is well."""
        self.error: StreamAnonError | None = None
        """Why it could never be opened, where that is not to be retried."""

    @property
    def status(self) -> SinkStatus:
        dropped = 0 if self._opening.newest_only else self._queue.dropped
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
            ConfigError: what is asked of it makes no sense.
        """
        if self._opening.must_open:
            self._tried.wait()
        if self.error is not None:
            raise self.error

    def offer(self, message: Message) -> None:
        """Hand a message over; returns at once."""
        before = self._queue.dropped
        try:
            self._queue.put(message)
        except (Cancelled, ValueError):
            return
        if self._queue.dropped > before and not self._opening.newest_only:
            self._log_dropped()

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
        if self._thread.is_alive() and self._child is not None:
            if self._state != "down":
                self._note_unfinished("it did not end in time")
            self._child.kill()
        if self._thread.ident is not None:
            self._thread.join(UNSTOPPABLE)

    # -- the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._serve_once() and not self._stopping.wait(self._pause()):
                self._restarts += 1
        finally:
            if self._state == "down" and not self._was_closed:
                self._note_incomplete(self._why)
            self._state = "finished"
            self._queue.cancel()
            self._tried.set()

    def _pause(self) -> float:
        """Backoff until the next attempt, less the time already spent on one that never opened."""
        return max(0.0, self._backoff.wait() - self._waited)

    def _serve_once(self) -> bool:
        """Open the sink and feed it; True where it is to be reopened."""
        began, self._opened = monotonic(), None
        try:
            self._serve()
        except _Failed as error:
            self._fail(error)
        except Cancelled:
            return False
        except Exception as error:  # noqa: BLE001 - no memory, no threads: it is retried
            self._fail(_Failed(f"unexpected {type(error).__name__}"))
        else:
            return False
        self._waited = 0.0 if self._opened else monotonic() - began
        if self._opened and monotonic() - self._opened > HEALTHY_AFTER:
            self._backoff.reset()
        return self.error is None

    def _serve(self) -> None:
        """Feed one child until there is no more to feed."""
        limit = self._settings.sink_timeout
        self._said, self._is_done = None, False
        try:
            child = self._child = Child(HOSTED)
        except OSError as error:
            raise _Failed("the system cannot start more processes") from error
        listener = StreamThread(target=self._listen, args=(child,), daemon=True)
        try:
            self._open(child, limit)
            listener.start()
            for count, message in enumerate(self._queue):
                child.send(message, limit)
                self._frames += 1
                if count == RECOVERED_AFTER and self._was_down:
                    log.warning("output %s is back", self._opening.label)
            child.end(limit)
            listener.join(UNSTOPPABLE)
            if not self._is_done:
                raise _Failed(self._said or "it could not be completed")
        except ChildGone as error:
            if listener.ident is not None:
                child.kill()
                listener.join(UNSTOPPABLE)  # it may have heard why
            raise _Failed(self._said or str(error)) from error
        finally:
            child.close()
            if listener.ident is not None:
                listener.join(UNSTOPPABLE)

    def _open(self, child: Child, limit: float) -> None:
        child.send(Message("open", self._opening.fields | {"limit": limit}), limit + START_LIMIT)
        while (answer := child.receive(limit + START_LIMIT)).kind == "log":
            self._pass_on(answer)
        if answer.kind != "ready":
            code = answer.fields.get("code")
            raise _Failed(
                str(answer.fields.get("said", "it does not answer")),
                for_good=code == ConfigError.exit_code,
            )
        for note in answer.fields.get("notes", []):
            log.warning("output %s: %s", self._opening.label, note)
        self._was_down = self._state == "down"
        self._state, self._why = "running", ""
        self._opened = monotonic()
        self._tried.set()

    def _listen(self, child: Child) -> None:
        try:
            while True:
                message = child.receive(None)
                if message.kind == "failed":
                    self._said = str(message.fields["said"])
                elif message.kind == "done":
                    self._is_done = True
                elif message.kind == "log":
                    self._pass_on(message)
                elif message.kind in ("key", "closed"):
                    self._was_closed = self._was_closed or message.kind == "closed"
                    self._on_event(message.kind, str(message.fields.get("key", "")))
        except ChildGone:
            return
        except (KeyError, TypeError, ValueError):
            child.kill()  # malformed messages: it is to be replaced

    def _pass_on(self, message: Message) -> None:
        """Forward a log message of the child."""
        level, text = int(message.fields["level"]), str(message.fields["text"])
        log.log(level, "output %s: %s", self._opening.label, text)

    def _fail(self, error: _Failed) -> None:
        why = str(error)
        if not self._tried.is_set() and (self._opening.must_open or error.for_good):
            self.error = (ConfigError if error.for_good else SinkError)(why)
        elif not self._stopping.is_set():
            self._failure_log.write(f"output {self._opening.label} failed: {why}; reopening it")
        elif self._state == "running":
            self._note_unfinished(why)
            return
        self._state, self._why = "down", why

    def _note_unfinished(self, why: str) -> None:
        """It was up, and its end went wrong."""
        if not self._opening.newest_only:  # a window or a camera holds nothing that could be whole
            self._note_incomplete(why)

    def _note_incomplete(self, why: str) -> None:
        if self.incomplete is None:
            self.incomplete = why
            if self.error is None or self._stopping.is_set():  # else the error says so
                log.warning("output %s was not completed: %s", self._opening.label, why)

    def _log_dropped(self) -> None:
        what = "is too slow" if self._state == "running" else "is down"
        lost = self._queue.dropped
        self._drop_log.write(f"output {self._opening.label} {what}: {lost} frames dropped so far")
