"""Tracking of detections from frame to frame, both ways in time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from stream_anon.masking.scales import at_least_as_large
from stream_anon.masking.tracks import Track, velocity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Box
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.tracks import Place
    from stream_anon.masking.window import HeldFrame, Motion


class Tracker:
    """The tracks of one kind of thing: faces, or body parts."""

    def __init__(
        self,
        motions: dict[int, Motion],
        number: Callable[[], int],
        *,
        confirm_score: float,
        linger: float,
        patience: float,
    ) -> None:
        """Follow nothing yet.

        Args:
            motions: of the frames that can be traced back to, by index.
            number: gives each new track its number.
            confirm_score: a track is believed once the scores of its detections add up to this.
            linger: seconds that a track is hidden for after its last detection.
            patience: seconds without a detection after which a track ends.
        """
        self._motions = motions
        self._number = number
        self._confirm_score = confirm_score
        self._linger = linger
        self._patience = patience
        self._tracks: list[Track] = []
        self.alive: list[Track] = []
        """Tracks that a new detection may belong to."""

    def __len__(self) -> int:
        return len(self._tracks)

    def numbers(self) -> set[int]:
        """Of all tracks that are known still."""
        return {track.number for track in self._tracks}

    def end_shot(self) -> None:
        """Nothing followed so far goes on."""
        self.alive = []

    def advance(self, held: HeldFrame, same_as: int | None) -> None:
        """Take everybody along into a new frame.

        Args:
            held: the frame.
            same_as: index of a frame that had a pass and has the same picture, if there is one:
                who was seen there is here too. All others follow the motion.
        """
        motion = held.motion
        for track in self.alive:
            if same_as is not None and track.last_seen >= same_as:
                track.repeat(held.index, held.clock)
            elif motion.flow is not None:
                anchor, unrest = track.forward[held.index - 1], 0.0
                if not motion.resting:
                    anchor, unrest = motion.flow.forward(anchor, track.shape)
                track.carry(held.index, held.clock, anchor, unrest)

    def confirmed(self) -> Iterator[Track]:
        """Those who are followed and believed."""
        return filter(self.is_confirmed, self.alive)

    def is_confirmed(self, track: Track) -> bool:
        return track.evidence >= self._confirm_score

    def follow(self, pairs: Iterable[tuple[Track, Detection]], index: int, clock: float) -> None:
        """Detections of tracks that are known, in the newest frame or in an earlier one."""
        for track, detection in pairs:
            before = track.last_seen
            track.see(index, clock, at_least_as_large(track, detection, index))
            self._trace_back(track, index, stop=before)
            self._catch_up(track, index)

    def begin(self, detection: Detection, index: int, clock: float, *, reach: float) -> Track:
        """The first detection of somebody.

        Args:
            detection: what was seen.
            index: the frame.
            clock: its time.
            reach: seconds that they may have been there already.
        """
        track = Track(self._number())
        track.see(index, clock, detection)
        self._tracks.append(track)
        self.alive.append(track)
        self._trace_back(track, index, stop=-1, reach=reach)
        self._catch_up(track, index)
        return track

    def see_earlier(self, track: Track, detection: Detection, index: int) -> None:
        """Somebody who was seen in a newer frame already was seen in frame `index` too."""
        before = max((k for k in track.detections if k < index), default=-1)
        after = min(k for k in track.detections if k > index)
        track.see(index, self._motions[index].clock, detection)
        if after == track.last_seen:
            anchor = track.detections[after].anchor
            track.velocity = velocity(index, detection.anchor, after, anchor)
        self._trace_back(track, index, stop=before, reach=self._linger)
        self._catch_up(track, index, stop=after)

    def _catch_up(self, track: Track, index: int, stop: float = math.inf) -> None:
        """Take a track from a detection in frame `index` on to the newest frame, or to `stop`."""
        anchor = track.forward[index]
        while motion := self._motions.get(index := index + 1):
            if motion.flow is None or index >= stop:
                return
            unrest = 0.0
            if not motion.resting:
                anchor, unrest = motion.flow.forward(anchor, track.shape)
            track.carry(index, motion.clock, anchor, unrest)

    def _trace_back(self, track: Track, index: int, *, stop: int, reach: float = math.inf) -> None:
        """Follow the motion back from the detection in `index` to frame `stop`, both left out."""
        anchor = track.detections[index].anchor
        start = self._motions[index].clock
        while index - 1 > stop and index - 1 in self._motions:
            later, earlier = self._motions[index], self._motions[index - 1]
            if later.flow is None or start - earlier.clock > reach + 1e-6:
                return
            unrest = 0.0
            if not later.resting:
                anchor, unrest = later.flow.backward(anchor, track.shape)
            index -= 1
            track.trace(index, earlier.clock, anchor, unrest)

    def drop_lost(self, held: HeldFrame) -> None:
        """End tracks that nothing can bridge any more."""
        self.alive = [
            track
            for track in self.alive
            if held.clock - track.times[track.last_seen] <= self._patience
            and any(_in_view(guess, held.frame) for guess in track.guesses(held.index))
        ]

    def places(self, index: int) -> Iterator[tuple[Track, Place]]:
        """Where everybody believed in may be in frame `index`."""
        for track in self._tracks:
            if self.is_confirmed(track):
                for place in track.places(index, self._linger):
                    yield track, place

    def forget(self, index: int) -> None:
        """Frames before `index` have been released, and will not be asked for again."""
        alive = {track.number for track in self.alive}
        kept: list[Track] = []
        for track in self._tracks:
            track.forget(index)
            if track.number in alive or max(track.times, default=-1) > index:
                kept.append(track)
        self._tracks = kept


def speeds(tracks: Iterable[Track], index: int) -> Sequence[tuple[Box, float]]:
    """Box in frame `index`, and pixels moved since the frame before, of each track."""
    found = []
    for track in tracks:
        now, before = track.forward[index], track.forward[index - 1]
        found.append((now, math.dist(now.center, before.center)))
    return found


def _in_view(box: Box, frame: Frame) -> bool:
    return (
        box.x + box.width > 0
        and box.y + box.height > 0
        and box.x < frame.width
        and box.y < frame.height
    )
