"""From settings and addresses to a live run."""

from __future__ import annotations

import logging
import math
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from stream_anon.core.channel import Cancelled, Channel, Overflow
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.detectors.scopes import choose
from stream_anon.errors import ConfigError
from stream_anon.pipeline.engines import load_engines
from stream_anon.pipeline.figures.metrics import health, serve_metrics
from stream_anon.pipeline.figures.notify import Notifier
from stream_anon.pipeline.figures.stats import LiveStats
from stream_anon.pipeline.live.context import InferenceContext
from stream_anon.pipeline.live.controls import Controls
from stream_anon.pipeline.live.engines import LiveEngines
from stream_anon.pipeline.live.inference import Inference
from stream_anon.pipeline.live.outputs import Outputs, openings, parse_outputs
from stream_anon.pipeline.live.presenter import Presenter
from stream_anon.pipeline.live.session import TICK, LiveSession, Requests, count_source
from stream_anon.sinks.process.supervised import SupervisedSink
from stream_anon.sinks.window.window import check_display
from stream_anon.sources.live.address import parse_source
from stream_anon.sources.live.source import LiveSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Redaction, Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.pipeline.figures.stats import Snapshot

log = logging.getLogger(__name__)
T = TypeVar("T")

LOADING = 600.0
"""Seconds that engines may take to load; m2fp is converted at its first use."""
HEALTHY_FOR = 3.0
"""Times the watchdog's limit without an intact frame after which a run is unhealthy."""


class LiveRun:
    """A run, described and not begun. `run` is called once, everything else from anywhere."""

    def __init__(
        self,
        source: str,
        outputs: Outputs,
        settings: Settings,
        *,
        pace: bool = False,
    ) -> None:
        """Check everything that can be checked without opening it.

        Args:
            source: a webcam, an address, or with `pace` a file.
            outputs: where to.
            settings: everything else.
            pace: play a file at its own pace.

        Raises:
            StreamAnonError: this cannot be run.
        """
        self._settings = settings = _for_live(settings)
        self._addresses = parse_outputs(outputs)
        if outputs.preview:
            check_display()
        self._outputs = outputs
        self._detectors = choose(settings.parsing.engine, settings.redaction.scope)
        self._controls = Controls(
            settings.redaction, self._detectors, debug=settings.live.mode == "debug"
        )
        address = parse_source(source, pace=pace, settings=settings.live)
        self._source, self._source_label = LiveSource(address, settings.live), address.label
        self._session: LiveSession | None = None
        self._sinks: list[SupervisedSink] = []
        self._requests = Requests()
        self._notifier = Notifier()
        self.stats = LiveStats()
        """Counts, from the beginning on."""

    @property
    def label(self) -> str:
        """Display name of the source, without credentials."""
        return self._source_label

    @property
    def incomplete(self) -> dict[str, str]:
        """Outputs that could not be completed or were down at the end, and why."""
        return {s.status.label: s.incomplete for s in self._sinks if s.incomplete}

    def stop(self) -> None:
        """End the run soon. Takes no lock, so that signal handlers may call it."""
        self._requests.stop = True

    def reload_with(self, load: Callable[[], Redaction]) -> None:
        """Have the settings for redaction read again, soon; as `stop`."""
        self._requests.reload = load

    def run(self) -> Snapshot:
        """Run until it is stopped or the source has ended for good.

        Returns:
            The figures at the end.

        Raises:
            StreamAnonError: what ended the run.
        """
        live = self._settings.live
        if live.mode == "debug":
            log.warning("debug mode: every picture has a banner, and the preview can show raw ones")
        with ExitStack() as stack:
            stack.enter_context(single_threaded_opencv)
            stack.callback(self._source.close)
            if live.metrics_port:
                server = serve_metrics(
                    live.metrics_host, live.metrics_port, self.stats.snapshot, self._health
                )
                stack.callback(server.close)
            self._notifier.ready()
            stack.callback(self._notifier.stopping)
            with suppress(Cancelled):  # stopped before anything came
                info = self._patiently(self._source.connect, math.inf)
                if info.converted_from:
                    log.warning(
                        "pictures are converted from %s to 8-bit 4:2:0", info.converted_from
                    )
                self._play(stack, info)
        return self.stats.snapshot()

    def _patiently(self, work: Callable[[], T], limit: float = LOADING) -> T:
        """Do what may take long in a thread, and stay answerable meanwhile.

        Args:
            work: what to do; abandoned when the run is stopped.
            limit: seconds after which no more heartbeats are sent to the service manager.

        Raises:
            Cancelled: the run was stopped.
        """
        future: Future[T] = Future()
        name = "stream_anon opening"
        thread = threading.Thread(target=_fulfil, args=(future, work), name=name, daemon=True)
        thread.start()
        began = monotonic()
        while not future.done():
            thread.join(TICK)
            count_source(self.stats, self._source)
            if self._requests.stop:
                self._source.cancel()
                thread.join(TICK)
                raise Cancelled
            if monotonic() - began < limit:
                self._notifier.alive()
        return future.result()

    def _health(self) -> tuple[bool, str]:
        return health(self.stats.snapshot(), HEALTHY_FOR * self._settings.live.watchdog)

    # -- opening ------------------------------------------------------------------------------

    def _play(self, stack: ExitStack, info: StreamInfo) -> None:
        settings = self._settings
        context = self._context(info)
        sinks = self._sinks = [
            SupervisedSink(opening, settings.live, self._tell)
            for opening in openings(self._outputs, self._addresses, settings, info)
        ]
        for sink in sinks:
            stack.callback(sink.close)
        preview = sinks[-1] if self._outputs.preview else None
        presenter = Presenter(
            info,
            settings,
            self._controls,
            self._source,
            self.stats,
            [sink for sink in sinks if sink is not preview],
            preview,
        )
        session = self._session = LiveSession(
            self._source, context, presenter, sinks, self._notifier, self._requests
        )
        try:
            for sink in sinks:
                sink.start()
            inference = self._patiently(lambda: Inference(context))
            for sink in sinks:
                self._patiently(sink.wait_open)
        except BaseException:
            for sink in sinks:
                sink.finish(1.0)  # so that no file without a picture is left
            raise
        hidden = ", ".join(sorted(self._controls.choice.hidden))
        names = "+".join(row.name for row in self._detectors)
        log.info("engine %s, hiding %s", names, hidden)
        session.run(inference)

    def _tell(self, kind: str, text: str) -> None:
        if self._session is not None:
            self._session.tell(kind, text)

    def _context(self, info: StreamInfo) -> InferenceContext:
        settings = self._settings
        rate = float(info.nominal_rate)
        room = max(2, round(settings.live.latency * rate) + 1)
        frames: Channel[Frame] = Channel(room, Overflow.DROP_OLDEST)
        masked: Channel[MaskedFrame] = Channel(2 * room, Overflow.DROP_OLDEST)

        def load() -> LiveEngines:
            return LiveEngines(load_engines(self._detectors, settings, info, None), settings, info)

        return InferenceContext(load, frames, masked, settings.live, self._controls, self.stats)


def _fulfil(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where the result is taken
        future.set_exception(error)


def _for_live(settings: Settings) -> Settings:
    """The settings of a live run for the code shared with recordings."""
    live = settings.live
    if live.lookahead > live.latency:
        raise ConfigError(
            f"live.lookahead ({live.lookahead:g} s) is longer than live.latency "
            f"({live.latency:g} s): nothing could be shown in time"
        )
    return settings.model_copy(
        update={"pipeline": settings.pipeline.model_copy(update={"stall": live.stall})}
    )
