"""From raw frames to masked frames: watches, body parts, and a decision that sees both ways."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.labels import SCENE_LABELS, covers
from stream_anon.masking.bodies import Bodies
from stream_anon.masking.moving import Moving
from stream_anon.masking.outlines import Outlines
from stream_anon.masking.sightings import people_in
from stream_anon.masking.tracks import parts_at
from stream_anon.masking.watch import Watch
from stream_anon.masking.window import FrameWindow
from stream_anon.masking.zones import InPicture, Zones

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stream_anon.config import Settings, Zone
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Part
    from stream_anon.detectors.base import Detector
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.keyframes import Effort
    from stream_anon.masking.tracks import Place, Track
    from stream_anon.masking.window import HeldFrame


OF_SHAPES = 0.3
"""Share of the margin and growth of faces that silhouettes get: as m2fp's parts by default."""


class Masker:
    """Computes the masks of one stream. Used by one thread.

    Frames are taken one by one and released in order, each once it `is_decided`; `masks` does that
    for a whole stream, and is called once.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        hidden: frozenset[str],
        settings: Settings,
        info: StreamInfo,
        horizon: Horizon,
        *,
        bodies: Detector | None = None,
        apart: frozenset[str] = frozenset(),
    ) -> None:
        """Know nothing yet.

        Args:
            detectors: fast ones, each with a watch of its own.
            hidden: labels to hide, from `resolve_scope`.
            settings: of the run.
            info: of the stream.
            horizon: how far the run sees.
            bodies: the slow detector, which sees body parts at keyframes only.
            apart: hidden labels that keep masks of their own on a person who is hidden whole.
        """
        self._hidden = hidden
        self._masking = settings.masking
        self._outlines = Outlines(
            settings.redaction.outline_epsilon, margin=settings.masking.margin
        )
        self._horizon = horizon
        self._size = info.width, info.height
        self._zones = Zones(settings.redaction.zones, *self._size)
        self._window = FrameWindow(settings.keyframes, fine=bodies is not None)
        number = count().__next__
        self._watches = [
            Watch(detector, settings, info, horizon, self._window, number) for detector in detectors
        ]
        self._bodies: Bodies | None = None
        if bodies is not None:
            self._bodies = Bodies(
                bodies, hidden, settings, info, horizon, self._window, number, apart
            )
        self._needs_bodies = not covers(self._seen, hidden)
        self._moving = Moving(hidden, settings, info, horizon, number)

    @property
    def _seen(self) -> frozenset[str]:
        """Labels that the watches can answer with, and what moves."""
        return SCENE_LABELS.union(*(watch.labels for watch in self._watches))

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order, `lookahead` seconds behind the input.

        Raises:
            ParserError: a detector failed or answered with nonsense.
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
        """End the background parser. What was taken and not released is forgotten."""
        if self._bodies is not None:
            self._bodies.close()

    @property
    def is_decided(self) -> bool:
        """Whether the oldest frame held has waited for long enough."""
        window, horizon = self._window, self._horizon
        if not window:
            return False
        return window.span >= horizon.lookahead - 1e-6 or len(window) >= horizon.max_held

    @property
    def held(self) -> list[Frame]:
        """Frames taken and not released, oldest first."""
        return self._window.frames

    def hide(self, labels: frozenset[str], apart: frozenset[str] = frozenset()) -> None:
        """From the next release on, hide these labels instead, from `resolve_scope`.

        What the slow detector has not searched for is unknown until it answers again.
        """
        self._hidden = labels
        self._needs_bodies = not covers(self._seen, labels)
        self._moving.hide(labels)
        if self._bodies is not None:
            self._bodies.hide(labels, apart)

    def set_zones(self, zones: Sequence[Zone]) -> None:
        """From the next release on, hide in these zones always, and ignore whoever is in those."""
        self._zones = Zones(zones, *self._size, before=self._zones)

    def set_effort(self, effort: Effort) -> None:
        """Use more or less effort from now on."""
        for watch in self._watches:
            watch.set_effort(effort)

    # -- detecting ----------------------------------------------------------------------------

    def take(self, frame: Frame) -> None:
        """Run the passes that are due on the newest frame, and carry along what is known.

        Raises:
            ParserError: a detector failed or answered with nonsense.
        """
        held = self._window.take(frame)
        self._moving.take(held, people_in(frame, self._watches, self._bodies, self._zones))
        if held.motion.flow is None:
            for watch in self._watches:  # nothing later shows who was in a shot's last frames
                watch.catch_up(before=frame.index)
                watch.end_shot()
            if self._bodies is not None:
                self._bodies.end_shot()
        if frame.corrupt:
            return
        for watch in self._watches:
            watch.take(held)
        if self._bodies is not None:
            self._parse_bodies(held, self._bodies)

    def _parse_bodies(self, held: HeldFrame, bodies: Bodies) -> None:
        if held.motion.flow is not None:
            bodies.advance(held)
        faces = [track for watch in self._of_people for track in watch.confirmed()]
        bodies.catch_up(held, faces)
        if bodies.is_keyframe(held, faces):
            bodies.parse(held, faces)
            held.parsed = True
        bodies.settle(held)

    @property
    def _of_people(self) -> list[Watch]:
        """Watches whose tracks are people, and not plates."""
        return [watch for watch in self._watches if "face" in watch.labels]

    # -- deciding -----------------------------------------------------------------------------

    def release(self) -> MaskedFrame:
        """The oldest frame held, with its mask; there is one.

        No frame is released before a pass of each watch at it or after it, unless nothing moves:
        somebody may have come in since the last pass.

        Raises:
            ParserError: a detector failed or answered with nonsense; the frame is still held.
        """
        for watch in self._watches:
            if not watch.has_watched(self._window.oldest):
                watch.catch_up()
        held = self._window.release()
        frame, index = held.frame, held.index
        if frame.corrupt:
            return MaskedFrame(frame, Unknown.CORRUPT)
        found = [found for watch in self._watches for found in watch.places(index)]
        bodies = list(self._bodies.parts(index)) if self._bodies is not None else []
        clear = self._in_ignored_zones(found, bodies)
        parts: list[Part] = []
        age = 0
        self._outlines.next_frame()
        for track, place in found:
            if (person := self._person_of(track)) not in clear:
                age = max(age, place.age)
                parts += self._moved(track, person, place)
        for part, part_age in bodies:
            if part.person not in clear:
                age = max(age, part_age)
                parts.append(part)
        unknown = False
        if self._bodies is not None:
            unparsed = self._unparsed(held, self._bodies, clear)
            unknown = unparsed is None
            parts += unparsed or []
        self._forget(index)
        masked = MaskedFrame(
            frame,
            Unknown.NOT_PARSED if unknown else tuple(parts),
            is_keyframe=held.had_pass or held.parsed,
            age=age,
        )
        masked = self._moving.added(masked, held.clock, self._zones)
        return self._zones.applied(masked)

    def _person_of(self, track: Track) -> int:
        return self._bodies.person_of(track) if self._bodies is not None else track.number

    def _in_ignored_zones(
        self, faces: Sequence[tuple[Track, Place]], bodies: Sequence[tuple[Part, int]]
    ) -> frozenset[int]:
        """The people in a frame who are left clear: all that is known of them is in such a zone."""
        if not self._zones.ignores:
            return frozenset()
        places = [
            InPicture(
                self._person_of(track),
                ("face", track.number),
                place.anchor.grown(place.slack_x, place.slack_y),
                not place.age,
            )
            for track, place in faces
        ]
        places += [InPicture(p.person, ("body", p.person), p.box, not age) for p, age in bodies]
        followed = (("face", track.number) for watch in self._watches for track in watch.alive)
        self._zones.forget({*followed, *(place.track for place in places)})
        return self._zones.ignored(places)

    def _moved(self, track: Track, person: int, place: Place) -> list[Part]:
        # What a silhouette needs around it is a share of a whole person, not of a face.
        share = 1.0 if place.detection.shape is None else OF_SHAPES
        margin, growth = share * self._masking.margin, share * self._masking.growth
        outline = partial(self._outlines.around, track.number)
        parts = parts_at(place, person, margin, growth, outline)
        return [part for part in parts if self._is_hidden(part)]

    def _unparsed(
        self, held: HeldFrame, bodies: Bodies, clear: frozenset[int]
    ) -> list[Part] | None:
        """Regions that the slow detector has not answered for; None where it may be everything."""
        if not self._needs_bodies or self._horizon.waits:
            return []
        if not bodies.knows(held.index):
            return None
        faces = (
            (track, place)
            for watch in self._of_people
            for track, place in watch.places(held.index)
            if self._person_of(track) not in clear
        )
        return bodies.unparsed(held, faces)

    def _forget(self, index: int) -> None:
        bodies, needed = self._bodies, index
        for watch in self._watches:
            watch.forget(index)
        if bodies is not None:
            if bodies.oldest_needed is not None:
                needed = min(needed, bodies.oldest_needed - 1)
            bodies.forget(needed, [track for watch in self._of_people for track in watch.alive])
        self._window.forget(needed)

    def _is_hidden(self, part: Part) -> bool:
        return part.label in self._hidden and part.box.area >= self._masking.min_area
