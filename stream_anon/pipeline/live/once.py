"""Work that is done once, and that anybody may wait for."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from time import monotonic
from typing import TYPE_CHECKING, Generic, TypeVar

from stream_anon.errors import ConfigError, StreamAnonError
from stream_anon.pipeline.live.opening import fulfil
from stream_anon.pipeline.live.session import TICK

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Once(Generic[T]):
    """Work that is done once, in the caller's thread or in one of its own."""

    def __init__(self) -> None:
        self._begun = threading.Lock()
        """Held once it has begun."""
        self._result: Future[T] = Future()

    def run(self, work: Callable[[], T]) -> T:
        """Do it in this thread, and return or raise what comes of it."""
        self._begin()
        fulfil(self._result, work)
        return self._result.result()

    def start(self, work: Callable[[], T], *, never: Callable[[], object]) -> None:
        """Do it in a thread of its own, and come back at once.

        Args:
            work: what to do.
            never: called where no thread can be started.

        Raises:
            StreamAnonError: the system cannot start more threads.
        """
        self._begin()
        thread = threading.Thread(
            target=fulfil, args=(self._result, work), name="stream_anon run", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            failed = StreamAnonError("the run cannot begin: the system cannot start more threads")
            never()
            self._result.set_exception(failed)
            raise failed from error

    def skip(self, result: Callable[[], T]) -> None:
        """Where it has not begun, it never will, and this is what comes of it."""
        if self._begun.acquire(blocking=False):
            fulfil(self._result, result)

    def wait(self, timeout: float | None, meanwhile: Callable[[], object]) -> T:
        """Wait for its end; `meanwhile` is called often.

        Raises:
            TimeoutError: it still runs after `timeout` seconds.
        """
        until = math.inf if timeout is None else monotonic() + timeout
        while not self._result.done():
            meanwhile()
            left = until - monotonic()
            if left <= 0:
                break
            wait_for([self._result], min(left, TICK))
        return self._result.result(0)

    def join(self) -> None:
        """Wait for its end, however it ends."""
        self._result.exception()

    def _begin(self) -> None:
        if not self._begun.acquire(blocking=False):
            raise ConfigError("a live run runs once: prepare another one")
