"""How a live source is doing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceState:
    """How a source is doing, at one moment."""

    connected: bool = False
    reason: str = "not opened yet"
    """Why it is not connected; empty where it is."""
    since: float = 0.0
    """`time.monotonic()` of the last change between connected and not."""
    last_good: float | None = None
    """`time.monotonic()` of the last intact picture."""
    reconnects: int = 0
    damaged: int = 0
    """Pictures that came damaged."""
    dropped: int = 0
    """Pictures left out because they were not taken in time."""
