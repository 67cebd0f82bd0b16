"""The frames that wait for what comes after them, and how the picture moved between them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream_anon.masking.motion import (
    Flow,
    Thumbnail,
    brightness,
    is_cut,
    largest_change,
    thumbnail,
)

if TYPE_CHECKING:
    from stream_anon.config import Keyframes
    from stream_anon.core.frame import Frame


@dataclass(slots=True, eq=False)
class Motion:
    """How a frame came out of the one before it."""

    clock: float
    """Seconds since the first frame; never runs back."""
    flow: Flow | None
    """From the frame before; None where a shot begins."""
    resting: bool
    """The picture is that of the frame before."""


@dataclass(slots=True, eq=False)
class HeldFrame:
    """A frame that waits for what comes after it."""

    frame: Frame
    thumbnail: Thumbnail
    motion: Motion
    still: tuple[bool, ...] = ()
    """For each watch: the picture is that of its last pass."""
    had_pass: bool = False
    """It had a detection pass of a watch."""
    parsed: bool = False
    """It is a keyframe of the slow detector."""

    @property
    def index(self) -> int:
        return self.frame.index

    @property
    def clock(self) -> float:
        return self.motion.clock

    @property
    def is_still(self) -> bool:
        """Every watch has had a pass at this picture."""
        return all(self.still) and bool(self.still)

    def is_still_for(self, watch: int) -> bool:
        """Whether one watch has had a pass at this picture."""
        return watch < len(self.still) and self.still[watch]

    def moves_for(self, watch: int) -> bool:
        """It shows something that the last pass of a watch has not seen."""
        return not (self.is_still_for(watch) or self.frame.corrupt)


class FrameWindow:
    """Frames taken and not yet released, in order."""

    def __init__(self, keyframes: Keyframes, *, fine: bool = False) -> None:
        """Args: fine: follow motion closely enough for body parts."""
        self._keyframes = keyframes
        self._fine = fine
        self._frames: deque[HeldFrame] = deque()
        self._last: HeldFrame | None = None
        self.motions: dict[int, Motion] = {}
        """Of the frames held, and of older ones until `forget`, by frame index."""
        self._pass_thumbnails: list[Thumbnail | None] = []
        """Thumbnail of each watch's last pass."""

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def frames(self) -> list[Frame]:
        """The frames held, oldest first."""
        return [held.frame for held in self._frames]

    def add_watch(self) -> int:
        """The number of a new watch, before the first frame is taken."""
        self._pass_thumbnails.append(None)
        return len(self._pass_thumbnails) - 1

    def note_pass(self, watch: int, held: HeldFrame) -> None:
        """A watch has a pass at a frame."""
        self._pass_thumbnails[watch] = held.thumbnail

    @property
    def oldest(self) -> HeldFrame:
        """The frame that is released next; there is one."""
        return self._frames[0]

    def newest_moving(self, watch: int, after: int, before: int | None = None) -> HeldFrame | None:
        """The newest frame held with an index between the two that moves for a watch."""
        for held in reversed(self._frames):
            if held.index <= after:
                return None
            if held.moves_for(watch) and (before is None or held.index < before):
                return held
        return None

    def between(self, watch: int, index: int, later: int) -> list[HeldFrame]:
        """Frames held between two of one shot that move for a watch, newest first."""
        return [h for h in reversed(self._frames) if index < h.index < later and h.moves_for(watch)]

    @property
    def span(self) -> float:
        """Seconds from the oldest frame held to the newest."""
        return self._frames[-1].frame.time - self._frames[0].frame.time

    def take(self, frame: Frame) -> HeldFrame:
        """Hold `frame`, and compare it with the one before."""
        last = self._last
        held = self._last = self._compare(frame, thumbnail(frame), last)
        if last is not None:
            held.motion.resting = held.is_still and (last.is_still or last.had_pass)
            held.motion.clock = last.clock + max(0.0, frame.time - last.frame.time)
        self._frames.append(held)
        self.motions[frame.index] = held.motion
        return held

    def release(self) -> HeldFrame:
        """Let the oldest frame go; its motion stays known."""
        return self._frames.popleft()

    def forget(self, index: int) -> None:
        """Motion up to frame `index` is not needed any more."""
        for old in [known for known in self.motions if known <= index]:
            del self.motions[old]

    def _compare(self, frame: Frame, small: Thumbnail, last: HeldFrame | None) -> HeldFrame:
        """What has changed since the frame before."""
        start = Motion(0.0, None, resting=False)
        if last is None or frame.corrupt or last.frame.corrupt or frame.discontinuity:
            return HeldFrame(frame, small, start)
        flow = Flow(last.thumbnail, small, fine=self._fine)
        still = tuple(not self.has_changed(seen, small) for seen in self._pass_thumbnails)
        held = HeldFrame(frame, small, Motion(0.0, flow, resting=False), still)
        if not held.is_still and is_cut(flow, self._keyframes.cut):
            return HeldFrame(frame, small, start)
        return held

    def has_changed(self, before: Thumbnail | None, now: Thumbnail) -> bool:
        """Whether anything moved between two pictures."""
        if before is None:
            return True
        return largest_change(before, now) > self.threshold(now)

    def threshold(self, picture: Thumbnail) -> float:
        """Grey levels by which a block of it must differ from another picture to have changed."""
        return self._keyframes.still * brightness(picture)
