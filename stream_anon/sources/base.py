"""What a source of frames is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.core.frame import Frame, StreamInfo


@dataclass(slots=True)
class Losses:
    """What could not be read. Grows while the source is read."""

    packets: int = 0
    """Packets that the decoder refused."""
    frames: int = 0
    """Frames that the container promised and that never came; known at the end."""
    reason: str | None = None
    """What the demuxer or decoder said last, without addresses."""

    def __bool__(self) -> bool:
        return self.frames > 0 or self.packets > 0


class Source(Protocol):
    """A video to read once, from start to end, by one thread."""

    @property
    def info(self) -> StreamInfo:
        """Known as soon as the source is open."""

    @property
    def losses(self) -> Losses:
        """What was lost so far; complete when `frames()` has ended."""

    def frames(self) -> Iterator[Frame]:
        """Every frame, indices from 0 without gaps, pts strictly increasing, one picture size.

        Raises:
            SourceError: no frame at all could be decoded.
        """

    def close(self) -> None:
        """Free the decoder and the file. Called once, after the reading thread has ended."""
