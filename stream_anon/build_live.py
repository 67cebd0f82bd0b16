"""From settings and addresses to a live run."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import cv2

from stream_anon.channel import Cancelled, Channel, Overflow
from stream_anon.engines import engine_name, load_engines, seen_labels
from stream_anon.errors import ConfigError
from stream_anon.live.controls import Controls
from stream_anon.live.inference import Inference
from stream_anon.live.lane import Lane
from stream_anon.live.lookers import EngineLooker
from stream_anon.live.metrics import health, serve_metrics
from stream_anon.live.notify import Notifier
from stream_anon.live.presenter import Presenter
from stream_anon.live.session import TICK, LiveSession, count_source
from stream_anon.live.stats import LiveStats
from stream_anon.sinks.address import parse_sink
from stream_anon.sinks.names import Names
from stream_anon.sinks.supervised import Opening, SupervisedSink
from stream_anon.sinks.transport import describe
from stream_anon.sinks.window import check_display
from stream_anon.sources.address import parse_source
from stream_anon.sources.live import LiveSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Redaction, Settings
    from stream_anon.frame import Frame, MaskedFrame, StreamInfo
    from stream_anon.live.stats import Snapshot
    from stream_anon.sinks.address import SinkAddress

log = logging.getLogger(__name__)
T = TypeVar("T")

USUAL_RATE = 25
TITLE = "stream_anon"
HEALTHY_FOR = 3.0
"""Times the watchdog's limit without an intact frame after which a run is unhealthy."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a live run goes."""

    to: tuple[str, ...] = ()
    """What `--to` says, each."""
    preview: bool = False
    segment: float | None = None
    """Seconds after which a recording goes on in the next file."""
    keep: float | None = None
    """Seconds after which a file of the recording is deleted."""


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
        self._addresses = [parse_sink(text) for text in outputs.to]
        _check_outputs(outputs, self._addresses)
        if outputs.preview:
            check_display()
        self._outputs = outputs
        self._engine = engine_name(settings)
        self._controls = Controls(
            settings.redaction,
            seen_labels(self._engine),
            self._engine,
            debug=settings.live.mode == "debug",
        )
        self._source = LiveSource(
            parse_source(source, pace=pace, settings=settings.live), settings.live
        )
        self._session: LiveSession | None = None
        self._stopped = threading.Event()
        self._notifier = Notifier()
        self.stats = LiveStats()
        """Counts, from the beginning on."""

    def stop(self) -> None:
        """End the run soon."""
        self._stopped.set()
        self._source.cancel()
        if self._session is not None:
            self._session.stop()

    def reload_with(self, load: Callable[[], Redaction]) -> None:
        """Have the settings for redaction read again."""
        if self._session is not None:
            self._session.reload_with(load)

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
            stack.callback(cv2.setNumThreads, cv2.getNumThreads())
            cv2.setNumThreads(1)
            stack.callback(self._source.close)
            if live.metrics_port:
                server = serve_metrics(
                    live.metrics_host, live.metrics_port, self.stats.snapshot, self._health
                )
                stack.callback(server.close)
            self._notifier.ready()
            with suppress(Cancelled):  # stopped before anything came
                info = self._patiently(self._source.connect)  # it may be away for days
                session = self._open(stack, info)
                if not self._stopped.is_set():
                    session.run()
        return self.stats.snapshot()

    def _patiently(self, work: Callable[[], T]) -> T:
        """Do what may take long in a thread, and stay answerable meanwhile."""
        with ThreadPoolExecutor(1, thread_name_prefix="stream_anon opening") as pool:
            future = pool.submit(work)
            while True:
                count_source(self.stats, self._source)
                self._notifier.alive()
                try:
                    return future.result(timeout=TICK)
                except TimeoutError:
                    if future.done():  # it was its own
                        raise

    def _health(self) -> tuple[bool, str]:
        return health(self.stats.snapshot(), HEALTHY_FOR * self._settings.live.watchdog)

    # -- opening ------------------------------------------------------------------------------

    def _open(self, stack: ExitStack, info: StreamInfo) -> LiveSession:
        settings = self._settings
        lane = self._lane(info)
        sinks = [
            SupervisedSink(opening, settings.live, self._tell) for opening in self._openings(info)
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
        session = self._session = LiveSession(self._source, lane, presenter, sinks, self._notifier)
        for sink in sinks:
            sink.start()
        session.inference = self._patiently(lambda: Inference(lane))
        for sink in sinks:
            self._patiently(sink.wait_open)
            for note in sink.notes:
                log.warning("%s", note)
        hidden = ", ".join(sorted(self._controls.choice.hidden))
        log.info("engine %s, hiding %s", self._engine, hidden)
        return session

    def _tell(self, kind: str, text: str) -> None:
        if self._session is not None:
            self._session.tell(kind, text)

    def _lane(self, info: StreamInfo) -> Lane:
        settings = self._settings
        rate = float(info.rate) if info.rate else USUAL_RATE
        room = max(2, round(settings.live.latency * rate) + 1)
        frames: Channel[Frame] = Channel(room, Overflow.DROP_OLDEST)
        masked: Channel[MaskedFrame] = Channel(2 * room, Overflow.DROP_OLDEST)

        def load() -> EngineLooker:
            engines = load_engines(self._engine, settings, info, None)
            return EngineLooker(engines.faces, engines.bodies, settings, info)

        return Lane(load, frames, masked, settings.live, self._controls, self.stats)

    def _openings(self, info: StreamInfo) -> list[Opening]:
        rate = round(info.rate) if info.rate else USUAL_RATE
        frame_bytes = info.width * info.height * 1.5
        backlog = max(2, int(self._settings.live.backlog * 2**20 / frame_bytes))
        common = {
            "info": describe(info),
            "settings": self._settings.model_dump(mode="json"),
            "segment": self._outputs.segment,
            "keep": self._outputs.keep,
        }
        rooms = {"file": backlog, "stream": max(2, min(rate, backlog)), "camera": 2}
        openings = [
            Opening(
                label=label,
                fields=common
                | {
                    "kind": address.kind,
                    "label": address.label,
                    "target": address.target,
                    "container": address.container,
                },
                room=rooms[address.kind],
                must_open=address.kind != "stream",
                newest_only=address.kind == "camera",
            )
            for label, address in zip(_labels(self._addresses), self._addresses, strict=True)
        ]
        if self._outputs.preview:
            title = f"{TITLE}: {info.label}"
            fields = common | {"kind": "preview", "title": title}
            openings.append(Opening("preview", fields, 2, newest_only=True))
        return openings


def _for_live(settings: Settings) -> Settings:
    """What the parts shared with recordings are to know of a live run."""
    live = settings.live
    if live.lookahead > live.latency:
        raise ConfigError(
            f"live.lookahead ({live.lookahead:g} s) is longer than live.latency "
            f"({live.latency:g} s): nothing could be shown in time"
        )
    return settings.model_copy(
        update={
            "masking": settings.masking.model_copy(
                update={"lookahead": live.lookahead, "linger": live.linger}
            ),
            "pipeline": settings.pipeline.model_copy(update={"stall": live.stall}),
        }
    )


def _check_outputs(outputs: Outputs, addresses: list[SinkAddress]) -> None:
    if not addresses and not outputs.preview:
        raise ConfigError("there is no output: name one with --to, or show one with --preview")
    targets = [(address.kind, address.target) for address in addresses]
    for address, target in zip(addresses, targets, strict=True):
        if targets.count(target) > 1:
            raise ConfigError(f"the output {address.label} is named twice")
    for address in addresses:
        if outputs.keep and address.kind == "file" and not Names(Path(address.target)).dated:
            raise ConfigError(
                f"--keep deletes files by the date in their name, and {address.label} has none: "
                "name it like cam-%Y%m%d-%H%M%S.mkv"
            )
    if (outputs.segment or outputs.keep) and all(a.kind != "file" for a in addresses):
        raise ConfigError("--segment and --keep are for files: name one with --to")


def _labels(addresses: list[SinkAddress]) -> list[str]:
    """A name for each: labels leave secrets out, so two of them may be the same."""
    labels: list[str] = []
    for address in addresses:
        before = sum(label.partition(" ")[0] == address.label for label in labels)
        labels.append(f"{address.label} ({before + 1})" if before else address.label)
    return labels
