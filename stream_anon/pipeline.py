"""Threads and ownership, nothing else.

    capture thread ──Channel[Frame]──▶ inference thread ──Channel[MaskedFrame]──▶ caller's thread
        source                              masker                              redactor, sink

A stage that fails closes its output with its error and cancels its input; the run then ends with
that error. Threads have been joined when `run` returns or raises, except those that hang: then it
raises `StalledError` and what they use must not be closed.
"""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from stream_anon.channel import Cancelled, Channel, Closed
from stream_anon.errors import StalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from stream_anon.config import Pipeline
    from stream_anon.frame import Frame, MaskedFrame, RedactedFrame
    from stream_anon.redaction.redactor import Redactor
    from stream_anon.sinks.base import Sink
    from stream_anon.sources.base import Source

JOIN = 10.0
"""Seconds that a cancelled stage has to come to its end: one deep look, one packet."""
PATIENCE = 0.5
"""Seconds between two looks at the watchdog."""


class Masks(Protocol):
    """Turns frames into masked frames: a masker, or a tracks file."""

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame, in order."""


class _Heart:
    """When the inference stage last gave a sign of life."""

    def __init__(self) -> None:
        self.last_beat = monotonic()

    def beating(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.last_beat = monotonic()
            yield frame
            self.last_beat = monotonic()


class _Stage(threading.Thread):
    """Moves items from an iterator into a channel."""

    def __init__(
        self, name: str, items: Callable[[], Iterator[object]], out: Channel[object]
    ) -> None:
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
    masker: Masks,
    redactor: Redactor,
    sink: Sink,
    settings: Pipeline,
    on_frame: Callable[[MaskedFrame, RedactedFrame], None] | None = None,
) -> None:
    """Redact everything that `source` has into `sink`, and finish it.

    Args:
        source: read by a thread of its own; still open afterwards.
        masker: used by a thread of its own.
        redactor: used by the caller's thread.
        sink: used by the caller's thread; finished on success, still open afterwards.
        settings: queue length and watchdog.
        on_frame: called after each frame has been written.

    Raises:
        StalledError: the inference stage hangs.
        StreamAnonError: whatever a stage raised.
        KeyboardInterrupt: after the threads have ended.
    """
    frames: Channel[Frame] = Channel(settings.queue)
    masked: Channel[MaskedFrame] = Channel(settings.queue)
    heart = _Heart()
    stages = [
        _Stage("capture", source.frames, frames),  # type: ignore[arg-type]
        _Stage("inference", lambda: masker.masks(heart.beating(frames)), masked),  # type: ignore[arg-type]
    ]
    for stage in stages:
        stage.start()
    try:
        for item in _watched(masked, heart, settings.stall):
            redacted = redactor.redact(item)
            sink.send(redacted)
            if on_frame is not None:
                on_frame(item, redacted)
    finally:
        frames.cancel()
        masked.cancel()
        _join(stages)
    sink.finish()


def _watched(masked: Channel[MaskedFrame], heart: _Heart, limit: float) -> Iterator[MaskedFrame]:
    while True:
        try:
            item = masked.get(timeout=min(PATIENCE, limit))
        except Closed:
            return
        except TimeoutError:
            if monotonic() - heart.last_beat > limit:
                raise StalledError(
                    f"no sign of life from the parser or the input for {limit:g} seconds: "
                    "the run was ended; raise pipeline.stall for slow machines"
                ) from None
            continue
        heart.last_beat = monotonic()
        yield item


def _join(stages: list[_Stage]) -> None:
    deadline = monotonic() + JOIN
    for stage in stages:
        stage.join(max(0.0, deadline - monotonic()))
    if stuck := [stage.name for stage in stages if stage.is_alive()]:
        raise StalledError(f"{' and '.join(stuck)} did not end when asked to")
