"""A live source that reconnects: what it reads may hang, break off and come back."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.core.channel import Cancelled
from stream_anon.core.frame import Frame
from stream_anon.core.live_sound import SoundBlock, unpack_sound
from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import SourceError
from stream_anon.processes.backoff import Backoff
from stream_anon.sources.base import Losses
from stream_anon.sources.live.clock import TICKS, TIME_BASE, LiveClock
from stream_anon.sources.live.connection import INVALID_DATA, MALFORMED, Connection, ConnectionLost
from stream_anon.sources.live.patience import Patience
from stream_anon.sources.live.sound import SoundQueue
from stream_anon.sources.live.state import SourceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.config import Live
    from stream_anon.core.frame import Plane, StreamInfo
    from stream_anon.processes.wire import Message
    from stream_anon.sources.live.address import SourceAddress

log = stream_logger(__name__)

LASTED = 10.0
"""Seconds after which a connection counts as good and resets the backoff."""
FARTHEST = 60
"""Seconds that sound may be from the picture that it comes with."""
DELIVERED = 100
"""Intact pictures after which it does."""


class LiveSource:
    """A webcam, a stream, or a file played at its own pace.

    It is opened, read and decoded in another process, which is replaced when it gives no intact
    picture for too long. `connect`, `frames` and `close` are for one thread; `cancel`, `state` and
    `clock_now` are for all.
    """

    def __init__(self, address: SourceAddress, settings: Live) -> None:
        """Nothing is opened yet."""
        self.losses = Losses()
        self._address, self._settings = address, settings
        self._clock = LiveClock()
        self._backoff = Backoff(settings.backoff, settings.longest_backoff)
        self._patience = Patience()
        self._failures = 0
        """Failed attempts in a row."""
        self._info: StreamInfo | None = None
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._connection: Connection | None = None
        self._state = SourceState(since=monotonic())
        self._sound = SoundQueue()
        self._index = 0
        self._discontinuities = self._lost_before = self._dropped_before = 0

    @property
    def info(self) -> StreamInfo:
        """The stream as it was when it was opened first; `connect` comes before."""
        if self._info is None:
            raise RuntimeError("connect() comes first")
        return self._info

    @property
    def state(self) -> SourceState:
        """How it is doing now."""
        with self._lock:
            return self._state

    def clock_now(self) -> int:
        """The pts that a frame coming now would get. Frames that come later get larger ones."""
        return self._clock.now(monotonic())

    def connect(self) -> StreamInfo:
        """Open the source, with retries.

        Raises:
            SourceError: it can never be opened, or not in as many attempts as the settings allow.
            Cancelled: `cancel` was called.
        """
        self._info = self._connect_with_retries()
        return self._info

    def frames(self) -> Iterator[Frame]:
        """Frames for as long as there are any; ends when it is cancelled, or with the file.

        Raises:
            SourceError: the source was lost, and did not come back in as many attempts as allowed.
        """
        while True:
            begun, intact = monotonic(), 0
            try:
                for frame in self._read():
                    intact += not frame.corrupt
                    yield frame
            except ConnectionLost as lost:
                if monotonic() - begun > LASTED or intact > DELIVERED:
                    self._failures = 0
                    self._backoff.reset()
                try:
                    self._recover(lost)
                except Cancelled:
                    return
            else:
                self._note(connected=False, reason="the file has ended")
                return

    def cancel(self) -> None:
        """End `connect` and `frames` at once, whatever they wait for."""
        with self._lock:
            self._cancelled.set()
            if self._connection is not None:
                self._connection.kill()

    def close(self) -> None:
        """Free everything."""
        self.cancel()
        self._disconnect()

    # -- connecting ---------------------------------------------------------------------------

    def _connect_with_retries(self) -> StreamInfo:
        """Retry until it is open.

        The backoff counts from the start of an attempt: one that timed out has waited already.
        """
        while True:
            begun = monotonic()
            try:
                return self._open()
            except ConnectionLost as lost:
                if lost.permanent and self._info is None:
                    raise self._given_up(lost) from lost
                self._wait("cannot open", lost, monotonic() - begun)

    def _open(self) -> StreamInfo:
        connection = self._connection or self._start()
        patience = self._patience.seconds(self._failures, self._backoff.least)
        info = connection.open(self._info, patience)
        self._patience.answered(connection.answered_in)
        self._clock.restart()
        self._discontinuities = self._lost_before = self._dropped_before = 0
        self._note(connected=True, reason="")
        log.info(
            "connected to %s, %dx%d at %s",
            self._address.label,
            info.width,
            info.height,
            f"{float(info.rate):.4g} frames/s" if info.rate else "an unknown rate",
        )
        return info

    def _recover(self, lost: ConnectionLost) -> None:
        if self._address.ends and not self._cancelled.is_set():
            self._note(connected=False, reason=lost.reason)
            raise SourceError(
                f"{self._address.label} cannot be played any further: {lost.reason}"
            ) from lost
        self._wait("lost", lost)
        self._connect_with_retries()
        with self._lock:
            self._state = replace(self._state, reconnects=self._state.reconnects + 1)

    def _wait(self, what: str, lost: ConnectionLost, waited: float = 0.0) -> None:
        """Give up, or back off until the next attempt, which gets a fresh process meanwhile."""
        self._disconnect()
        self._check_cancelled()
        self._note(connected=False, reason=lost.reason)
        delay = max(0.0, self._backoff.wait() - waited)
        self._failures += 1
        if 0 < self._settings.attempts <= self._failures:
            raise self._given_up(lost) from lost
        log.warning("%s %s: %s; retrying in %.1f s", what, self._address.label, lost.reason, delay)
        with suppress(ConnectionLost):  # the next attempt says so
            self._start()
        self._cancelled.wait(delay)
        self._check_cancelled()

    def _given_up(self, lost: ConnectionLost) -> SourceError:
        self._disconnect()
        return SourceError(f"{self._address.label} cannot be opened: {lost.reason}")

    def _start(self) -> Connection:
        with self._lock:
            self._check_cancelled()
            try:
                self._connection = Connection(self._address, self._settings)
            except (OSError, RuntimeError, MemoryError) as error:
                raise ConnectionLost("the system cannot start more processes") from error
            return self._connection

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _check_cancelled(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _note(self, *, connected: bool, reason: str) -> None:
        with self._lock:
            before = self._state
            since = before.since if before.connected == connected else monotonic()
            self._state = replace(before, connected=connected, reason=reason, since=since)

    # -- reading ------------------------------------------------------------------------------

    def _read(self) -> Iterator[Frame]:
        """Frames of one connection."""
        connection = self._connection
        if connection is None:
            raise ConnectionLost("it was closed")
        connection.begin()
        fresh = True
        for message in connection.frames():
            try:
                if message.kind == "ended":
                    self._count_missing(message.fields)
                    return
                frame = self._frame(message, fresh)
            except MALFORMED as error:
                raise ConnectionLost(INVALID_DATA) from error
            yield frame
            fresh = False

    def _frame(self, message: Message, fresh: bool) -> Frame:
        fields = message.fields
        captured = min(float(fields["at"]), monotonic())
        time = None if fields["time"] is None else Fraction(fields["time"])
        pts, jumped = self._clock.stamp(captured, time)
        discontinuity = fields["discontinuities"] != self._discontinuities
        self._discontinuities = fields["discontinuities"]
        self._count(fields, captured)
        y, u, v, *sound = message.planes
        self._hear(fields.get("sound", []), tuple(sound), pts)
        frame = Frame(
            planes=(y, u, v),
            index=self._index,
            pts=pts,
            time_base=TIME_BASE,
            captured_at=captured,
            corrupt=bool(fields["corrupt"]),
            discontinuity=fresh or jumped or discontinuity,
        )
        self._index += 1
        return frame

    def _hear(self, table: Any, planes: tuple[Plane, ...], pts: int) -> None:
        """Args: table: by times that count from the picture. pts: of the picture."""
        # A clock of the sound that is far off, or was just reset, is no reason to lose the picture.
        near = (b for b in unpack_sound(table, planes) if abs(b.time) <= FARTHEST * TICKS)
        self._sound.put([SoundBlock(pts + block.time, block.samples) for block in near])

    def sound_until(self, pts: int) -> list[SoundBlock]:
        """Take the sound that comes before the picture with that pts, by pts."""
        return self._sound.until(pts)

    def _count(self, fields: dict[str, Any], captured: float) -> None:
        lost, dropped = fields["lost"], fields["dropped"]
        self.losses.packets += lost - self._lost_before
        self.losses.reason = str(fields["why"] or "") or self.losses.reason
        with self._lock:
            state = self._state
            self._state = replace(
                state,
                last_good=state.last_good if fields["corrupt"] else captured,
                damaged=state.damaged + bool(fields["corrupt"]),
                dropped=state.dropped + dropped - self._dropped_before,
            )
        self._lost_before, self._dropped_before = lost, dropped

    def _count_missing(self, fields: dict[str, Any]) -> None:
        """Args: fields: a file's last word."""
        self.losses.packets = fields["packets"]
        self.losses.frames = fields["frames"]
        self.losses.reason = str(fields["reason"] or "") or self.losses.reason
