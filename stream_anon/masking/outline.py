"""What a record of masks holds, without its masks: who is in it, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_anon.core.redacted import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stream_anon.core.parts import Box, Part
    from stream_anon.masking.masks_format import FrameMasks, Header


@dataclass(slots=True)
class Gap:
    """Frames in which a track is not there, between two in which it is."""

    before: int
    """The last frame before."""
    left: Box
    """Around all that is hidden of it there."""
    after: int
    """The first frame behind."""
    right: Box


@dataclass(slots=True)
class TrackOutline:
    """One track."""

    number: int
    first: int
    """Frame."""
    last: int
    place: Box
    """Around all that is hidden of it, in the last frame so far."""
    frames: int = 0
    score: float = 0.0
    """The best of all its frames."""
    labels: dict[str, int] = field(default_factory=dict)
    """How many frames have a part of that label."""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The one that most frames have."""
        return max(self.labels, key=lambda label: self.labels[label])

    def box_in_gap(self, frame: int) -> Box | None:
        """Where it must be in a gap, by a straight line; None where there is no gap."""
        for gap in self.gaps:
            if gap.before < frame < gap.after:
                share = (frame - gap.before) / (gap.after - gap.before)
                pairs = zip(gap.left, gap.right, strict=True)
                return type(gap.left)(*((1 - share) * a + share * b for a, b in pairs))
        return None


@dataclass(slots=True)
class Outline:
    """The whole record."""

    width: int
    height: int
    frames: int = 0
    """One more than the number of the last frame."""
    tracks: dict[int, TrackOutline] = field(default_factory=dict)
    """By their numbers; zones are none."""
    hidden_whole: int = 0
    """Frames."""
    next_number: int = 0
    """Above that of every track."""

    @classmethod
    def of(cls, header: Header, frames: Iterable[FrameMasks]) -> Outline:
        """Read a record through.

        Raises:
            ConfigError: it is damaged.
        """
        outline = cls(header.width, header.height)
        for frame in frames:
            outline.count(frame)
        return outline

    def count(self, frame: FrameMasks) -> None:
        """Take the next frame into account."""
        self.frames = frame.index + 1
        if isinstance(frame.parts, Unknown):
            self.hidden_whole += 1
            return
        people: dict[int, list[Part]] = {}
        for part in frame.parts:
            if part.person >= 0:
                people.setdefault(part.person, []).append(part)
        for number, parts in people.items():
            self.next_number = max(self.next_number, number + 1)
            self._see(number, frame.index, parts)

    def _see(self, number: int, index: int, parts: Sequence[Part]) -> None:
        place = around(parts)
        track = self.tracks.get(number)
        if track is None:
            track = self.tracks[number] = TrackOutline(number, index, index, place)
        elif index > track.last + 1:
            track.gaps.append(Gap(track.last, track.place, index, place))
        track.last, track.place, track.frames = index, place, track.frames + 1
        track.score = max([track.score, *(part.score for part in parts)])
        for label in {part.label for part in parts}:
            track.labels[label] = track.labels.get(label, 0) + 1


def around(parts: Sequence[Part]) -> Box:
    """The box around all that is hidden by some parts."""
    boxes = [part.box.grown(part.spread, part.spread) for part in parts]
    whole = boxes[0]
    for box in boxes[1:]:
        whole = whole.union(box)
    return whole
