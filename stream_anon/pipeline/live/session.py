"""Threads and ownership of a live run, and the one loop that supervises them.

    capture thread ──▶ inference thread ──▶ presenting thread ──▶ one thread for each output
        source             worker               redactor               child process

Whatever hangs, hangs in a thread or a process that somebody watches. The caller's thread does no
work on pictures: it answers to signals, keys and clocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING

from stream_anon.core.channel import Cancelled
from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.pipeline.figures.lines import log_line

if TYPE_CHECKING:
    from stream_anon.config import Redaction
    from stream_anon.pipeline.figures.notify import Notifier
    from stream_anon.pipeline.figures.stats import LiveStats, Snapshot
    from stream_anon.pipeline.live.context import InferenceContext
    from stream_anon.pipeline.live.fanout import Fanout
    from stream_anon.pipeline.live.inference import Inference
    from stream_anon.pipeline.live.presenter import Presenter
    from stream_anon.sources.live.source import LiveSource

log = stream_logger(__name__)
figures_log = stream_logger("stream_anon.live.figures")

TICK = 0.1
"""Seconds between two rounds of supervision."""
ENDING, ENDING_BY_ITSELF = 1.7, 30.0
"""Seconds for everything to end, outputs first of all: when it was asked for, and when not."""
PAUSED = 1.0
"""Seconds between two rounds after which the whole program must have been suspended."""
DEAD = 5.0
"""Seconds without picture or slate after which the service manager gets no more heartbeats."""
JOIN = 0.2
"""Seconds that a thread has to come to its end."""


@dataclass(slots=True)
class Requests:
    """Requests from outside. Plain values, because signal handlers must not take locks."""

    stop: bool = False
    reload: Callable[[], Redaction] | None = None
    """Reads the settings again."""


class LiveSession:
    """Runs until it is stopped, or until its source has ended for good."""

    def __init__(
        self,
        source: LiveSource,
        context: InferenceContext,
        presenter: Presenter,
        fanout: Fanout,
        notifier: Notifier,
        requests: Requests,
    ) -> None:
        """Nothing runs yet. The caller closes what it opened."""
        self._source, self._context = source, context
        self._presenter, self._fanout, self._notifier = presenter, fanout, notifier
        self._events: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._requests = requests
        self._error: BaseException | None = None
        self._capturing = _thread("capture", self._capture)
        self._presenting = _thread("presenting", self._present)

    def tell(self, kind: str, text: str) -> None:
        """An event of a window: a key was pressed, or it was closed. From any thread."""
        self._events.put((kind, text))

    # -- the loop -----------------------------------------------------------------------------

    def run(self, inference: Inference) -> None:
        """Run until the end.

        Raises:
            StreamAnonError: what ended the run, after outputs were completed.
        """
        try:
            inference.start()
            self._capturing.start()
            self._presenting.start()
            self._supervise(inference)
        finally:
            self._end(inference)
        if self._error is not None:
            raise self._error

    def _supervise(self, inference: Inference) -> None:
        beat = self._notifier.watchdog_interval or float("inf")
        beaten = logged = monotonic()
        now = beaten
        while not self._requests.stop and self._presenting.is_alive():
            sleep(TICK)
            before, now = now, monotonic()
            inference.check(now - before if now - before > PAUSED else 0.0)
            self._answer()
            self._reload()
            figures = self._take_stock()
            self._fanout.check()
            if now - beaten >= beat and self._presenter.idle < DEAD:
                self._notifier.alive()
                beaten = now
            if now - logged >= self._context.settings.log_interval:
                figures_log.info("%s", log_line(figures))
                self._notifier.status(log_line(figures))
                logged = now

    def _answer(self) -> None:
        while True:
            try:
                kind, text = self._events.get_nowait()
            except Empty:
                return
            if kind == "closed" or text == "q":
                log.info("the preview was closed: the run ends")
                self._requests.stop = True
            else:
                self._context.controls.press(text)

    def _reload(self) -> None:
        load, self._requests.reload = self._requests.reload, None
        if load is None:
            return
        self._notifier.reloading()
        try:
            self._context.controls.reload(load())
        except Exception as error:  # noqa: BLE001 - the run goes on with what it has
            log.error("settings were not reloaded: %s", error)
        self._notifier.ready()

    def _take_stock(self) -> Snapshot:
        count_source(self._context.stats, self._source)
        self._fanout.count()
        return self._context.stats.snapshot()

    # -- the threads --------------------------------------------------------------------------

    def _capture(self) -> None:
        context = self._context
        try:
            for frame in self._source.frames():
                context.stats.count_in(frame)
                context.put(frame)
        except Cancelled:
            return
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the run
            self._error = error
        context.frames.close()

    def _present(self) -> None:
        try:
            self._presenter.run(self._context.masked)
        except Cancelled:
            return
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the run
            self._error = self._error or error

    # -- the end ------------------------------------------------------------------------------

    def _end(self, inference: Inference) -> None:
        """Files are completed first: nothing else is worth waiting for."""
        self._notifier.stopping()
        patience = ENDING if self._requests.stop else ENDING_BY_ITSELF
        deadline = monotonic() + patience
        self._source.cancel()
        for channel in (self._context.frames, self._context.masked):
            channel.cancel()
        for thread in (self._presenting, self._capturing):
            if thread.ident is not None:
                thread.join(JOIN)
        finishing = [
            _thread("finishing", partial(sink.finish, deadline - monotonic() - JOIN))
            for sink in self._fanout.end()
        ]
        for thread in finishing:
            thread.start()
        while any(thread.is_alive() for thread in finishing) and monotonic() < deadline:
            if self._requests.stop and patience == ENDING_BY_ITSELF:
                break  # asked for after all
            sleep(TICK / 5)
        inference.close(JOIN)
        self._take_stock()


def _thread(name: str, work: Callable[[], None]) -> threading.Thread:
    return StreamThread(target=work, name=f"stream_anon {name}", daemon=True)


def count_source(stats: LiveStats, source: LiveSource) -> None:
    """How the source is doing."""
    state = source.state
    stats.set_source(
        connected=state.connected,
        reconnects=state.reconnects,
        reason=state.reason,
        dropped=state.dropped,
        lost_packets=source.losses.packets,
    )
