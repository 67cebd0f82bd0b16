"""The interface of sinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from stream_anon.core.redacted import RedactedFrame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.live_sound import SoundBlock


class Sink(Protocol):
    """Takes redacted frames in order. Used by one thread."""

    def send(self, frame: RedactedFrame) -> None:
        """Take one frame; nothing but a `RedactedFrame` is accepted.

        Raises:
            TypeError: anything else.
            SinkError: it cannot be written.
        """

    def finish(self) -> None:
        """All frames have been sent: complete the output and make it visible.

        Raises:
            SinkError: the output is not complete.
        """

    def close(self) -> None:
        """Free everything; what is not finished is discarded. Nothing is called after it."""


@runtime_checkable
class SoundSink(Protocol):
    """A sink that takes sound too."""

    def hear(self, sound: Sequence[SoundBlock]) -> None:
        """Take the sound up to the frame that is sent next, in order.

        Raises:
            SinkError: it cannot be written.
        """


def check_redacted(frame: object) -> None:
    """Refuse anything that has not been through the redactor.

    Raises:
        TypeError: `frame` is not a `RedactedFrame`.
    """
    if type(frame) is not RedactedFrame:
        raise TypeError(f"a sink takes RedactedFrame only, not {type(frame).__name__}")
