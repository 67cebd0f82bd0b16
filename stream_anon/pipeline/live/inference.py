"""The inference stage of a live run. A worker that hangs is abandoned and replaced."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import StalledError
from stream_anon.pipeline.live.worker import Worker

if TYPE_CHECKING:
    from stream_anon.pipeline.live.context import InferenceContext

log = stream_logger(__name__)

MOST_ABANDONED, REMEMBERED = 3, 86400.0
"""Parsers that may hang within so many seconds before the run gives up: each keeps its memory."""


class Inference:
    """Owns the worker and, through it, the engines."""

    def __init__(self, context: InferenceContext) -> None:
        """Load the engines; nothing runs yet.

        Raises:
            ModelError: weights are missing or damaged.
        """
        self._context = context
        self._abandoned: list[float] = []
        self._worker = Worker(context, context.load(), self._note_abandoned)

    def start(self) -> None:
        """Begin to take frames."""
        self._worker.thread.start()

    def check(self, paused: float) -> None:
        """Replace a worker that hangs. Called often, by one thread.

        Args:
            paused: seconds that the caller has been kept from calling, with the whole program.

        Raises:
            StalledError: too many of them hang.
        """
        self._worker.forgive(paused)
        hangs = self._worker.hangs()
        if hangs:
            self._worker.abandon()
            self._note_abandoned()
        now = monotonic()
        self._abandoned = [then for then in self._abandoned if now - then < REMEMBERED]
        if len(self._abandoned) > MOST_ABANDONED:
            raise StalledError(
                f"the parser hung {MOST_ABANDONED + 1} times for {self._context.settings.stall:g} "
                "seconds: the run was ended; raise live.stall on slow machines"
            )
        if hangs:
            self._worker = Worker(self._context, None, self._note_abandoned)
            self._worker.thread.start()

    def _note_abandoned(self) -> None:
        log.error("the parser hangs: it is abandoned, and a new one is loaded")
        self._abandoned.append(monotonic())

    def close(self, patience: float) -> None:
        """End the worker and free its engines. One that hangs is left to the operating system."""
        self._context.frames.cancel()
        self._context.masked.cancel()
        thread = self._worker.thread
        if thread.ident is None:
            self._worker.free()
        else:
            thread.join(patience)
            if thread.is_alive():
                log.warning("the parser did not stop when asked to and is abandoned")
