"""From settings and addresses to a live run."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import TYPE_CHECKING, TypeVar

from stream_anon.core.channel import Cancelled
from stream_anon.core.frame import ColorTags
from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.stream_log import StreamName, stream_logger
from stream_anon.detectors.runtime import Network, Networks
from stream_anon.detectors.scopes import choose
from stream_anon.pipeline.figures.metrics import health, serve_metrics
from stream_anon.pipeline.figures.notify import Notifier
from stream_anon.pipeline.figures.stats import LiveStats
from stream_anon.pipeline.live.controls import Controls
from stream_anon.pipeline.live.fanout import Fanout
from stream_anon.pipeline.live.inference import Inference
from stream_anon.pipeline.live.once import Once
from stream_anon.pipeline.live.opening import context_for, for_live, in_thread
from stream_anon.pipeline.live.presenter import Presenter
from stream_anon.pipeline.live.session import LiveSession, Requests, count_source
from stream_anon.pipeline.rules import warn_of_reading
from stream_anon.pipeline.sealing import check_not_sealed
from stream_anon.sinks.window.window import check_display
from stream_anon.sources.live.source import LiveSource
from stream_anon.sources.registry import parse_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from types import TracebackType
    from typing import Self

    from stream_anon.config import Redaction, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import DebugFrame
    from stream_anon.pipeline.figures.stats import Snapshot
    from stream_anon.pipeline.live.outputs import Outputs
    from stream_anon.sinks.tap import TapSink

log = stream_logger(__name__)
T = TypeVar("T")

LOADING = 600.0
"""Seconds that engines may take to load; m2fp is converted at its first use."""
DROPPING = 30.0
"""Seconds that completing an output may take that is dropped."""
HEALTHY_FOR = 3.0
"""Times the watchdog's limit without an intact frame after which a run is unhealthy."""


