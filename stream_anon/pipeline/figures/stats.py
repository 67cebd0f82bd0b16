"""Figures of a live run: counted by the threads that do the work, read by those that report.

Nothing here grows with time: a run of a month takes the memory of a run of a minute.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.core.credentials import without_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame
    from stream_anon.core.redacted import RedactedFrame, Unknown

    Rows = NDArray[np.float64]

RATE_WINDOW = 5.0
"""Seconds that frame rates are measured over."""
LATENCY_WINDOW = 60.0
"""Seconds that latency and the age of masks are measured over."""
RATE_ROWS, LATENCY_ROWS = 2048, 8192
"""Frames remembered; at more than 400 or 136 frames per second the windows are shorter."""
MOST_NAMES = 64
"""Names kept apart in one table; later ones are counted as `OTHER`."""
OTHER = "other"
AT_CAPTURE = "at capture"
"""Why a frame was dropped: it was not read from the capture process in time."""


@dataclass(frozen=True, slots=True)
class SinkFigures:
    """How one output is doing."""

    state: str
    """For display, such as `writing` or `opening again`."""
    up: bool = True
    """It takes frames."""
    frames: int = 0
    dropped: int = 0
    """Frames that it was too slow for."""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All figures at one moment. Counts are since the start."""

    uptime: float
    """Seconds."""
    frames_in: int
    frames_out: int
    damaged: int
    """Frames that came in damaged."""
    fps_in: float
    fps_out: float
    latency: tuple[float, float, float] | None
    """Seconds from capture to hand-off: p50, p95, p99 of the last minute; None without frames."""
    latency_sum: float
    """Seconds."""
    latency_count: int
    mask_age: int
    """Frames since the oldest detection that the last picture's masks rest on."""
    oldest_mask: int
    """The largest such age of the last minute."""
    people: int
    """Hidden in the last picture."""
    hidden_now: Unknown | None
    """Why the last picture is hidden whole; None where it is not."""
    hidden_whole: Mapping[Unknown, int]
    dropped: Mapping[str, int]
    """Frames dropped before anybody looked at them, by reason."""
    effort: int
    """0 is the full effort; each level above it does less."""
    connected: bool
    reason: str
    """Why it is not connected."""
    reconnects: int
    lost_packets: int
    """Packets that were lost, or that the decoder refused."""
    since_good: float | None
    """Seconds since the last intact frame came in; None before the first."""
    sinks: Mapping[str, SinkFigures]
    """By label."""

    @property
    def dropped_total(self) -> int:
        return sum(self.dropped.values())

    @property
    def hidden_total(self) -> int:
        """Pictures hidden whole."""
        return sum(self.hidden_whole.values())


