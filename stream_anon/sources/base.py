"""The interface of sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.sources.ranges import Range


@dataclass(slots=True)
class Losses:
    """Counts of what could not be read. Grows while the source is read."""

    packets: int = 0
    """Packets that the decoder refused."""
    frames: int = 0
    """Frames that the container promised and that never came; known at the end."""
    reason: str | None = None
    """The last error of the demuxer or decoder, without addresses."""

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


class SeekableSource(Source, Protocol):
    """A source of which a range can be read, and read again.

    A frame is the same whichever way it is reached: index, pts, duration, marks and pixels are
    those that reading everything gives it. How fast it is reached is not promised: where a source
    cannot be sure of a place to begin at, it decodes from the beginning. Frames before and after
    the range never come.
    """

    def seek(self, within: Range | None) -> None:
        """Choose what the next call of `frames()` gives: a range, or None for everything.

        For the reading thread, before `frames()` and between two calls of it. What an earlier call
        returned must not be read any further; frames that came out of it stay valid. `info` is of
        the whole video and stays what it is. `losses` starts again at nothing, and then holds what
        was lost from where decoding began. Nothing is counted as missing behind the range.

        A range that holds no frame, because it is empty or beyond the end, is not an error: no
        frame comes.

        Raises:
            SourceError: what is read is not there any more. The source can then only be closed.
        """
