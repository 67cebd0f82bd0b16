"""From raw frames to masked frames: looks, tracks, and a decision that sees both ways in time."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stream_anon.frame import MaskedFrame, Unknown
from stream_anon.masking.association import associate, without_doubles
from stream_anon.masking.keyframes import KeyframePolicy, Seen
from stream_anon.masking.motion import (
    Flow,
    Thumbnail,
    brightness,
    is_cut,
    largest_change,
    thumbnail,
)
from stream_anon.masking.tracks import Sighting, Track, group_people, parts_at
from stream_anon.parsing.checking import checked_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.frame import Box, Frame, StreamInfo
    from stream_anon.parsing.base import Look, Parser, Part

NEW_FACE = 0.2
"""Weaker sightings than this only confirm a face that is followed, they do not start one."""
CLOSE_LOOKS = 2
"""Lost faces that are searched for closely, in one frame."""
MAX_HELD = 240
"""Frames held for the lookahead, whatever their rate."""


@dataclass(slots=True, eq=False)
class _Held:
    """A frame that waits for what comes after it."""

    frame: Frame
    thumbnail: Thumbnail
    flow: Flow | None
    """From the frame before; None where a shot begins."""
    clock: float = 0.0
    """Seconds since the first frame; never runs back."""
    still: bool = False
    """The picture is the one that was looked at last."""
    resting: bool = False
    """The picture is that of the frame before."""
    looked: bool = False


class Masker:
    """Works out the masks of one stream. Used by one thread; `masks` is called once."""

    def __init__(
        self, parser: Parser, hidden: frozenset[str], settings: Settings, info: StreamInfo
    ) -> None:
        """Args: hidden: labels to hide, from `resolve_scope`."""
        self._parser = parser
        self._hidden = hidden
        self._keyframes = settings.keyframes
        self._masking = settings.masking
        room = int(settings.masking.memory * 2**20 / (info.width * info.height * 1.5))
        self._max_held = max(2, min(MAX_HELD, room))
        self._confirm_score = NEW_FACE if info.still else settings.masking.confirm_score
        self._deep_interval = settings.keyframes.deep_interval
        if settings.masking.lookahead:  # nobody can be traced back further than that
            self._deep_interval = min(self._deep_interval, settings.masking.lookahead)
        self._policy = KeyframePolicy(
            settings.keyframes.model_copy(update={"deep_interval": self._deep_interval}),
            settings.parsing,
            info,
            longest_gap=self._max_held - 1,
        )
        self._held: deque[_Held] = deque()
        self._last: _Held | None = None
        self._tracks: list[Track] = []
        self._alive: list[Track] = []
        self._looked_at: Thumbnail | None = None
        self._looked_deeply_at: Thumbnail | None = None
        self._last_look_clock = 0.0
        self._next_number = 0

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order, `lookahead` seconds behind the input.

        Raises:
            ParserError: the parser failed or answered with nonsense.
        """
        for frame in frames:
            self._take(frame)
            while self._held and self._is_decided():
                yield self._release()
        while self._held:
            yield self._release()

    def _is_decided(self) -> bool:
        span = self._held[-1].frame.time - self._held[0].frame.time
        return span >= self._masking.lookahead or len(self._held) >= self._max_held

    # -- looking ------------------------------------------------------------------------------

    def _take(self, frame: Frame) -> None:
        held = self._observe(frame)
        self._held.append(held)
        if frame.corrupt:
            self._alive = []
            return
        if held.flow is None:
            self._alive = []
            self._look(held, self._policy.first(frame.index, frame.time))
        elif held.still:
            for track in self._alive:
                track.repeat(frame.index, held.clock, self._policy.last_look)
            changed = self._has_changed(self._looked_deeply_at, held.thumbnail)
            lost = any(track.last_seen < frame.index for track in self._alive)
            looks = self._policy.still(frame.index, frame.time, changed=changed, lost=lost)
            self._look(held, looks)
        else:
            for track in self._alive:
                anchor = held.flow.forward(track.forward[frame.index - 1])
                track.carry(frame.index, held.clock, anchor)
            self._look(held, self._policy.moving(frame.index, frame.time, self._followed(frame)))
        self._drop_lost(held)

    def _observe(self, frame: Frame) -> _Held:
        last = self._last
        held = self._last = self._compare(frame, thumbnail(frame), last)
        if last is not None:
            held.resting = held.still and (last.still or last.looked)
            held.clock = last.clock + max(0.0, frame.time - last.frame.time)
        return held

    def _compare(self, frame: Frame, small: Thumbnail, last: _Held | None) -> _Held:
        """What has changed since the frame before."""
        if last is None or frame.corrupt or last.frame.corrupt or frame.discontinuity:
            return _Held(frame, small, None)
        flow = Flow(last.thumbnail, small)
        if not self._has_changed(self._looked_at, small):
            return _Held(frame, small, flow, still=True)
        return _Held(frame, small, None if is_cut(flow, self._keyframes.cut) else flow)

    def _has_changed(self, before: Thumbnail | None, now: Thumbnail) -> bool:
        if before is None:
            return True
        return largest_change(before, now) > self._keyframes.still * brightness(now)

    def _followed(self, frame: Frame) -> list[Seen]:
        faces: list[Seen] = []
        for track in filter(self._is_confirmed, self._alive):
            now, before = track.forward[frame.index], track.forward[frame.index - 1]
            speed = math.dist(now.center, before.center)
            faces.append(Seen(now, speed))
        return faces

    def _look(self, held: _Held, looks: Sequence[Look]) -> None:
        if not looks:
            return
        held.looked = True
        self._looked_at = held.thumbnail
        if self._policy.deep in looks:
            self._looked_deeply_at = held.thumbnail
        index, clock = held.frame.index, held.clock
        pairs, new = associate(self._alive, self._parse(held.frame, looks), index)
        found = {track.number for track, _ in pairs}
        lost = [
            track
            for track in self._alive
            if track.number not in found
            and self._policy.visible(track.forward[index], looks)
            and track.miss()
        ]
        doubtful = [s for s in new if NEW_FACE <= s.score < self._confirm_score]
        self._follow(pairs, index, clock)
        born = [self._begin(s, index, clock) for s in new if s.score >= NEW_FACE]
        places = [guess for track in lost for guess in track.guesses(index)]
        places += [s.anchor for s in doubtful]
        if closer := [self._policy.closely(place) for place in places[:CLOSE_LOOKS]]:
            uncertain = [*lost, *(track for track in born if not self._is_confirmed(track))]
            again, _ = associate(uncertain, self._parse(held.frame, closer), index)
            self._follow(again, index, clock)
        self._last_look_clock = clock

    def _parse(self, frame: Frame, looks: Sequence[Look]) -> list[Sighting]:
        sightings: list[Sighting] = []
        for look in looks:
            sightings += group_people(checked_answer(self._parser, frame, look))
        strong = [s for s in sightings if s.score >= self._masking.track_score]
        return without_doubles(strong) if len(looks) > 1 else strong

    # -- following ----------------------------------------------------------------------------

    def _follow(self, pairs: Sequence[tuple[Track, Sighting]], index: int, clock: float) -> None:
        for track, sighting in pairs:
            before = track.last_seen
            track.see(index, clock, sighting)
            self._trace_back(track, index, sighting.anchor, stop=before)

    def _begin(self, sighting: Sighting, index: int, clock: float) -> Track:
        track = Track(self._next_number)
        self._next_number += 1
        track.see(index, clock, sighting)
        self._tracks.append(track)
        self._alive.append(track)
        unwatched = clock - self._last_look_clock - 1e-3  # nobody was seen in that look itself
        reach = max(self._masking.linger, self._trace_time(sighting.anchor), unwatched)
        self._trace_back(track, index, sighting.anchor, stop=-1, reach=reach)
        return track

    def _trace_time(self, anchor: Box) -> float:
        """Small faces are found by deep looks only, so they may have been there for longer."""
        found_lightly = self._policy.visible(anchor, [self._policy.light])
        return 0.0 if found_lightly else self._deep_interval

    def _trace_back(
        self, track: Track, index: int, anchor: Box, *, stop: int, reach: float = math.inf
    ) -> None:
        """Follow the motion back from frame `index` to frame `stop`, both left out.

        Args:
            track: gets the places.
            index: the frame of its newest sighting.
            anchor: of that sighting.
            stop: how far at most; -1 as far as frames are held.
            reach: seconds to go back at most.
        """
        offset = self._held[0].frame.index
        start = self._held[index - offset].clock
        while index - 1 > max(stop, offset - 1):
            later, earlier = self._held[index - offset], self._held[index - 1 - offset]
            if later.flow is None or start - earlier.clock > reach + 1e-6:
                return
            anchor = anchor if later.resting else later.flow.backward(anchor)
            index -= 1
            track.trace(index, earlier.clock, anchor)

    def _is_confirmed(self, track: Track) -> bool:
        return track.evidence >= self._confirm_score

    def _drop_lost(self, held: _Held) -> None:
        """A gap longer than the lookahead could not be bridged any more."""
        frame = held.frame
        patience = max(self._masking.lookahead, self._masking.linger)
        self._alive = [
            track
            for track in self._alive
            if held.clock - track.times[track.last_seen] <= patience
            and any(self._in_view(guess, frame) for guess in track.guesses(frame.index))
        ]

    @staticmethod
    def _in_view(box: Box, frame: Frame) -> bool:
        return (
            box.x + box.width > 0
            and box.y + box.height > 0
            and box.x < frame.width
            and box.y < frame.height
        )

    # -- deciding -----------------------------------------------------------------------------

    def _release(self) -> MaskedFrame:
        held = self._held.popleft()
        frame = held.frame
        if frame.corrupt:
            return MaskedFrame(frame, Unknown.CORRUPT)
        parts: list[Part] = []
        age = 0
        for track in self._tracks:
            if not self._is_confirmed(track):
                continue
            for place in track.places(frame.index, self._masking.linger):
                age = max(age, place.age)
                moved = parts_at(place, track.number, self._masking.margin, self._masking.growth)
                parts += [part for part in moved if self._is_hidden(part)]
        self._forget(frame.index)
        return MaskedFrame(frame, tuple(parts), looked=held.looked, age=age)

    def _is_hidden(self, part: Part) -> bool:
        return part.label in self._hidden and part.box.area >= self._masking.min_area

    def _forget(self, index: int) -> None:
        alive = {track.number for track in self._alive}
        kept: list[Track] = []
        for track in self._tracks:
            track.forget(index)
            if track.number in alive or max(track.times, default=-1) > index:
                kept.append(track)
        self._tracks = kept
