"""One camera while it is on: its process, what that says, and starting it again."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from stream_anon.core.credentials import without_credentials
from stream_anon.detectors.remote.ports import Port, PortClosed
from stream_anon.processes.backoff import Backoff
from stream_anon.processes.child import START_LIMIT, Child, ChildGone
from stream_anon.processes.wire import Message
from stream_anon.web.cameras.history import History
from stream_anon.web.cameras.slot import NewestPicture

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Settings
    from stream_anon.web.cameras.detectors import DetectorService
    from stream_anon.web.cameras.raw_view import RawView

log = logging.getLogger(__name__)

MODULE = "stream_anon.web.cameras.child"
FIRST_WAIT, LONGEST_WAIT, PERMANENT_WAIT = 1.0, 60.0, 60.0
"""Seconds before a process is started again, and where it says that trying again will not do."""
SILENCE = 10.0
"""Seconds without a word after which a process is taken to hang; it reports twice a second."""
HEALTHY = 30.0
"""Seconds of pictures after which earlier failures are forgotten."""
SENDING, ENDING = 2.0, 2.5
"""Seconds that a process may take to take an order, and to end when asked to."""
MOST_JPEG = 1 << 25
"""Bytes of a picture; a larger one is nonsense."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a camera's process is to do."""

    name: str
    source: str
    """With credentials: they go through a pipe, never into arguments."""
    settings: Settings


