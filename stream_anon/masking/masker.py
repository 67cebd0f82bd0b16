"""From raw frames to masked frames: looks, tracks, and a decision that sees both ways in time."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.checking import checked_answer
from stream_anon.detectors.labels import covers
from stream_anon.masking.association import associate, nearest, without_doubles
from stream_anon.masking.bodies import Bodies
from stream_anon.masking.keyframes import KeyframePolicy, Seen
from stream_anon.masking.tracker import Tracker, speeds
from stream_anon.masking.tracks import Sighting, group_people, parts_at
from stream_anon.masking.window import Held, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Box, Part
    from stream_anon.detectors.base import Look, Parser
    from stream_anon.masking.keyframes import Effort
    from stream_anon.masking.motion import Thumbnail

NEW_FACE = 0.2
"""Weaker sightings than this only confirm a face that is followed, they do not start one."""
CLOSE_LOOKS = 2
"""Close looks in one frame at lost faces, and as many again at doubtful ones."""
MAX_HELD = 240
"""Frames held for the lookahead, whatever their rate."""


class Masker:
    """Works out the masks of one stream. Used by one thread.

    Frames are taken one by one and released in order, each once it `is_decided`; `masks` does that
    for a whole stream, and is called once.
    """

    def __init__(
        self,
        parser: Parser,
        hidden: frozenset[str],
        settings: Settings,
        info: StreamInfo,
        *,
        body_parser: Parser | None = None,
    ) -> None:
        """Know nothing yet.

        Args:
            parser: finds faces, quickly; looks at many frames.
            hidden: labels to hide, from `resolve_scope`.
            settings: of the run.
            info: of the stream.
            body_parser: finds body parts, slowly; looks at keyframes only.
        """
        self._parser = parser
        self._hidden = hidden
        self._masking = masking = settings.masking
        room = int(masking.memory * 2**20 / (info.width * info.height * 1.5))
        self._max_held = max(2, min(MAX_HELD, room))
        # Nobody waits for a second detection: a photo has none, and live it comes too late.
        self._confirm_score = NEW_FACE if info.still or info.live else masking.confirm_score
        self._deep_interval = settings.keyframes.deep_interval
        if masking.lookahead and not info.live:  # nobody can be traced back further than that
            self._deep_interval = min(self._deep_interval, masking.lookahead)
        self._policy = KeyframePolicy(
            settings.keyframes.model_copy(update={"deep_interval": self._deep_interval}),
            settings.parsing,
            info,
            longest_gap=self._max_held - 1,
        )
        self._window = Window(settings.keyframes, fine=body_parser is not None)
        number = count().__next__
        self._faces = Tracker(
            self._window.motions,
            number,
            confirm_score=self._confirm_score,
            linger=masking.linger,
            patience=max(masking.lookahead, masking.linger),
        )
        self._bodies: Bodies | None = None
        if body_parser is not None:
            longest_gap = self._max_held - 1
            self._bodies = Bodies(
                body_parser, hidden, settings, info, self._window, number, longest_gap
            )
        self._needs_bodies = not covers(parser.labels, hidden)
        self._is_live = info.live
        self._looked_deeply_at: Thumbnail | None = None
        self._last_look, self._last_look_clock = -1, 0.0

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order, `lookahead` seconds behind the input.

        Raises:
            ParserError: the parser failed or answered with nonsense.
        """
        try:
            for frame in frames:
                self.take(frame)
                while self.is_decided:
                    yield self.release()
            while self._window:
                yield self.release()
        finally:
            self.close()

    def close(self) -> None:
        """End what works beside the stream. What was taken and not released is forgotten."""
        if self._bodies is not None:
            self._bodies.close()

    @property
    def is_decided(self) -> bool:
        """Whether the oldest frame held has waited for long enough."""
        window = self._window
        if not window:
            return False
        return window.span >= self._masking.lookahead - 1e-6 or len(window) >= self._max_held

    @property
    def held(self) -> list[Frame]:
        """Frames taken and not released, oldest first."""
        return self._window.frames

    def hide(self, labels: frozenset[str]) -> None:
        """From the next release on, hide these labels instead, from `resolve_scope`.

        What the slow parser has not looked for is unknown until it answers again.
        """
        self._hidden = labels
        self._needs_bodies = not covers(self._parser.labels, labels)
        if self._bodies is not None:
            self._bodies.hide(labels)

    def spare(self, effort: Effort) -> None:
        """Look more or less closely from now on."""
        self._policy.spare(effort)

    # -- looking ------------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """Look at the newest frame, or carry along what is known.

        Raises:
            ParserError: the parser failed or answered with nonsense.
        """
        held = self._window.take(frame)
        if held.motion.flow is None:  # nothing later tells who was in the last frames of a shot
            self._catch_up(before=frame.index)
        if frame.corrupt:
            self._end_shot()
            return
        if held.motion.flow is None:
            self._end_shot()
            looks = self._policy.first(frame.index, frame.time)
        else:
            self._faces.advance(held, self._policy.last_look if held.still else None)
            looks = self._planned(held)
        self._look(held, looks)
        self._faces.drop_lost(held)
        if self._bodies is not None:
            self._parse_bodies(held, self._bodies)

    def _end_shot(self) -> None:
        self._faces.end_shot()
        if self._bodies is not None:
            self._bodies.end_shot()

    def _parse_bodies(self, held: Held, bodies: Bodies) -> None:
        if held.motion.flow is not None:
            bodies.advance(held)
        faces = list(self._faces.confirmed())
        bodies.catch_up(held, faces)
        if bodies.is_keyframe(held, faces):
            bodies.look(held, faces)
            held.parsed = True
        bodies.settle(held)

    def _planned(self, held: Held) -> list[Look]:
        index, time = held.index, held.frame.time
        if held.still:
            changed = self._window.has_changed(self._looked_deeply_at, held.thumbnail)
            lost = any(track.last_seen < index for track in self._faces.alive)
            return self._policy.still(index, time, changed=changed, lost=lost)
        return self._policy.moving(index, time, self._seen(index))

    def _catch_up(self, before: int | None = None) -> None:
        """Look at the newest of the frames that moved since the last look, if there is one."""
        held = self._window.newest_moving(after=self._policy.last_look, before=before)
        if held is not None:
            self._look(held, self._policy.now(held.index, self._seen(held.index)))

    def _seen(self, index: int) -> list[Seen]:
        """Those who are followed, in the newest frame."""
        return [Seen(box, speed) for box, speed in speeds(self._faces.confirmed(), index)]

    def _look(self, held: Held, looks: Sequence[Look]) -> None:
        if not looks:
            return
        held.looked = True
        self._window.looked_at = held.thumbnail
        if self._policy.deep in looks:
            self._looked_deeply_at = held.thumbnail
        index, clock, faces = held.index, held.clock, self._faces
        pairs, new = associate(faces.alive, self._parse(held.frame, looks), index)
        found = {track.number for track, _ in pairs}
        lost = [
            track
            for track in faces.alive
            if track.number not in found
            and self._policy.visible(track.forward[index], looks)
            and track.miss()
        ]
        doubtful = [s for s in new if NEW_FACE <= s.score < self._confirm_score]
        faces.follow(pairs, index, clock)
        came = self._begin(new, index, clock)
        guesses = [guess for track in lost for guess in track.guesses(index)]
        places = guesses[:CLOSE_LOOKS] + [s.anchor for s in doubtful[:CLOSE_LOOKS]]
        if closer := [self._policy.closely(place) for place in places]:
            again, new = associate(faces.alive, self._parse(held.frame, closer), index)
            uncertain = (p for p in again if p[0].last_seen < index or not faces.is_confirmed(p[0]))
            faces.follow(uncertain, index, clock)
            came = self._begin(new, index, clock) or came
        if came and held.motion.flow is not None:
            self._look_back(held)
        self._last_look, self._last_look_clock = index, clock

    def _begin(self, sightings: Sequence[Sighting], index: int, clock: float) -> bool:
        """Follow those who were not known before, unless it is hardly a face."""
        faces = [sighting for sighting in sightings if sighting.score >= NEW_FACE]
        for face in faces:
            self._faces.begin(face, index, clock, reach=self._reach(face.anchor, clock))
        return bool(faces)

    def _look_back(self, held: Held) -> None:
        """Look for those who were seen first in a frame in the frames since the last look.

        Optical flow loses whoever runs into the picture; the network finds them.
        """
        faces = self._faces
        came = [track for track in faces.alive if min(track.sightings) == held.index]
        for earlier in self._window.between(self._last_look, held.index):
            earlier.looked = True
            index = earlier.index
            known = [track for track in faces.alive if index in track.forward]
            pairs, rest = associate(known, self._parse(earlier.frame, [self._policy.light]), index)
            pairs += (theirs := nearest(came, rest))
            faces.follow((p for p in pairs if p[0].last_seen < index), index, earlier.clock)
            for track, sighting in pairs:
                if track.last_seen > index:
                    faces.see_earlier(track, sighting, index)
            used = {id(sighting) for _, sighting in theirs}
            self._begin([s for s in rest if id(s) not in used], index, earlier.clock)

    def _reach(self, anchor: Box, clock: float) -> float:
        """Seconds that somebody may have been there before they were first seen.

        Small faces are found by deep looks only, so they may have been there for longer.
        """
        found_lightly = self._policy.visible(anchor, [self._policy.light])
        unwatched = clock - self._last_look_clock - 1e-3  # nobody was seen in that look itself
        return max(self._masking.linger, 0.0 if found_lightly else self._deep_interval, unwatched)

    def _parse(self, frame: Frame, looks: Sequence[Look]) -> list[Sighting]:
        sightings: list[Sighting] = []
        for look in looks:
            sightings += group_people(checked_answer(self._parser, frame, look))
        strong = [s for s in sightings if s.score >= self._masking.track_score]
        return without_doubles(strong) if len(looks) > 1 else strong

    # -- deciding -----------------------------------------------------------------------------

    def release(self) -> MaskedFrame:
        """The oldest frame held, with its mask; there is one.

        No frame is released that nobody has looked at or after, unless nothing moves: somebody may
        have come in since the last look.

        Raises:
            ParserError: the parser failed or answered with nonsense; the frame is still held.
        """
        if self._window.oldest.moves and self._policy.last_look < self._window.oldest.index:
            self._catch_up()
        held = self._window.release()
        frame, index = held.frame, held.index
        if frame.corrupt:
            return MaskedFrame(frame, Unknown.CORRUPT)
        parts: list[Part] = []
        age = 0
        masking, bodies = self._masking, self._bodies
        faces = list(self._faces.places(index))
        for track, place in faces:
            age = max(age, place.age)
            person = bodies.person_of(track) if bodies is not None else track.number
            moved = parts_at(place, person, masking.margin, masking.growth)
            parts += [part for part in moved if self._is_hidden(part)]
        unknown = False
        if bodies is not None:
            for part, part_age in bodies.parts(index):
                age = max(age, part_age)
                parts.append(part)
            if self._needs_bodies and self._is_live:
                unparsed = bodies.unparsed(held, faces) if bodies.knows(index) else None
                unknown = unparsed is None
                parts += unparsed or []
        self._forget(index)
        return MaskedFrame(
            frame,
            Unknown.NOT_PARSED if unknown else tuple(parts),
            looked=held.looked or held.parsed,
            age=age,
        )

    def _forget(self, index: int) -> None:
        bodies, needed = self._bodies, index
        self._faces.forget(index)
        if bodies is not None:
            if bodies.oldest_needed is not None:
                needed = min(needed, bodies.oldest_needed - 1)
            bodies.forget(needed, self._faces.alive)
        self._window.forget(needed)

    def _is_hidden(self, part: Part) -> bool:
        return part.label in self._hidden and part.box.area >= self._masking.min_area