class LiveStats:
    """Counts a live run. Any thread may call anything."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Args: clock: seconds, never backward."""
        self._clock = clock
        self._lock = threading.Lock()
        self._started = clock()
        self._in, self._out = _Ring(RATE_ROWS, 1), _Ring(RATE_ROWS, 1)
        self._latencies, self._ages = _Ring(LATENCY_ROWS, 2), _Ring(LATENCY_ROWS, 2)
        self._latency_sum = 0.0
        self._damaged = 0
        self._last_good: float | None = None
        self._mask_age = self._people = 0
        self._hidden_now: Unknown | None = None
        self._hidden_whole: Counter[Unknown] = Counter()
        self._dropped: Counter[str] = Counter()
        self._effort = 0
        self._connected, self._reason, self._reconnects = False, "", 0
        self._lost_packets = 0
        self._sinks: dict[str, SinkFigures] = {}

    def count_in(self, frame: Frame) -> None:
        """A frame came from the source."""
        now = self._clock()
        with self._lock:
            self._in.add(now)
            if frame.corrupt:
                self._damaged += 1
            else:
                self._last_good = now

    def count_out(
        self,
        redacted: RedactedFrame,
        latency: float | None,
        mask_age: int,
        *,
        people: int | None = None,
    ) -> None:
        """A picture is handed to the sinks.

        Args:
            redacted: the picture.
            latency: seconds since its capture; None where no frame is behind it.
            mask_age: frames since the oldest detection that its masks rest on.
            people: how many are hidden; None takes the regions for people.
        """
        now = self._clock()
        with self._lock:
            self._out.add(now)
            self._ages.add(now, mask_age)
            if latency is not None:
                self._latencies.add(now, latency)
                self._latency_sum += latency
            self._mask_age = mask_age
            self._people = redacted.parts_hidden if people is None else people
            self._hidden_now = redacted.hidden_whole
            if redacted.hidden_whole is not None:
                self._hidden_whole[redacted.hidden_whole] += 1

    def drop(self, reason: str, count: int = 1) -> None:
        """Frames are thrown away before anybody looked at them."""
        with self._lock:
            self._dropped[_name(reason, self._dropped)] += count

    def set_source(
        self,
        *,
        connected: bool,
        reconnects: int,
        reason: str = "",
        dropped: int = 0,
        lost_packets: int = 0,
    ) -> None:
        """How the source is doing; counts are since the start.

        Args:
            connected: it is open.
            reconnects: how often it was reconnected.
            reason: why it is not connected.
            dropped: frames left out because nobody took them in time.
            lost_packets: packets that were lost, or that the decoder refused.
        """
        with self._lock:
            self._connected, self._reconnects = connected, reconnects
            self._reason = "" if connected else without_credentials(reason)
            self._lost_packets = lost_packets
            if dropped:
                self._dropped[AT_CAPTURE] = dropped

    def set_effort(self, level: int) -> None:
        """Args: level: 0 is the full effort."""
        with self._lock:
            self._effort = level

    def set_sink(
        self,
        label: str,
        state: str,
        *,
        up: bool = True,
        frames: int = 0,
        dropped: int = 0,
        restarts: int = 0,
    ) -> None:
        """How one output is doing; its counts since the start replace the earlier ones."""
        figures = SinkFigures(without_credentials(state), up, frames, dropped, restarts)
        with self._lock:
            self._sinks[_name(label, self._sinks)] = figures

    def forget_sink(self, label: str) -> None:
        """It is no output any more."""
        with self._lock:
            self._sinks.pop(_name(label, self._sinks), None)

    def snapshot(self) -> Snapshot:
        """All figures now."""
        now = self._clock()
        with self._lock:
            return Snapshot(
                uptime=now - self._started,
                frames_in=self._in.count,
                frames_out=self._out.count,
                damaged=self._damaged,
                fps_in=_rate(self._in, now),
                fps_out=_rate(self._out, now),
                latency=_percentiles(self._latencies.since(now - LATENCY_WINDOW)),
                latency_sum=self._latency_sum,
                latency_count=self._latencies.count,
                mask_age=self._mask_age,
                oldest_mask=_largest(self._ages.since(now - LATENCY_WINDOW)),
                people=self._people,
                hidden_now=self._hidden_now,
                hidden_whole=dict(self._hidden_whole),
                dropped=dict(self._dropped),
                effort=self._effort,
                connected=self._connected,
                reason=self._reason,
                reconnects=self._reconnects,
                lost_packets=self._lost_packets,
                since_good=None if self._last_good is None else now - self._last_good,
                sinks=dict(self._sinks),
            )


class _Ring:
    """The last rows of numbers, each begun by its time; older ones are overwritten."""

    def __init__(self, size: int, columns: int) -> None:
        self._rows: Rows = np.zeros((size, columns))
        self.count = 0
        """Rows added since the start."""

    def add(self, *row: float) -> None:
        self._rows[self.count % len(self._rows)] = row
        self.count += 1

    def since(self, time: float) -> Rows:
        """The rows after `time`, in any order."""
        rows = self._rows[: self.count]
        return rows[rows[:, 0] > time]


def _name(text: str, table: Mapping[str, object]) -> str:
    name = without_credentials(text)
    return name if name in table or len(table) < MOST_NAMES else OTHER


def _rate(ring: _Ring, now: float) -> float:
    """Frames per second: from the first to the last of the window, or to now if they stopped."""
    times = ring.since(now - RATE_WINDOW)[:, 0]
    count = len(times)
    if count < 5:
        return count / RATE_WINDOW
    first, last = float(times.min()), float(times.max())
    usual = (last - first) / (count - 1)
    end = last if now - last <= 2 * usual else now
    return (count - 1) / (end - first) if end > first else count / RATE_WINDOW


def _percentiles(rows: Rows) -> tuple[float, float, float] | None:
    if not len(rows):
        return None
    p50, p95, p99 = np.percentile(rows[:, 1], (50, 95, 99))
    return float(p50), float(p95), float(p99)


def _largest(rows: Rows) -> int:
    return int(rows[:, 1].max()) if len(rows) else 0