class RunningCamera:
    """Keeps the process of one camera running. Any thread may call anything."""

    def __init__(
        self,
        order: Order,
        detectors: DetectorService,
        on_change: Callable[[], object],
        module: str = MODULE,
    ) -> None:
        """Nothing runs yet.

        Args:
            order: what to run.
            detectors: where its networks run.
            on_change: called when its state changes.
            module: of the process.
        """
        self._order, self._detectors, self._on_change = order, detectors, on_change
        self._module = module
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._links: Port | None = None
        self._wake = threading.Event()
        self._is_over = False
        self._is_ending = False
        self._thread: threading.Thread | None = None
        self.newest = NewestPicture()
        self._told_watched = False
        self.history = History()
        self.state, self.reason = "stopped", ""
        self.figures: dict[str, Any] = {}
        """What its process said last; empty while there is none."""
        self.restarts = 0
        self._raw: RawView | None = None

    @property
    def pid(self) -> int | None:
        """Of its process, while that runs."""
        child = self._child
        return None if child is None else child.pid

    # -- from outside -----------------------------------------------------------------------------

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._set_state("starting")
        self._thread = threading.Thread(target=self._keep, name="stream_anon camera", daemon=True)
        self._thread.start()

    def renew(self, order: Order) -> None:
        """Begin anew with another order."""
        with self._lock:
            self._order = order
            child = self._child
        self._set_state("starting")
        self._wake.set()
        if child is not None:
            child.kill()

    @property
    def order(self) -> Order:
        """What it was told last."""
        return self._order

    def redact(self, order: Order) -> None:
        """Other settings of redaction, which its detectors can do: from the next frame on."""
        with self._lock:
            self._order = order
        redaction = order.settings.redaction.model_dump(mode="json")
        self._send(Message("redaction", {"redaction": redaction}))

    @property
    def raw(self) -> RawView | None:
        """What an operator sees without redaction; None where nobody does."""
        return self._raw

    def show_raw(self, view: RawView) -> None:
        """Let an operator see raw pictures; ends when `view` does."""
        self.hide_raw("another one has begun")
        self._raw = view
        self._send(Message("raw", {"banner": view.banner}))
        self._on_change()

    def hide_raw(self, why: str) -> None:
        """No raw pictures any more."""
        with self._lock:
            view, self._raw = self._raw, None
        if view is not None:
            view.end(why)
            self._send(Message("raw", {"banner": ""}))
            self._on_change()

    def _check_raw(self) -> None:
        view = self._raw
        if view is not None and (why := view.why_over()) is not None:
            self.hide_raw(why)

    def ask_to_end(self) -> None:
        """Say that it is to end, and come back at once; `close` waits."""
        self._is_over = self._is_ending = True
        self.hide_raw("the camera has ended")
        self._wake.set()
        self.newest.end()
        self._send(Message("stop"))

    def close(self, patience: float = ENDING) -> None:
        """End it. Called once, by the owner; nothing of it is left."""
        if not self._is_ending:
            self.ask_to_end()
        if self._thread is None:
            return
        self._thread.join(patience)
        child = self._child
        if self._thread.is_alive() and child is not None:
            child.kill()
        self._thread.join()
        self._set_state("stopped")

    # -- its process ------------------------------------------------------------------------------

    def _keep(self) -> None:
        backoff = Backoff(FIRST_WAIT, LONGEST_WAIT)
        while not self._is_over:
            self._wake.clear()
            wait, reason = 0.0, ""
            try:
                self._serve(backoff)
            except SaidFailed as failed:
                wait, reason = PERMANENT_WAIT if failed.permanent else backoff.wait(), str(failed)
            except (ChildGone, PortClosed, OSError) as error:
                wait, reason = backoff.wait(), f"its process has ended: {error}"
            finally:
                self._end_child()
            if self._is_over or self._wake.is_set():  # it was killed for a new order
                continue
            self.restarts += 1
            self._set_state("failed", reason or "its stream has ended")
            log.error("camera %s: %s", self._order.name, self.reason)
            self._wake.wait(wait or backoff.wait())
            if not self._is_over:
                self._set_state("starting")

    def _serve(self, backoff: Backoff) -> None:
        """Run one process until it is gone."""
        order, is_watched = self._order, self.newest.viewers > 0
        child = self._open(order, watched=is_watched)
        with self._lock:  # nothing is sent before what it begins with
            self._child = child
        if self._is_over or self._order is not order:  # since then
            self._wake.set()
            return
        self._told_watched = is_watched
        self._detectors.follow(self._take_link)
        self.history.begin_anew()
        began, limit = monotonic(), START_LIMIT
        while True:
            message = child.receive(limit)
            limit = SILENCE
            if message.kind == "ended":
                return
            self._hear(message)
            self._tell_watched()
            self._check_raw()
            if self.state == "live" and monotonic() - began > HEALTHY:
                backoff.reset()

    def _open(self, order: Order, *, watched: bool) -> Child:
        """Start a process, and tell it what to do."""
        ours, theirs = Port.pair()
        with self._lock:
            self._links = ours
        fields = {
            "name": order.name,
            "source": order.source,
            "settings": order.settings.model_dump(mode="json"),
            "watched": watched,
            "links": theirs.fileno(),
        }
        try:
            child = Child(self._module, pass_fds=[theirs.fileno()])
        finally:
            theirs.let_go()
        child.most_received = MOST_JPEG
        try:
            child.send(Message("open", fields), START_LIMIT)
        except BaseException:
            child.close()
            raise
        return child

    def _hear(self, message: Message) -> None:
        fields = message.fields
        if message.kind == "picture":
            self.newest.put(message.planes[0].tobytes())
        elif message.kind == "raw":
            view = self._raw
            if view is not None:
                view.put(message.planes[0].tobytes())
        elif message.kind == "figures":
            self.figures = fields
            self.history.note(time(), fields)
            if fields["connected"]:
                self._set_state("live")
            elif fields["reason"] or self.state == "live":
                self._set_state("reconnecting", fields["reason"])
        elif message.kind == "log":
            text = without_credentials(str(fields.get("text", "")))
            log.log(int(fields.get("level", logging.INFO)), "%s", text)
        elif message.kind == "failed":
            failed = SaidFailed(str(fields["reason"]))
            failed.permanent = fields["permanent"] is True
            raise failed

    def _take_link(self, link: Port) -> None:
        with self._lock:
            links = self._links
        try:
            if links is not None:
                links.send({"kind": "link"}, [link.fileno()])
        except PortClosed:
            pass
        finally:
            link.let_go()

    def _tell_watched(self) -> None:
        """Between messages, of which two a second come: an event loop must not wait for a pipe."""
        is_watched = self.newest.viewers > 0
        if is_watched != self._told_watched:
            self._told_watched = is_watched
            self._send(Message("watched", {"on": is_watched}))

    def _send(self, message: Message) -> None:
        with self._lock:
            child = self._child
            if child is not None:
                try:
                    child.send(message, SENDING)
                except ChildGone:
                    return  # whoever receives from it finds out

    def _end_child(self) -> None:
        self._detectors.leave(self._take_link)
        with self._lock:
            child, self._child = self._child, None
            links, self._links = self._links, None
        if child is not None:
            child.close()
        if links is not None:
            links.let_go()
        self.hide_raw("the camera's process has ended")
        self.newest.clear()
        self.figures = {}

    def _set_state(self, state: str, reason: str = "") -> None:
        reason = without_credentials(reason)
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._on_change()


class SaidFailed(Exception):
    """What a process said last. Internal."""

    permanent = False
    """Trying again will not do."""
