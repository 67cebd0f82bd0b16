"""The inference worker of a live stream, which survives whatever the parser does.

A parser that fails costs the frames that it was asked about: they are hidden whole.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from stream_anon.core.channel import Cancelled, Closed
from stream_anon.core.rate_limited_log import RateLimitedLog
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.live.closing import Closing
from stream_anon.pipeline.live.controls import ChosenFrame
from stream_anon.pipeline.live.governor import Governor
from stream_anon.pipeline.rules import told_apart
from stream_anon.processes.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Frame
    from stream_anon.masking.masker import Masker
    from stream_anon.pipeline.live.context import InferenceContext, LoadedEngines
    from stream_anon.pipeline.live.controls import Choice

log = stream_logger(__name__)

TICK = 0.02
"""Seconds between two checks of the clock while no frames come."""
TOLERATED = 1
"""Failures in a row after which the engines are reloaded."""
LOADING = 120.0
"""Seconds that loading an engine may take."""
HEALED = 10.0
"""Seconds without a failure after which earlier ones are forgotten."""
CLOSING = 0.1
"""Seconds that a background parse is waited for at once; longer, frames are hidden meanwhile."""
AT_THE_END = 1.0
"""The same at the end of the worker; a longer parse closes the engines itself, when it returns."""


class Worker:
    """Owns its engines and its masker."""

    def __init__(
        self,
        context: InferenceContext,
        engines: LoadedEngines | None,
        on_abandoned: Callable[[], None],
    ) -> None:
        """Nothing runs yet.

        Args:
            context: the stream.
            engines: engines that are loaded already; None loads them in the thread.
            on_abandoned: called when a background parse is abandoned.
        """
        self._context, self._engines, self._on_abandoned = context, engines, on_abandoned
        self._masker: Masker | None = None
        self._closing: Closing | None = None
        """The last masker, while its background parse goes on: the engines are in use."""
        self._choice: Choice | None = None
        """What the masker hides, and how."""
        self._due: float | None = None
        """When the step at hand is due, by `_clock`. Written by the worker's thread alone."""
        self._paused = 0.0
        """Seconds that do not count. Written by the thread that watches alone."""
        self._is_abandoned = False
        self._backoff = Backoff(context.settings.backoff, context.settings.longest_backoff)
        self._retry_at = 0.0
        self._failures = 0
        self._failed_at = 0.0
        self._governor: Governor | None = None
        self._failure_log = RateLimitedLog(log, logging.ERROR)
        latency, lookahead = context.settings.latency, context.settings.lookahead
        self._longest_wait = max(latency / 2, min(lookahead + 0.05, 0.9 * latency))
        self.thread = StreamThread(target=self._run, name="stream_anon inference", daemon=True)

    def hangs(self) -> bool:
        """Whether the step at hand is past its deadline."""
        due = self._due
        return due is not None and self._clock() > due

    def forgive(self, seconds: float) -> None:
        """The whole program was stopped for so long: that is not the parser's fault."""
        self._paused += seconds

    def _clock(self) -> float:
        """Seconds of work: a clock that stands still while the whole program does."""
        return monotonic() - self._paused

    def free(self) -> None:
        """Free the engines of a worker whose thread never ran."""
        self._close_engines()

    def abandon(self) -> None:
        """Abandon the worker: its later answers are not used."""
        self._is_abandoned = True

    def _run(self) -> None:
        masked = self._context.masked
        try:
            self._work()
        except Cancelled:
            masked.close()
        except BaseException as error:  # noqa: BLE001 - raised again where masks are taken
            if not self._is_abandoned:
                masked.close(error)
        else:
            if not self._is_abandoned:
                masked.close()
        finally:
            self._retire(AT_THE_END)
            self._close_engines()

    def _work(self) -> None:
        context = self._context
        while not self._is_abandoned:
            try:
                frame = context.frames.get(timeout=TICK)
            except TimeoutError:
                self._guarded(self._release)
                continue
            except Closed:
                self._guarded(partial(self._release, all_of_them=True))
                return
            late = monotonic() - frame.captured_at > context.settings.latency
            if late and len(context.frames):
                context.stats.drop("before inference", 1)
                continue
            frame = context.renumber(frame)
            self._guarded(partial(self._take, frame), frame)

    # -- what may fail ------------------------------------------------------------------------

    def _guarded(self, step: Callable[[], None], frame: Frame | None = None) -> None:
        """Do something with the masker; where it fails, hide what it had."""
        waiting = [] if frame is None else [frame]
        if monotonic() < self._retry_at or not self._is_retired():
            self._hide(waiting)
            return
        self._mark_busy(self._context.settings.stall)
        try:
            step()
        except Cancelled:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream goes on
            self._fail(error, waiting)
        else:
            if self._failures and monotonic() - self._failed_at > HEALED:
                self._failures = 0
                self._backoff.reset()
        finally:
            self._due = None

    def _mark_busy(self, limit: float) -> None:
        self._due = self._clock() + limit

    def _take(self, frame: Frame) -> None:
        choice = self._context.controls.choice
        masker = self._masker or self._begin(choice)
        if choice is not self._choice:
            masker.hide(choice.hidden, told_apart(choice.rules))
            masker.set_zones(choice.redaction.zones)
            self._choice = choice
        masker.take(frame)
        self._release()

    def _begin(self, choice: Choice) -> Masker:
        if self._engines is None:
            self._mark_busy(LOADING)
            self._engines, self._governor = self._context.load(), None
            self._mark_busy(self._context.settings.stall)
        if self._governor is None:
            self._governor = Governor(
                self._engines.efforts, self._context.settings.latency, level=self._engines.level
            )
            self._context.stats.set_effort(self._governor.level)
        self._masker = self._engines.masker(choice.hidden, told_apart(choice.rules))
        self._masker.set_zones(choice.redaction.zones)
        self._choice = choice
        self._masker.set_effort(self._governor.effort)
        return self._masker

    def _release(self, *, all_of_them: bool = False) -> None:
        masker = self._masker
        while masker is not None and (held := masker.held):
            captured_at = held[0].captured_at
            waited = monotonic() - captured_at
            if not (all_of_them or masker.is_decided or waited > self._longest_wait):
                return
            self._give(masker.release())
            self._note(monotonic() - captured_at, masker)

    def _note(self, latency: float, masker: Masker) -> None:
        if self._governor is not None and self._governor.note(latency):
            masker.set_effort(self._governor.effort)
            self._context.stats.set_effort(self._governor.level)

    def _give(self, masked: MaskedFrame) -> None:
        if self._is_abandoned:
            return
        before = self._context.masked.dropped
        choice = self._choice or self._context.controls.choice
        self._context.masked.put(ChosenFrame(masked, choice))
        if dropped := self._context.masked.dropped - before:
            self._context.stats.drop("after inference", dropped)

    def _hide(self, frames: list[Frame]) -> None:
        for frame in frames:
            self._give(MaskedFrame(frame, Unknown.PARSER_FAILED))

    def _fail(self, error: Exception, waiting: list[Frame]) -> None:
        """The texts of errors that are not ours stay out of the log: they may quote pixels."""
        self._mark_busy(self._context.settings.stall + CLOSING)
        said = str(error) if isinstance(error, StreamAnonError) else type(error).__name__
        self._failures, self._failed_at = self._failures + 1, monotonic()
        wait = self._backoff.wait() if self._failures > TOLERATED else 0.0
        self._retry_at = monotonic() + wait
        if not self._is_abandoned:
            self._failure_log.write(f"the parser failed, and frames are hidden whole: {said}")
        held = self._masker.held if self._masker is not None else []
        known = {frame.index for frame in held}
        self._hide(held + [frame for frame in waiting if frame.index not in known])
        self._retire(CLOSING)
        if self._failures > TOLERATED:
            with suppress(Exception):  # it has failed already
                self._close_engines()

    def _retire(self, patience: float) -> None:
        """Let go of the masker."""
        masker, self._masker = self._masker, None
        if masker is not None:
            self._closing = Closing(masker, self._clock())
            self._is_retired(patience)

    def _is_retired(self, patience: float = 0.0) -> bool:
        """Whether the engines are free for a new masker."""
        if self._closing is None:
            return True
        if not self._closing.is_done(patience):
            if self._clock() - self._closing.began <= self._context.settings.stall:
                return False
            with suppress(Exception):  # mostly once the parse returns, if it ever does
                self._close_engines()
            self._on_abandoned()
        self._closing = None
        return True

    def _close_engines(self) -> None:
        engines, self._engines = self._engines, None
        if engines is not None and self._closing is not None:
            self._closing.hand_over(engines)
        elif engines is not None:
            engines.close()