class LiveRun(AbstractContextManager["LiveRun"]):
    """A live run: prepared, then run once, in the caller's thread or in one of its own.

    `stream_anon.prepare_live` makes one. All but `run` may be called from any thread. As a context
    manager it stops and waits for its end:

        with stream_anon.prepare_live("rtsp://camera/stream", to=["cam.mkv"]).start() as run:
            for frame in run.tap():  # what goes out, redacted
                ...
    """

    def __init__(
        self,
        source: str,
        outputs: Outputs,
        settings: Settings,
        *,
        pace: bool = False,
        name: str | None = None,
        networks: Networks = Network,
        on_debug: Callable[[DebugFrame], None] | None = None,
    ) -> None:
        """Check everything that can be checked without opening it.

        Args:
            source: a webcam, an address, or with `pace` a file.
            outputs: where to.
            settings: everything else.
            pace: play a file at its own pace.
            name: of the stream, for the log; None takes the source's, without credentials.
            networks: loads the detectors' networks.
            on_debug: called, by the thread that presents, with what `show_raw` asks for.

        Raises:
            StreamAnonError: this cannot be run.
        """
        check_not_sealed(settings, "a live run")
        self._settings = settings = for_live(settings)
        address = parse_source(source, pace=pace, settings=settings.live)
        self._name = StreamName(name, address.label)
        self._networks, self._on_debug = networks, on_debug
        self.stats = LiveStats()
        """Counts, from the beginning on."""
        self._fanout = Fanout(outputs, settings, self.stats, self._name, self._tell)
        if outputs.preview:
            check_display()
        self._detectors = choose(
            settings.parsing.engine, settings.redaction.scope, settings.detectors
        )
        self._controls = Controls(
            settings.redaction, self._detectors, debug=settings.live.mode == "debug"
        )
        self._source, self._source_label = LiveSource(address, settings.live), address.label
        self._session: LiveSession | None = None
        self._info: StreamInfo | None = None
        self._requests = Requests()
        self._notifier = Notifier()
        self._once: Once[Snapshot] = Once()

    @property
    def label(self) -> str:
        """Display name of the source, without credentials."""
        return self._source_label

    @property
    def color(self) -> ColorTags:
        """How the numbers of its frames become colours; known when the first one comes."""
        return ColorTags() if self._info is None else self._info.color

    @property
    def incomplete(self) -> dict[str, str]:
        """Outputs that could not be completed or were down at the end, and why."""
        return self._fanout.incomplete

    # -- outputs ------------------------------------------------------------------------------

    def add_output(self, where: str | PathLike[str]) -> str:
        """Add an output to what is running, or will be: it begins with the next frame.

        Returns at once. One that cannot be opened is logged and in `incomplete`; the run and its
        other outputs go on.

        Args:
            where: as in `to` of `prepare_live`.

        Returns:
            Its label, without credentials, for `drop_output` and `stats`.

        Raises:
            ConfigError: it makes no sense, or there is one like it.
            SinkError: its folder is missing, or the run has ended.
        """
        return self._fanout.add(str(where))

    def drop_output(self, where: str | PathLike[str], *, timeout: float = DROPPING) -> None:
        """Complete one output and go on without it. A file is complete when this returns.

        Args:
            where: its label, or what it was named as.
            timeout: seconds that completing it may take.

        Raises:
            ConfigError: there is no such output.
            SinkError: it could not be completed, or was down.
        """
        self._fanout.drop(str(where), timeout)

    def tap(self) -> TapSink:
        """The redacted frames for a consumer in this process, which ends with the run.

        Of any number of taps, each holds the newest frame until it is taken. Closing one ends it.
        """
        return self._fanout.tap(self._settle)

    # -- running ------------------------------------------------------------------------------

    def run(self) -> Snapshot:
        """Run until it is stopped or the source has ended for good.

        Returns:
            The figures at the end.

        Raises:
            StreamAnonError: what ended the run.
        """
        return self._once.run(self._run)

    def start(self) -> Self:
        """Run in a thread of its own, and come back at once; `wait` waits for its end.

        Raises:
            StreamAnonError: the system cannot start more threads.
        """
        self._once.start(self._run, never=self._fanout.close)
        return self

    def wait(self, timeout: float | None = None) -> Snapshot:
        """Wait for the end of the run.

        Args:
            timeout: seconds to wait; None waits for as long as it runs.

        Returns:
            The figures at the end.

        Raises:
            TimeoutError: it still runs.
            StreamAnonError: what ended the run.
        """
        return self._once.wait(timeout, self._settle)

    def stop(self) -> None:
        """End the run soon. Takes no lock, so that signal handlers may call it.

        Whoever waits for a run that has not begun then stops waiting, and it never begins.
        """
        self._requests.stop = True

    def reload_with(self, load: Callable[[], Redaction]) -> None:
        """Have the settings for redaction read again, soon; as `stop`."""
        self._requests.reload = load

    def show_raw(self, *, on: bool) -> None:
        """Give raw pictures to `on_debug`, under a banner, or stop that; outputs get none.

        Raises:
            ConfigError: this is not a debug run.
        """
        self._controls.show_raw(on=on)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._settle()
        self._once.join()

    def _settle(self) -> None:
        """End a run that was stopped before it began."""
        if self._requests.stop:
            self._once.skip(self._never)

    def _never(self) -> Snapshot:
        self._fanout.close()
        return self.stats.snapshot()

    def _run(self) -> Snapshot:
        live = self._settings.live
        with ExitStack() as stack:
            stack.enter_context(self._name.at_work())
            stack.enter_context(single_threaded_opencv)
            stack.callback(self._source.close)
            stack.callback(self._fanout.close)
            if live.mode == "debug":
                log.warning(
                    "debug mode: every picture has a banner, and the preview can show raw ones"
                )
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
                if live.audio != "drop" and not info.sound:
                    log.warning("%s has no sound that can be read: outputs have none", self.label)
                self._play(info)
        return self.stats.snapshot()

    def _patiently(
        self,
        work: Callable[[], T],
        limit: float = LOADING,
        unused: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Do what may take long, and stay answerable meanwhile; see `in_thread`.

        Args:
            work: what to do; abandoned when the run is stopped.
            limit: seconds after which no more heartbeats are sent to the service manager.
            unused: given the result if it comes after that.

        Raises:
            Cancelled: the run was stopped.
        """

        def stay_answerable(seconds: float) -> None:
            count_source(self.stats, self._source)
            if self._requests.stop:
                self._source.cancel()
                raise Cancelled
            if seconds < limit:
                self._notifier.alive()

        return in_thread(work, stay_answerable, unused)

    def _health(self) -> tuple[bool, str]:
        return health(self.stats.snapshot(), HEALTHY_FOR * self._settings.live.watchdog)

    # -- opening ------------------------------------------------------------------------------

    def _play(self, info: StreamInfo) -> None:
        settings, fanout = self._settings, self._fanout
        self._info = info
        context = context_for(
            info, settings, self._detectors, self._controls, self.stats, self._networks
        )
        fanout.open(info)
        presenter = Presenter(
            info,
            settings,
            self._controls,
            self._source,
            self.stats,
            fanout,
            fanout.preview,
            fanout.feed,
            self._on_debug,
        )
        session = self._session = LiveSession(
            self._source, context, presenter, fanout, self._notifier, self._requests
        )
        inference: Inference | None = None
        try:
            inference = self._patiently(lambda: Inference(context), unused=_close)
            self._patiently(fanout.wait_open)
        except BaseException:
            if inference is not None:
                inference.close(0)
            for sink in fanout.end():
                sink.finish(1.0)  # so that no file without a picture is left
            raise
        warn_of_reading(settings.redaction, self._controls.choice.rules)
        hidden = ", ".join(sorted(self._controls.choice.hidden))
        names = "+".join(row.name for row in self._detectors)
        log.info("engine %s, hiding %s", names, hidden)
        session.run(inference)

    def _tell(self, kind: str, text: str) -> None:
        if self._session is not None:
            self._session.tell(kind, text)


def _close(inference: Inference) -> None:
    inference.close(0)
