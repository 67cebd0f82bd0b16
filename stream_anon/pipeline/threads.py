"""Threads and ownership, nothing else.

    capture thread ──▶ inference thread ──▶ redaction thread ──▶ caller's thread
        source              masker              redactor               sink

The redactor has a thread of its own because the encoder keeps the caller's busy. Between two
threads lies a bounded channel, which applies backpressure.

A stage that fails closes its output with its error; the run then ends with that error, whatever
goes wrong after it. Threads have been joined when `run` returns or raises, except those that hang:
`on_stuck` has then been called, and what they use must not be closed.

`compute_masks` is the same without the redactor and the sink.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from stream_anon.core.channel import Cancelled, Channel, Closed
from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import StalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stream_anon.config import Pipeline
    from stream_anon.core.frame import Frame
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.redaction.redactor import Redactor
    from stream_anon.sinks.base import Sink
    from stream_anon.sources.base import Source

log = stream_logger(__name__)
T = TypeVar("T")

JOIN = 10.0
"""Seconds that a cancelled stage has to come to its end: one deep pass, one packet."""
JOIN_INTERRUPTED = 1.0
"""The same where a person waits for the end, or where the stage hangs anyway."""
PATIENCE = 0.5
"""Seconds between two checks of the watchdog."""


class MaskSource(Protocol):
    """Turns frames into masked frames: a masker, a tracks file, or a record of masks."""

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame, in order."""


class _Heartbeat:
    """When the inference stage last showed that it is alive."""

    def __init__(self) -> None:
        self.last_beat = monotonic()

    def monitored(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.last_beat = monotonic()
            yield frame
            self.last_beat = monotonic()


class _Stage(threading.Thread, Generic[T]):
    """Moves items from an iterator into a channel."""

    def __init__(self, name: str, items: Callable[[], Iterator[T]], out: Channel[T]) -> None:
        super().__init__(name=f"stream_anon {name}", daemon=True)
        self._items = items
        self._out = out

    def run(self) -> None:
        try:
            for item in self._items():
                self._out.put(item)
        except Cancelled:
            self._out.close()
        except BaseException as error:  # noqa: BLE001 - handed on to the reader of the channel
            self._out.close(error)
        else:
            self._out.close()


def run(
    source: Source,
    masker: MaskSource,
    redactor: Redactor,
    sink: Sink,
    settings: Pipeline,
    *,
    on_frame: Callable[[MaskedFrame, RedactedFrame], None] | None = None,
    before_finish: Callable[[], None] | None = None,
    on_stuck: Callable[[], object] | None = None,
) -> None:
    """Redact everything that `source` has into `sink`, and finish it.

    Args:
        source: read by a thread of its own; still open afterwards.
        masker: used by a thread of its own.
        redactor: used by a thread of its own.
        sink: used by the caller's thread; finished on success, still open afterwards.
        settings: queue length and watchdog.
        on_frame: called after each frame has been written.
        before_finish: called once all frames have been written, before the output is completed.
        on_stuck: called where a thread did not end: the source and what the masker uses are then
            still in use and must not be closed.

    Raises:
        StalledError: the source or the masker hangs.
        StreamAnonError: whatever failed first.
        KeyboardInterrupt: after the threads have ended.
    """
    redacted: Channel[tuple[MaskedFrame, RedactedFrame]] = Channel(settings.queue)
    threads = _Threads(source, masker, settings)
    masked = threads.masked
    stage = _Stage(
        "redaction", lambda: ((item, redactor.redact(item)) for item in masked), redacted
    )
    threads.add(stage, redacted)
    with threads.running(on_stuck):
        for item, safe in threads.results(redacted):
            sink.send(safe)
            if on_frame is not None:
                on_frame(item, safe)
    if before_finish is not None:
        before_finish()
    sink.finish()


def compute_masks(
    source: Source,
    masker: MaskSource,
    settings: Pipeline,
    on_frame: Callable[[MaskedFrame], None],
    *,
    on_stuck: Callable[[], object] | None = None,
) -> None:
    """Compute the masks of everything that `source` has; nothing is redacted and nothing shown.

    Args:
        source: read by a thread of its own; still open afterwards.
        masker: used by a thread of its own.
        settings: queue length and watchdog.
        on_frame: called with each frame's masks, in order.
        on_stuck: as in `run`.

    Raises:
        StalledError: the source or the masker hangs.
        StreamAnonError: whatever failed first.
        KeyboardInterrupt: after the threads have ended.
    """
    threads = _Threads(source, masker, settings)
    with threads.running(on_stuck):
        for item in threads.results(threads.masked):
            on_frame(item)


class _Threads:
    """The threads of one run, up to the caller's."""

    def __init__(self, source: Source, masker: MaskSource, settings: Pipeline) -> None:
        self.masked: Channel[MaskedFrame] = Channel(settings.queue)
        frames: Channel[Frame] = Channel(settings.queue)
        self._heartbeat = heartbeat = _Heartbeat()
        self._limit = settings.stall
        self._channels: list[Channel[Any]] = [frames, self.masked]
        self._stages: list[threading.Thread] = [
            _Stage("capture", source.frames, frames),
            _Stage("inference", lambda: masker.masks(heartbeat.monitored(frames)), self.masked),
        ]

    def add(self, stage: threading.Thread, out: Channel[Any]) -> None:
        """One more, that reads what the last one writes."""
        self._stages.append(stage)
        self._channels.append(out)

    @contextmanager
    def running(self, on_stuck: Callable[[], object] | None) -> Iterator[None]:
        """Started at the beginning, ended and joined at the end."""
        patience = JOIN
        try:
            for stage in self._stages:
                stage.start()
            yield
        except (KeyboardInterrupt, StalledError):
            patience = JOIN_INTERRUPTED
            raise
        finally:
            for channel in self._channels:
                channel.cancel()
            _join(self._stages, patience, on_stuck)

    def results(self, last: Channel[T]) -> Iterator[T]:
        """The items of the last channel, under the watchdog."""
        return _watched(last, self._heartbeat, self._limit)


def _watched(items: Channel[T], heartbeat: _Heartbeat, limit: float) -> Iterator[T]:
    while True:
        try:
            item = items.get(timeout=min(PATIENCE, limit))
        except Closed:
            return
        except TimeoutError:
            if monotonic() - heartbeat.last_beat > limit:
                raise StalledError(
                    f"no heartbeat from the parser or the input for {limit:g} seconds: "
                    "the run was ended; raise pipeline.stall on slow machines"
                ) from None
            continue
        heartbeat.last_beat = monotonic()
        yield item


def _join(
    stages: list[threading.Thread], patience: float, on_stuck: Callable[[], object] | None
) -> None:
    """Wait for the stages, and raise nothing: what ended the run is what its caller is to see."""
    deadline = monotonic() + patience
    try:
        for stage in stages:
            if stage.ident is not None:
                stage.join(max(0.0, deadline - monotonic()))
    finally:  # an impatient second Ctrl-C comes through here too
        if stuck := [stage.name for stage in stages if stage.is_alive()]:
            log.warning("%s did not stop when asked to and is abandoned", " and ".join(stuck))
            if on_stuck is not None:
                on_stuck()
