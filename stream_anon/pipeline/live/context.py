"""What the inference stage of a live run works on, shared by whichever worker is at it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_anon.config import Live
    from stream_anon.core.channel import Channel
    from stream_anon.core.frame import Frame
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.masking.keyframes import Effort
    from stream_anon.masking.masker import Masker
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.controls import Controls


class LoadedEngines(Protocol):
    """Engines that are loaded, and what this machine can do with them."""

    @property
    def efforts(self) -> Sequence[Effort]:
        """Levels of effort, the closest look first."""

    @property
    def level(self) -> int:
        """The closest of them that costs no more than it may."""

    def masker(self, hidden: frozenset[str]) -> Masker:
        """A new masker that knows nothing yet and hides these labels."""

    def close(self) -> None:
        """Free the engines."""


@dataclass(slots=True, eq=False)
class InferenceContext:
    """One stream on its way through the inference stage."""

    load: Callable[[], LoadedEngines]
    """Loads the engines; called again where they fail."""
    frames: Channel[Frame]
    """In; the oldest are dropped where there are too many."""
    masked: Channel[MaskedFrame]
    """Out; closed at the end."""
    settings: Live
    controls: Controls
    stats: LiveStats
    _breaks: deque[int] = field(default_factory=deque)
    _taken: int = 0

    def put(self, frame: Frame) -> None:
        """A new frame; returns at once.

        Raises:
            Cancelled: nobody takes frames any more.
        """
        if frame.discontinuity:
            self._breaks.append(frame.index)
        before = self.frames.dropped
        self.frames.put(frame)
        if dropped := self.frames.dropped - before:
            self.stats.drop("before inference", dropped)

    def own(self, frame: Frame) -> Frame:
        """A frame that was taken, under a number without gaps: some may have been dropped.

        Where the dropped one was the first after a break, this one is.
        """
        broken = frame.discontinuity
        while self._breaks and self._breaks[0] <= frame.index:
            self._breaks.popleft()
            broken = True
        index, self._taken = self._taken, self._taken + 1
        return replace(frame, index=index, discontinuity=broken)
