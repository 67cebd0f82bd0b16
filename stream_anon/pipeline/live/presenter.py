"""The last stage of a live run: pictures go out, and slates where none come."""

from __future__ import annotations

import logging
from time import monotonic, strftime
from typing import TYPE_CHECKING, Protocol

from stream_anon.core.channel import Channel, Closed
from stream_anon.core.frame import Stamp
from stream_anon.core.rate_limited_log import RateLimitedLog
from stream_anon.core.redacted import Unknown
from stream_anon.core.stream_log import stream_logger
from stream_anon.core.zones import count_people
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.registry import method_named
from stream_anon.sinks.process.transport import pack, pack_debug, pack_with_sound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from fractions import Fraction

    from stream_anon.config import Redaction, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.live_sound import SoundBlock
    from stream_anon.core.redacted import DebugFrame, MaskedFrame, RedactedFrame
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.controls import Choice, ChosenFrame, Controls
    from stream_anon.processes.wire import Message
    from stream_anon.redaction.kept import KeptOfTracks
    from stream_anon.sources.live.state import SourceState

log = stream_logger(__name__)

PATIENCE = 0.5
"""Seconds without a picture after which a slate is shown, at least."""
LEAST_STEP = 0.002
FASTEST, SLOWEST = 60.0, 1.0
"""Slates per second: they need not be as many as the frames of a fast camera."""


class Outlet(Protocol):
    """A consumer of messages that never blocks."""

    def offer(self, message: Message) -> None: ...


class Camera(Protocol):
    """The part of a live source that the presenter uses."""

    def clock_now(self) -> int:
        """The pts that a frame arriving now would get."""

    @property
    def state(self) -> SourceState:
        """How it is doing."""

    def sound_until(self, pts: int) -> list[SoundBlock]:
        """Take the sound that comes before a picture."""


