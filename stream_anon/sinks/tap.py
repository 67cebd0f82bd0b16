"""A sink that hands the newest frame to a consumer in this process."""

from __future__ import annotations

from contextlib import AbstractContextManager
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.core.channel import Cancelled, Channel, Closed, Overflow
from stream_anon.errors import SinkError
from stream_anon.sinks.base import check_redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stream_anon.core.redacted import RedactedFrame

CHECK = 0.2
"""Seconds between two looks whether the run is over while no frame comes."""


class TapSink(AbstractContextManager["TapSink"]):
    """Holds the newest redacted frame until it is taken; an older one is dropped and counted.

    The run's thread sends and never waits. The consumer takes, in any other thread, and is woken
    when the tap is finished or closed. Leaving a loop over its frames closes it, as does leaving it
    as a context manager.
    """

    def __init__(self, on_wait: Callable[[], object] = lambda: None) -> None:
        """Nothing has come yet.

        Args:
            on_wait: called now and then by a consumer that waits: it may find that the run is over.
        """
        self._on_wait = on_wait
        self._frames: Channel[RedactedFrame] = Channel(1, Overflow.DROP_OLDEST)
        self._size: tuple[int, int] | None = None
        self.is_closed = False
        """No frame is taken any more."""

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were taken."""
        return self._frames.dropped

    def latest(self, timeout: float | None = None) -> RedactedFrame | None:
        """The newest frame that has not been taken yet; waits for one.

        Args:
            timeout: seconds to wait; None waits for as long as the run lasts.

        Returns:
            None where the tap has ended.

        Raises:
            TimeoutError: nothing came in time.
        """
        until = inf if timeout is None else monotonic() + timeout
        try:
            while True:
                self._on_wait()
                left = max(0.0, until - monotonic())
                try:
                    return self._frames.get(min(left, CHECK))
                except TimeoutError:
                    if left <= CHECK:
                        raise
        except (Closed, Cancelled):
            return None

    def frames(self, timeout: float | None = None) -> Iterator[RedactedFrame]:
        """The newest frame, again and again, until the tap ends; left earlier, it is closed.

        Raises:
            TimeoutError: nothing came for `timeout` seconds.
        """
        try:
            while (frame := self.latest(timeout)) is not None:
                yield frame
        finally:
            self.close()

    def __iter__(self) -> Iterator[RedactedFrame]:
        return self.frames()

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        self._size = self._size or (frame.width, frame.height)
        if (frame.width, frame.height) != self._size:
            raise SinkError(f"{frame!r} is not {self._size[0]}x{self._size[1]}")
        self._frames.put(frame)

    def finish(self) -> None:
        """The frame that waits can still be taken."""
        self._frames.close()

    def close(self) -> None:
        """Free the frame that waits and wake the consumer."""
        self.is_closed = True
        self._frames.cancel()

    def __exit__(self, *_: object) -> None:
        self.close()
