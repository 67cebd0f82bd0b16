"""The figures of a camera's last minutes."""

from __future__ import annotations

from collections import deque
from typing import Any

EVERY = 2.0
"""Seconds between two points."""
MINUTES = 5


class History:
    """A ring of points. One thread adds; any may read."""

    def __init__(self) -> None:
        self._points: deque[dict[str, Any]] = deque(maxlen=round(60 * MINUTES / EVERY))
        self._hidden = 0
        self._worst: int | None = None

    def note(self, now: float, fields: dict[str, Any]) -> None:
        """Figures, which come more often than points.

        Args:
            now: seconds since 1970.
            fields: `fps`, `latency_ms`, `people` and `hidden_whole`, a count since the start.
        """
        latency = fields["latency_ms"]
        if latency is not None:
            self._worst = max(latency, self._worst or 0)
        if self._points and now - self._points[-1]["t"] < EVERY:
            return
        hidden = fields["hidden_whole"]
        self._points.append(
            {
                "t": round(now, 1),
                "fps": fields["fps"],
                "latency_ms": self._worst,
                "people": fields["people"],
                "hidden_whole": max(0, hidden - self._hidden),  # since the point before
            }
        )
        self._hidden, self._worst = hidden, None

    def begin_anew(self) -> None:
        """The count of pictures hidden whole begins at 0 again."""
        self._hidden = 0

    def points(self) -> list[dict[str, Any]]:
        return list(self._points)