class Presenter:
    """Redacts, and keeps the outputs going. Used by one thread."""

    def __init__(
        self,
        info: StreamInfo,
        settings: Settings,
        controls: Controls,
        camera: Camera,
        stats: LiveStats,
        outlets: Iterable[Outlet],
        preview: Outlet | None,
        on_frame: Callable[[RedactedFrame], None] | None = None,
        on_debug: Callable[[DebugFrame], None] | None = None,
    ) -> None:
        """Be ready.

        Args:
            info: of the stream.
            settings: of the run.
            controls: what can be changed meanwhile.
            camera: the source.
            stats: told of every picture.
            outlets: gone through for each picture, without the preview, which gets the figures
                with each.
            preview: the window.
            on_frame: called with each picture that goes out.
            on_debug: called with each debug view, in a debug run where one is asked for.
        """
        self._info, self._controls, self._camera = info, controls, camera
        self._stats, self._outlets, self._preview = stats, outlets, preview
        self._on_frame, self._on_debug = on_frame, on_debug
        self._latency = settings.live.latency
        self._debug = settings.live.mode == "debug"
        rate = float(info.nominal_rate)
        self._interval = 1 / min(FASTEST, max(SLOWEST, rate))
        self._patience = max(PATIENCE, 2 * self._latency, 3 * self._interval)
        self._choice = controls.choice
        self._redactor = self._make_redactor(self._choice)
        self._last_pts: int | None = None
        self._last_out = monotonic()
        self._slate_since: float | None = None
        self._slate_time = ""
        self._failure_log = RateLimitedLog(log, logging.ERROR)

    @property
    def idle(self) -> float:
        """Seconds since the last picture or slate."""
        return monotonic() - self._last_out

    def run(self, masked: Channel[ChosenFrame]) -> None:
        """Present everything that comes, until there will be no more."""
        self._last_out = monotonic()  # engines take seconds to load
        while True:
            try:
                item: ChosenFrame | None = masked.get(timeout=self._wait())
            except Closed:
                return
            except TimeoutError:
                item = None
            try:
                if item is None:
                    self._show_slate()
                else:
                    self._show(item)
            except Exception as error:  # noqa: BLE001 - nothing goes out, and the stream goes on
                self._failure_log.write(f"no picture could be made: {type(error).__name__}")
                self._stats.drop("no picture could be made")
                self._last_out = monotonic()

    def _wait(self) -> float:
        """Seconds until a slate is due."""
        due = self._patience if self._slate_since is None else self._interval
        return max(0.0, self._last_out + due - monotonic())

    # -- frames -------------------------------------------------------------------------------

    def _show(self, chosen: ChosenFrame) -> None:
        item, choice = chosen.masked, chosen.choice
        frame = item.frame
        last = self._last_pts
        if last is not None and (frame.pts - last) * frame.time_base < self._least_step:
            self._stats.drop("a slate stands in its place", 1)
            return
        self._follow(choice)
        redacted = self._redacted(item)
        debug = self._debug_message(item, choice)
        people = count_people(item.parts) if isinstance(item.parts, tuple) else 0
        self._slate_since = None
        self._hand_off(redacted, debug)
        latency = monotonic() - frame.captured_at
        self._stats.count_out(redacted, latency, item.age, people=people)

    def _follow(self, choice: Choice) -> None:
        if choice.redaction is not self._choice.redaction:
            self._redactor = self._make_redactor(choice, self._redactor.kept)
        self._choice = choice

    def _make_redactor(self, choice: Choice, kept: KeptOfTracks | None = None) -> Redactor:
        return Redactor(
            choice.redaction,
            self._info.color,
            rules=choice.rules,
            captions=True,
            debug=self._debug,
            kept=kept,
        )

    def _redacted(self, item: MaskedFrame) -> RedactedFrame:
        """Redacted, or a slate if anything goes wrong."""
        try:
            return self._redactor.redact(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the stream goes on
            what = type(error).__name__  # its text may quote pixels
            self._failure_log.write(f"redaction failed with {what}: frames are hidden whole")
            return self._slate(item.frame.stamp, Unknown.FAILED)

    def _debug_message(self, item: MaskedFrame, choice: Choice) -> Message | None:
        if not self._debug or not (choice.outlines or choice.raw):
            return None
        view = self._redactor.debug_view(item, raw=choice.raw)
        if self._on_debug is not None:
            self._on_debug(view)
        return pack_debug(view, overlay=self._overlay())

    @property
    def _least_step(self) -> float:
        """Seconds between two pictures: containers may count in milliseconds."""
        return LEAST_STEP if self._slate_since is None else self._interval / 4

    # -- slates -------------------------------------------------------------------------------

    def _show_slate(self) -> None:
        now = monotonic()
        reason = Unknown.AWAY if self._is_away(now) else Unknown.LATE
        if self._slate_since is None:
            self._slate_since = now
            self._slate_time = strftime("%H:%M:%S")
        base = self._info.time_base
        pts = self._camera.clock_now() - round(self._latency / base)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + round(LEAST_STEP / base))
        redacted = self._slate(Stamp(0, pts, base, self._ticks(base)), reason)
        self._hand_off(redacted, None, silent=reason is Unknown.AWAY)
        self._stats.count_out(redacted, None, 0, people=0)

    def _is_away(self, now: float) -> bool:
        """Nothing intact comes from the source, connected or not."""
        state = self._camera.state
        last = state.last_good
        return not state.connected or last is None or now - last > self._patience

    def _ticks(self, base: Fraction) -> int:
        return max(1, round(self._interval / base))

    def _slate(self, stamp: Stamp, reason: Unknown) -> RedactedFrame:
        words = reason.value[0].upper() + reason.value[1:]
        since = [f"since {self._slate_time}"] if self._slate_since is not None else []
        return self._redactor.slate(
            self._info.width, self._info.height, stamp, reason, [words, *since]
        )

    # -- out ----------------------------------------------------------------------------------

    def _hand_off(
        self, redacted: RedactedFrame, debug: Message | None, *, silent: bool = False
    ) -> None:
        self._last_pts, self._last_out = redacted.pts, monotonic()
        if self._on_frame is not None:
            self._on_frame(redacted)
        sound = self._camera.sound_until(redacted.pts)
        message = pack_with_sound(redacted, [] if silent else sound)
        for outlet in self._outlets:
            outlet.offer(message)
        if self._preview is not None:
            self._preview.offer(debug or pack(redacted, overlay=self._overlay()))

    def _overlay(self) -> dict[str, object]:
        """What the preview's bar shows."""
        figures = self._stats.snapshot()
        choice = self._controls.choice
        redaction = choice.redaction
        whole = figures.hidden_now
        return {
            "state": "live" if whole is None else f"hidden: {whole.value}",
            "fps": figures.fps_out,
            "latency": figures.latency[0] if figures.latency else None,
            "people": figures.people,
            "method": redaction.method + (", rules" if redaction.rules and choice.rules else ""),
            "scope": redaction.scope,
            "mode": "debug" if self._debug else None,
            "strength": _strength(redaction, choice.rules.values()),
        }


def _strength(redaction: Redaction, rules: Iterable[Redaction]) -> str:
    """What the method's strength is; where all of them read nothing, that they do."""
    if not any(method_named(one.method).reads_hidden for one in (redaction, *rules)):
        return "reads nothing"
    return f"{redaction.cells} cells" if redaction.method == "pixelate" else "readable"
