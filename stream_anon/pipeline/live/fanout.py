"""The outputs and taps of one live run: they may come and go while it runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import ConfigError, SinkError, StreamAnonError
from stream_anon.pipeline.live.outputs import (
    check_output,
    free_label,
    label_of,
    opening_of,
    parse_outputs,
    preview_opening,
)
from stream_anon.sinks.process.supervised import SupervisedSink
from stream_anon.sinks.registry import parse_sink
from stream_anon.sinks.tap import TapSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.redacted import RedactedFrame
    from stream_anon.core.stream_log import StreamName
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.outputs import Outputs
    from stream_anon.sinks.live.address import SinkAddress
    from stream_anon.sinks.process.supervised import Opening

log = stream_logger(__name__)


class Fanout:
    """Owns the outputs of one run. Any thread may call anything.

    Iterating gives the outputs there are, without the preview; frames are not delayed by others
    that come or go meanwhile.
    """

    def __init__(
        self,
        outputs: Outputs,
        settings: Settings,
        stats: LiveStats,
        name: StreamName,
        on_event: Callable[[str, str], None],
    ) -> None:
        """Open nothing yet.

        Args:
            outputs: those that the run begins with.
            settings: of the run.
            stats: told how outputs are doing.
            name: of the stream, for what outputs log.
            on_event: told what a window tells; see `SupervisedSink`.

        Raises:
            ConfigError: they make no sense.
            SinkError: a folder is missing.
        """
        self._asked, self._settings, self._stats = outputs, settings, stats
        self._name, self._on_event = name, on_event
        self._lock = threading.Lock()
        self._info: StreamInfo | None = None
        self._is_over = False
        self._addresses: dict[str, SinkAddress] = {}
        """By label, of all outputs but the preview."""
        for address in parse_outputs(outputs):
            self._addresses[free_label(address.label, self._addresses)] = address
        self._sinks: dict[str, SupervisedSink] = {}
        """By label, those that are open. Replaced as a whole: it is read without the lock."""
        self._required = frozenset(self._addresses)
        """Labels of those that the run was prepared with: without one of them it does not begin."""
        self._failed: dict[str, tuple[SinkAddress, SupervisedSink]] = {}
        """Those that were added and could never be opened, until one like it is added."""
        self._leaving: dict[str, tuple[SinkAddress, SupervisedSink]] = {}
        """Dropped, and being completed."""
        self._taps: tuple[TapSink, ...] = ()
        self.preview: SupervisedSink | None = None

    def __iter__(self) -> Iterator[SupervisedSink]:
        return iter(self._sinks.values())

    @property
    def all(self) -> list[SupervisedSink]:
        """Every output there is, the preview too."""
        return [*self._sinks.values(), *([self.preview] if self.preview is not None else [])]

    @property
    def incomplete(self) -> dict[str, str]:
        """Outputs that could not be opened or completed, or were down at the end, and why."""
        with self._lock:
            known = [*self.all, *(sink for _, sink in self._failed.values())]
        return {sink.status.label: sink.incomplete for sink in known if sink.incomplete}

    # -- coming and going ---------------------------------------------------------------------

    def open(self, info: StreamInfo) -> None:
        """Begin to open what the run begins with; what is added later is opened at once."""
        with self._lock:
            self._info = info
            for label, address in self._addresses.items():
                self._open(label, address, info)
            if self._asked.preview:
                self.preview = self._started(preview_opening(self._asked, self._settings, info))

    def wait_open(self) -> None:
        """Wait until what the run begins with has been opened; dropped meanwhile, it is let go.

        Raises:
            StreamAnonError: it cannot be opened.
        """
        for label in self._required:
            sink = self._sinks.get(label)
            try:
                if sink is not None:
                    sink.wait_open()
            except StreamAnonError:
                if label in self._required:
                    raise
        if self.preview is not None:
            self.preview.wait_open()

    def add(self, where: str) -> str:
        """Add an output: it begins with the next frame, and opening it delays nobody.

        Returns:
            Its label, by which it can be dropped.

        Raises:
            ConfigError: it makes no sense.
            SinkError: its folder is missing, the run has ended, or one like it was dropped and is
                not complete yet.
        """
        address = parse_sink(where)
        failed: SupervisedSink | None = None
        with self._lock:
            check_output(address, self._asked, self._addresses.values())
            if self._is_over:
                raise SinkError(f"the run has ended: {address.label} cannot be added to it")
            if label_of(address, _addresses(self._leaving)) is not None:
                raise SinkError(
                    f"output {address.label} is still being completed: add it again after that"
                )
            if (before := label_of(address, _addresses(self._failed))) is not None:
                _, failed = self._failed.pop(before)
            label = free_label(address.label, {*self._addresses, *self._failed, *self._leaving})
            if self._info is not None:
                try:
                    self._open(label, address, self._info)
                except RuntimeError as error:
                    raise SinkError(
                        f"{label} cannot be added: the system cannot start more threads"
                    ) from error
            self._addresses[label] = address
        if failed is not None:
            failed.close()
        return label

    def drop(self, where: str, patience: float) -> None:
        """Complete an output and forget it.

        Args:
            where: its label, or what it was added as.
            patience: seconds that completing it may take.

        Raises:
            ConfigError: there is no such output.
            SinkError: it could not be completed.
        """
        with self._lock:
            label = self._label_of(where)
            self._required -= {label}  # one that is added later may have the same label
            if label in self._failed:
                address, sink = self._failed.pop(label)
            else:
                address = self._addresses.pop(label)
                if label not in self._sinks:
                    return
                sink = self._sinks[label]
                self._sinks = {known: s for known, s in self._sinks.items() if known != label}
            self._leaving[label] = (address, sink)
        try:
            sink.finish(patience)
            sink.close()
        finally:
            with self._lock:
                del self._leaving[label]
                self._stats.forget_sink(label)
        if sink.incomplete:
            raise SinkError(f"output {label} was not completed: {sink.incomplete}")

    def _label_of(self, where: str) -> str:
        if where in self._addresses or where in self._failed:
            return where
        wanted = parse_sink(where)
        label = label_of(wanted, self._addresses | _addresses(self._failed))
        if label is None:
            raise ConfigError(f"there is no output {wanted.label} to drop")
        return label

    def _open(self, label: str, address: SinkAddress, info: StreamInfo) -> None:
        opening = opening_of(address, label, self._asked, self._settings, info)
        self._sinks = self._sinks | {label: self._started(opening)}

    def _started(self, opening: Opening) -> SupervisedSink:
        with self._name.current():
            sink = SupervisedSink(opening, self._settings.live, self._on_event)
            sink.start()
        return sink

    # -- taps ---------------------------------------------------------------------------------

    def tap(self, on_wait: Callable[[], object] = lambda: None) -> TapSink:
        """A new tap; it has ended already where the run has."""
        tap = TapSink(on_wait)
        with self._lock:
            if self._is_over:
                tap.finish()
            else:
                self._taps = (*(other for other in self._taps if not other.is_closed), tap)
        return tap

    def feed(self, frame: RedactedFrame) -> None:
        """Hand a frame to all taps. One that its consumer has closed is let go."""
        for tap in self._taps:
            try:
                tap.send(frame)
            except Exception:  # noqa: BLE001 - whatever is wrong with it, the others go on
                with self._lock:
                    self._taps = tuple(other for other in self._taps if other is not tap)
                tap.close()

    # -- looking after them -------------------------------------------------------------------

    def check(self) -> None:
        """Called often, by one thread.

        Raises:
            StreamAnonError: what the run was prepared with could not be opened.
        """
        for label, sink in self._sinks.items():
            if sink.error is None:
                continue
            if label in self._required:
                raise sink.error
            with self._lock:
                if self._sinks.get(label) is sink:
                    self._sinks = {known: s for known, s in self._sinks.items() if known != label}
                    self._failed[label] = (self._addresses.pop(label), sink)
                    log.warning("output %s cannot be opened: %s", label, sink.error)
        if self.preview is not None and self.preview.error is not None:
            raise self.preview.error

    def count(self) -> None:
        """Write down how outputs are doing."""
        with self._lock:
            for sink in self.all:
                status = sink.status
                self._stats.set_sink(
                    status.label,
                    status.why if status.state == "down" else status.state,
                    up=status.state in ("running", "starting"),
                    frames=status.frames,
                    dropped=status.dropped,
                    restarts=status.restarts,
                )

    def end(self) -> list[SupervisedSink]:
        """No output comes any more, taps have ended; returns what is to be completed now."""
        with self._lock:
            self._is_over = True
            for tap in self._taps:
                tap.finish()
            return [*self.all, *(sink for _, sink in self._leaving.values())]

    def close(self) -> None:
        """Free everything. Called once."""
        for sink in [*self.end(), *(sink for _, sink in self._failed.values())]:
            sink.close()


def _addresses(sinks: dict[str, tuple[SinkAddress, SupervisedSink]]) -> dict[str, SinkAddress]:
    return {label: address for label, (address, _) in sinks.items()}
