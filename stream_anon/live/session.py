"""Threads and ownership of a live run, and the one loop that looks after them.

    capture thread ──▶ inference thread ──▶ presenting thread ──▶ one thread for each output
        source             worker               redactor               child process

Whatever hangs, hangs in a thread or a process that somebody watches. The caller's thread does no
work on pictures: it answers to signals, keys and clocks.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.channel import Cancelled
from stream_anon.live.lines import log_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Redaction
    from stream_anon.live.inference import Inference
    from stream_anon.live.lane import Lane
    from stream_anon.live.notify import Notifier
    from stream_anon.live.presenter import Presenter
    from stream_anon.live.stats import LiveStats, Snapshot
    from stream_anon.sinks.supervised import SupervisedSink
    from stream_anon.sources.live import LiveSource

log = logging.getLogger(__name__)
figures_log = logging.getLogger("stream_anon.live.figures")

TICK = 0.1
"""Seconds between two looks at everything."""
FINISHING, FINISHING_AT_THE_END = 1.6, 30.0
"""Seconds that outputs have to complete what they write: when stopped, and when all is over."""
DEAD = 5.0
"""Seconds without picture or slate after which the service manager is told nothing any more."""
JOIN = 0.3
"""Seconds that a thread has to come to its end."""


class LiveSession:
    """Runs until it is stopped, or until its source has ended for good."""

    def __init__(
        self,
        source: LiveSource,
        lane: Lane,
        presenter: Presenter,
        sinks: list[SupervisedSink],
        notifier: Notifier,
    ) -> None:
        """Everything is open; nothing runs yet. The caller closes what it opened."""
        self._source, self._lane = source, lane
        self.inference: Inference | None = None
        """Set before `run`: it takes seconds to load."""
        self._presenter, self._sinks, self._notifier = presenter, sinks, notifier
        self._events: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._load_redaction: Callable[[], Redaction] | None = None
        self._threads = [
            threading.Thread(target=work, name=f"stream_anon {name}", daemon=True)
            for name, work in (("capture", self._capture), ("presenting", self._present))
        ]

    # -- from other threads and from signals --------------------------------------------------

    def stop(self) -> None:
        """End the run soon; may be called from anywhere, signal handlers too."""
        self._stopping.set()

    def reload_with(self, load: Callable[[], Redaction]) -> None:
        """Read the settings again, in the run's own thread; from anywhere."""
        self._load_redaction = load

    def tell(self, kind: str, text: str) -> None:
        """What a window tells: a key was pressed, or it was closed."""
        self._events.put((kind, text))

    # -- the loop -----------------------------------------------------------------------------

    def run(self) -> None:
        """Run until the end.

        Raises:
            StreamAnonError: what ended the run, after outputs were completed.
        """
        if self.inference is None:
            raise ValueError("there is nothing to work out masks with")
        try:
            self.inference.start()
            for thread in self._threads:
                thread.start()
            self._look_after()
        finally:
            self._end()
        if self._error is not None:
            raise self._error

    def _look_after(self) -> None:
        beat = self._notifier.watchdog_interval or float("inf")
        beaten = logged = monotonic()
        while not self._stopping.wait(TICK):
            now = monotonic()
            if self.inference is not None:
                self.inference.check()
            self._answer()
            self._reload()
            figures = self._take_stock()
            if now - beaten >= beat and self._presenter.idle < DEAD:
                self._notifier.alive()
                beaten = now
            if now - logged >= self._lane.settings.log_interval:
                figures_log.info("%s", log_line(figures))
                self._notifier.status(log_line(figures))
                logged = now
            if not self._threads[1].is_alive():
                return

    def _answer(self) -> None:
        while True:
            try:
                kind, text = self._events.get_nowait()
            except Empty:
                return
            if kind == "closed" or text == "q":
                log.info("the preview was closed: the run ends")
                self.stop()
            else:
                self._lane.controls.press(text)

    def _reload(self) -> None:
        load, self._load_redaction = self._load_redaction, None
        if load is None:
            return
        self._notifier.reloading()
        try:
            self._lane.controls.reload(load())
        except Exception as error:  # noqa: BLE001 - the run goes on with what it has
            log.error("settings were not reloaded: %s", error)
        self._notifier.ready()

    def _take_stock(self) -> Snapshot:
        stats = self._lane.stats
        count_source(stats, self._source)
        for sink in self._sinks:
            status = sink.status
            up = status.state in ("running", "starting")
            stats.set_sink(
                status.label,
                status.why if status.state == "down" else status.state,
                up=up,
                frames=status.frames,
                dropped=status.dropped,
                restarts=status.restarts,
            )
        return stats.snapshot()

    # -- the threads --------------------------------------------------------------------------

    def _capture(self) -> None:
        lane = self._lane
        try:
            for frame in self._source.frames():
                lane.stats.count_in(frame)
                lane.put(frame)
        except Cancelled:
            return
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the run
            self._error = error
        lane.frames.close()

    def _present(self) -> None:
        try:
            self._presenter.run(self._lane.masked)
        except Cancelled:
            return
        except BaseException as error:  # noqa: BLE001 - raised again at the end of the run
            self._error = self._error or error

    # -- the end ------------------------------------------------------------------------------

    def _end(self) -> None:
        """Files are completed first: nothing else is worth waiting for."""
        self._notifier.stopping()
        self._source.cancel()
        self._lane.frames.cancel()
        self._lane.masked.cancel()
        for thread in reversed(self._threads):
            if thread.ident is not None:
                thread.join(JOIN)
        patience = FINISHING if self._stopping.is_set() else FINISHING_AT_THE_END
        finishing = [
            threading.Thread(target=sink.finish, args=(patience,), daemon=True)
            for sink in self._sinks
        ]
        for thread in finishing:
            thread.start()
        for thread in finishing:
            thread.join()
        self._take_stock()
        if self.inference is not None:
            self.inference.close(JOIN)


def count_source(stats: LiveStats, source: LiveSource) -> None:
    """How the source is doing."""
    state = source.state
    stats.set_source(connected=state.connected, reconnects=state.reconnects, reason=state.reason)
