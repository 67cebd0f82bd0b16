"""Who is to be seen in a video, and where: the audit's own search, in the original alone.

Faces are looked for at several sizes a few times a second, and in quarter turns once a second.
Between two detections, and some way beyond the first and the last one, a face is followed by its
looks, in both directions of time. Pictures come one by one; small ones of the last second or two
are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stream_anon.audit.looking import best_at, merged
from stream_anon.audit.people import Person
from stream_anon.audit.tracing import between, beyond, is_cut, small_picture, trace
from stream_anon.core.parts import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.audit.looking import Looker, Sighting
    from stream_anon.core.frame import Frame, StreamInfo

LIGHT = 384
"""Working size of the passes that come several times a second."""
WIDE = (224, 1280)
"""Working sizes of those that come once a second: for whoever is very near, or far away."""
DEEP = (224, 768, 1920)
"""Working sizes at the beginning of a shot."""
TURNS = (1, 2, 3)
LIGHT_EVERY = 0.15
"""Seconds between two light passes."""
WIDE_EVERY = 1.0
"""Seconds between two wide ones, and between two looks in quarter turns."""
LONGEST_GAP = 1.0
"""Seconds between two detections that may be of one person."""
BRIDGED = 0.4
"""Seconds of a gap that is filled even where the face could not be followed."""
BEYOND = 0.4
"""Seconds before the first and after the last detection in which a face is followed."""
KEPT = 100
"""Small pictures kept at most."""
NEAR = 4
"""Looks near a place in one frame, for faces that a pass should have found and did not."""
OVERLAP = 0.25
"""IoU with where a face is expected from which a detection is of it."""
FAINT = 0.3
"""Scores up to here are no evidence."""
FAINT_TURNED = 0.45
"""The same where the picture had to be turned, which makes for more false answers."""
BELIEVED = 0.35
"""Evidence (scores above what is faint, added up) from which somebody is there."""


@dataclass(slots=True)
class _Track:
    """One person within one shot."""

    seen: list[tuple[int, Box]] = field(default_factory=list)
    """The last two detections: frame and box."""
    boxes: dict[int, Box] = field(default_factory=dict)
    evidence: float = 0.0
    best: float = 0.0
    turn: int = 0
    by_light: bool = False
    """A light pass finds it: it would have done so a little earlier too."""

    @property
    def last(self) -> tuple[int, Box]:
        return self.seen[-1]

    def expected(self, index: int) -> Box:
        """Where it would be if it moved on as between the last two detections."""
        (j, b) = self.seen[-1]
        if len(self.seen) < 2 or index == j:
            return b
        (i, a) = self.seen[-2]
        share = min((index - j) / (j - i), 1.0)
        return b.moved((b.center[0] - a.center[0]) * share, (b.center[1] - a.center[1]) * share)


class Search:
    """Finds the people of a video. Feed it every frame in order, then ask for `people`."""

    def __init__(self, looker: Looker, info: StreamInfo) -> None:
        """Args: looker: what looks for faces. info: of the video."""
        self._looker = looker
        rate = float(info.nominal_rate)
        self._light = max(1, round(LIGHT_EVERY * rate))
        self._wide = max(1, round(WIDE_EVERY * rate))
        self._gap = max(2, round(LONGEST_GAP * rate))
        self._bridged = max(1, round(BRIDGED * rate))
        self._beyond = max(1, round(BEYOND * rate))
        self._room = min(KEPT, 2 * self._gap + 4)
        self._grays: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._tracks: list[_Track] = []
        self._found: list[Person] = []
        self._scale = 1.0
        self._last_light = self._last_wide = -1
        self._index = -1

    def feed(self, frame: Frame) -> None:
        """Take one frame into account.

        Raises:
            ParserError: the detector failed.
        """
        self._index = index = frame.index
        gray = small_picture(frame.planes[0])
        self._scale = gray.shape[1] / frame.width
        before = next(reversed(self._grays.values()), None)
        begins = before is None or frame.discontinuity or is_cut(before, gray)
        if begins:
            self._end_shot()
        self._grays[index] = gray
        while len(self._grays) > self._room:
            self._grays.popitem(last=False)
        wide = begins or index - self._last_wide >= self._wide
        if wide or index - self._last_light >= self._light:
            self._last_light = index
            light = self._looker.look(frame, (LIGHT,))
            everything = light
            if wide:
                self._last_wide = index
                more = self._looker.look(frame, DEEP if begins else WIDE)
                turned = [
                    seen for turn in TURNS for seen in self._looker.look(frame, (LIGHT,), turn)
                ]
                everything = merged([*light, *more, *turned])
            self._match(frame, everything, light)

    def people(self) -> list[Person]:
        """Everybody who was found, in the order in which they appear. Called once, at the end."""
        self._end_shot()
        self._found.sort(key=lambda person: (int(person.frames[0]), -person.evidence))
        return self._found

    # -- detections to tracks -----------------------------------------------------------------

    def _match(self, frame: Frame, sightings: list[Sighting], light: list[Sighting]) -> None:
        """Args: sightings: all of this frame. light: those that a light pass would have found."""
        index = frame.index
        for track in [t for t in self._tracks if index - t.last[0] > self._gap]:
            self._end(track)
        waiting, missed = list(sightings), list[_Track]()
        places = {id(track): track.expected(index) for track in self._tracks}
        for track in sorted(self._tracks, key=lambda t: -t.evidence):
            seen = best_at(waiting, places[id(track)], OVERLAP)
            if seen is None:
                missed.append(track)
            else:
                waiting.remove(seen)
                self._extend(track, index, seen, light)
        looks = NEAR
        for track in missed:
            place = self._traced(track, index)
            seen = best_at(waiting, place, OVERLAP)
            if seen is not None:
                waiting.remove(seen)
            elif looks:
                looks -= 1
                seen = best_at(self._looker.near(frame, place, track.turn), place, OVERLAP)
            if seen is not None and not self._is_taken(seen, index, track):
                self._extend(track, index, seen, light)
        for seen in waiting:
            if not self._is_taken(seen, index, None):
                self._begin(index, seen, light)

    def _is_taken(self, seen: Sighting, index: int, mine: _Track | None) -> bool:
        """Another track has this face already."""
        return any(
            track is not mine and track.last[0] == index and track.last[1].iou(seen.box) > OVERLAP
            for track in self._tracks
        )

    def _traced(self, track: _Track, index: int) -> Box:
        """Where a face that was not detected is by its looks, or else by its motion."""
        at, box = track.last
        found = trace(self._grays, at, box, range(at + 1, index + 1), self._scale)
        if index not in found:
            return track.expected(index)
        x, y = found[index]
        return Box(x - box.width / 2, y - box.height / 2, box.width, box.height)

    def _begin(self, index: int, seen: Sighting, light: list[Sighting]) -> None:
        track = _Track()
        self._note(track, index, seen, light)
        earlier = self._beyond if track.by_light else self._gap
        frames = range(index - 1, index - 1 - earlier, -1)
        track.boxes |= beyond(self._grays, index, seen.box, frames, self._scale)
        self._tracks.append(track)

    def _extend(self, track: _Track, index: int, seen: Sighting, light: list[Sighting]) -> None:
        last = track.last
        track.boxes |= between(
            self._grays, last, (index, seen.box), self._scale, bridged=self._bridged
        )
        self._note(track, index, seen, light)

    @staticmethod
    def _note(track: _Track, index: int, seen: Sighting, light: list[Sighting]) -> None:
        track.seen = [*track.seen[-1:], (index, seen.box)]
        track.boxes[index] = seen.box
        track.turn = seen.turn
        track.by_light = best_at(light, seen.box, OVERLAP) is not None
        track.best = max(track.best, seen.score)
        track.evidence += max(0.0, seen.score - (FAINT_TURNED if seen.turn else FAINT))

    # -- ends ---------------------------------------------------------------------------------

    def _end(self, track: _Track) -> None:
        self._tracks.remove(track)
        index, box = track.last
        later = self._beyond if track.by_light else self._gap
        frames = range(index + 1, index + 1 + later)
        track.boxes |= beyond(self._grays, index, box, frames, self._scale)
        if track.evidence <= 0:
            return
        frames_seen = sorted(track.boxes)
        self._found.append(
            Person(
                frames=np.array(frames_seen, np.int32),
                boxes=np.array([track.boxes[k] for k in frames_seen], np.float32),
                evidence=track.evidence,
                believed=track.evidence >= BELIEVED,
            )
        )

    def _end_shot(self) -> None:
        for track in list(self._tracks):
            self._end(track)
        self._grays.clear()
