"""A sink that counts and keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.sinks.base import check_redacted

if TYPE_CHECKING:
    from stream_anon.core.redacted import RedactedFrame


class NullSink:
    """For measuring, and for runs that only want the report or the tracks."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames taken so far."""

    def send(self, frame: RedactedFrame) -> None:
        check_redacted(frame)
        self.frames += 1

    def finish(self) -> None:
        """Nothing to complete."""

    def close(self) -> None:
        """Nothing to free."""
