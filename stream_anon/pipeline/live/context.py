"""State shared by the successive inference workers of one live stream."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stream_anon.config import Live
    from stream_anon.core.channel import Channel
    from stream_anon.core.frame import Frame
    from stream_anon.masking.keyframes import Effort
    from stream_anon.masking.masker import Masker
    from stream_anon.pipeline.figures.stats import LiveStats
    from stream_anon.pipeline.live.controls import ChosenFrame, Controls


class LoadedEngines(Protocol):
    """Loaded engines, and the levels of effort that this machine can afford."""

    @property
    def efforts(self) -> Sequence[Effort]:
        """Levels of effort, the highest first."""

    @property
    def level(self) -> int:
        """The highest of them that this machine can afford."""

    def masker(self, hidden: frozenset[str], apart: frozenset[str]) -> Masker:
        """A new masker that knows nothing yet; see `Masker` for the labels."""

    def close(self) -> None:
        """Free the engines."""


@dataclass(slots=True, eq=False)
class InferenceContext:
    """Input, output, settings and controls of the inference stage of one stream."""

    load: Callable[[], LoadedEngines]
    """Loads the engines; called again after they fail."""
    frames: Channel[Frame]
    """In; the oldest are dropped where there are too many."""
    masked: Channel[ChosenFrame]
    """Out; closed at the end."""
    settings: Live
    controls: Controls
    stats: LiveStats
    _discontinuities: deque[int] = field(default_factory=deque)
    _taken: int = 0

    def put(self, frame: Frame) -> None:
        """A new frame; returns at once.

        Raises:
            Cancelled: nobody takes frames any more.
        """
        if frame.discontinuity:
            self._discontinuities.append(frame.index)
        before = self.frames.dropped
        self.frames.put(frame)
        if dropped := self.frames.dropped - before:
            self.stats.drop("before inference", dropped)

    def renumber(self, frame: Frame) -> Frame:
        """The frame with an index without gaps: frames before it may have been dropped.

        If a dropped frame carried a discontinuity, this one inherits it.
        """
        discontinuity = frame.discontinuity
        while self._discontinuities and self._discontinuities[0] <= frame.index:
            self._discontinuities.popleft()
            discontinuity = True
        index, self._taken = self._taken, self._taken + 1
        return replace(frame, index=index, discontinuity=discontinuity)
