"""Body parts: parsed to the pixel at keyframes, carried over the frames in between.

Each part of each person is a track of its own: it moves with what moves under its own mask, is
anchored again at the next keyframe, and grows with age along its rim. With lookahead a part is
carried from the keyframes on both sides.

A recorded stream waits for the parser. For a live one it runs in a background thread, and its
answer is carried forward through the motion since the frame that it is about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.detectors.base import whole_frame_pass
from stream_anon.detectors.checking import checked_answer
from stream_anon.errors import ParserError
from stream_anon.masking.association import associate
from stream_anon.masking.background_parser import BackgroundParser
from stream_anon.masking.detection import Detection
from stream_anon.masking.identities import HUMAN, Identities
from stream_anon.masking.keyframes import ParsePolicy
from stream_anon.masking.tracker import Tracker
from stream_anon.masking.tracks import parts_at
from stream_anon.masking.unparsed import (
    KnownPerson,
    as_part,
    body_below,
    changed_outside,
    whole_people,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Part
    from stream_anon.detectors.base import Detector
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.motion import Thumbnail
    from stream_anon.masking.tracks import Place, Track
    from stream_anon.masking.window import FrameWindow, HeldFrame

LATE = 4.0
"""Seconds that an answer for a live stream may take; later, nothing is known any more."""


class Bodies:
    """The parts of everybody in one stream. Used by one thread."""

    def __init__(
        self,
        parser: Detector,
        hidden: frozenset[str],
        settings: Settings,
        info: StreamInfo,
        horizon: Horizon,
        window: FrameWindow,
        number: Callable[[], int],
        apart: frozenset[str] = frozenset(),
    ) -> None:
        """Parse nothing yet.

        Args:
            parser: asked at keyframes.
            hidden: labels to hide; other parts are not followed.
            settings: of the run.
            info: of the stream.
            horizon: how far the run sees, and whether frames wait for this detector.
            window: the frames held.
            number: gives each person their number.
            apart: labels to follow on a person who is hidden whole too.
        """
        self._parser, self._hidden = parser, hidden
        self._apart = apart
        self._settings, self._window = settings.m2fp, window
        # In a live stream the lookahead bridges nothing: masks are carried forward.
        lookahead = horizon.lookahead if horizon.waits else 0.0
        self._policy = ParsePolicy(settings.keyframes, lookahead, horizon.longest_gap)
        self._pass = whole_frame_pass(info, settings.m2fp.short_side)
        late = 0.0 if horizon.waits else LATE
        patience = self._policy.interval + horizon.linger + late
        self._tracker = Tracker(
            window.motions,
            number,
            confirm_score=0.0,
            linger=patience,
            patience=max(patience, horizon.lookahead),
        )
        self._identities = Identities(number)
        self._parsed_people: list[KnownPerson] = []
        """Those whom the detector saw in its last pass."""
        self._parsed_at: Thumbnail | None = None
        self._submitted: Thumbnail | None = None
        self._submitted_at = 0.0
        self._is_late = False
        """The answer that is awaited will not be used any more."""
        self._stall = settings.pipeline.stall
        self._parsed_clock = 0.0
        self._parsed_index = -1
        self._asks_for_newcomers = lookahead < self._policy.interval
        self._background = None if horizon.waits else BackgroundParser(self._parse)
        self._known_from: int | None = None
        """First frame of this shot that the parser has answered for; None before there is one."""

    def close(self) -> None:
        """End the thread, where there is one."""
        if self._background is not None:
            self._background.close()

    def end_shot(self) -> None:
        """Nothing known holds for the next frame."""
        self._tracker.end_shot()
        self._known_from = None

    def hide(self, labels: frozenset[str], apart: frozenset[str]) -> None:
        """Follow other labels from now on; nothing is known of them yet."""
        self._apart = apart  # whoever is hidden whole stays hidden until the next answer
        if labels != self._hidden:
            self._hidden = labels
            self._is_late = True  # an answer under way was asked for other parts
            self.end_shot()

    def advance(self, held: HeldFrame) -> None:
        """Take all parts along into a new frame."""
        same = self._known_from is not None and not self._has_changed(held)
        self._tracker.advance(held, self._parsed_index if same else None)

    def is_keyframe(self, held: HeldFrame, faces: Sequence[Track]) -> bool:
        """Whether a frame is to be parsed.

        Args:
            held: the frame.
            faces: those who are followed there.
        """
        if self._background is not None and self._background.parsing is not None:
            return False
        return self._policy.is_due(
            held.index,
            held.frame.time,
            first=self._known_from is None,
            changed=self._has_changed(held),
            asked=self._asks_for_newcomers and self._identities.has_new(faces),
        )

    def parse(self, held: HeldFrame, faces: Sequence[Track]) -> None:
        """Parse a frame, or begin to."""
        self._policy.parsed(held.index, held.frame.time)
        self._identities.ask_about(faces)
        if self._background is not None:
            self._background.submit(held.frame)
            self._submitted, self._submitted_at = held.thumbnail, held.clock
            self._is_late = False
        else:
            self._learn(held.index, held.thumbnail, self._parse(held.frame), faces)

    def catch_up(self, held: HeldFrame, faces: Sequence[Track]) -> None:
        """Take the answer to an earlier frame, if it has come.

        Args:
            held: the newest frame.
            faces: those who are followed there.

        Raises:
            ParserError: the parser failed, or hangs.
        """
        if self._background is None or self._background.parsing is None:
            return
        answer = self._background.answer()
        if answer is None:
            waited = held.clock - self._submitted_at
            if waited > self._stall:
                raise ParserError(f"{self._parser.name} has not answered for {waited:.0f} seconds")
            if waited > LATE:  # parts known so far are about to end, and nobody knows of others
                self._is_late, self._known_from = True, None
            return
        frame, parts = answer
        since = range(frame.index + 1, held.index + 1)
        if not self._is_late and all(
            self._window.motions[index].flow is not None for index in since
        ):
            self._learn(frame.index, self._submitted, parts, faces)

    @property
    def oldest_needed(self) -> int | None:
        """Frame whose answer is awaited: motion since then must stay known."""
        waiting = self._background.parsing if self._background is not None else None
        return waiting.index if waiting is not None and not self._is_late else None

    def _has_changed(self, held: HeldFrame) -> bool:
        return self._window.has_changed(self._parsed_at, held.thumbnail)

    def _parse(self, frame: Frame) -> list[Part]:
        return checked_answer(self._parser, frame, self._pass)

    # -- learning -----------------------------------------------------------------------------

    def _learn(
        self, index: int, thumbnail: Thumbnail | None, parts: Sequence[Part], faces: Sequence[Track]
    ) -> None:
        """Update the tracks with the parts that the parser saw in frame `index`."""
        tracker, clock = self._tracker, self._window.motions[index].clock
        detections = [Detection.of_part(part) for part in self._relevant(parts)]
        pairs, new = associate(tracker.alive, detections, index)
        people = self._identities.name(parts, pairs, faces, index)
        tracker.follow(pairs, index, clock)
        reach = clock - self._parsed_clock - 1e-3 if self._known_from is not None else 0.0
        known = {id(detection): track for track, detection in pairs}
        for detection in new:
            known[id(detection)] = tracker.begin(detection, index, clock, reach=max(0.0, reach))
        for detection in detections:
            self._identities.assign(known[id(detection)], people[detection.parts[0].person])
        self._parsed_people = [
            KnownPerson(place, [known[id(s)] for s in detections if s.parts[0].person == person])
            for person, place in whole_people(parts).items()
        ]
        self._parsed_at, self._parsed_clock, self._parsed_index = thumbnail, clock, index
        if self._known_from is None:
            self._known_from = index

    def _relevant(self, parts: Sequence[Part]) -> list[Part]:
        """What is hidden; a whole person covers their parts, but for those with their own rule."""
        whole = {part.person for part in parts if part.label == HUMAN} if self._hides_all else set()
        return [
            part
            for part in parts
            if part.label in self._hidden
            and (part.label in self._apart or part.label == HUMAN or part.person not in whole)
        ]

    @property
    def _hides_all(self) -> bool:
        return HUMAN in self._hidden

    # -- hiding -------------------------------------------------------------------------------

    def knows(self, index: int) -> bool:
        """Whether the parser has answered for the shot of frame `index`, before or at it."""
        return self._background is None or (
            self._known_from is not None and self._known_from <= index
        )

    def person_of(self, face: Track) -> int:
        """The person whose face it is."""
        return self._identities.of_face(face)

    def parts(self, index: int) -> Iterator[tuple[Part, int]]:
        """Parts to hide in frame `index`, and their age in frames."""
        settings = self._settings
        for track, place in self._tracker.places(index):
            person = self._identities.of_track(track)
            for part in parts_at(place, person, settings.part_margin, settings.part_growth):
                yield part, place.age

    def unparsed(self, held: HeldFrame, faces: Iterable[tuple[Track, Place]]) -> list[Part] | None:
        """Regions of a live frame that may show somebody not parsed yet.

        Args:
            held: the frame.
            faces: those who are hidden there.

        Returns:
            Regions to hide whole; None where that is most of the picture.
        """
        if self._parsed_at is None:
            return None
        unknown = (
            as_part(body_below(place.anchor, held.frame), self.person_of(track))
            for track, place in faces
            if not self._identities.is_parsed(track)
        )
        known = [
            region
            for person in self._parsed_people
            for region in person.since(self._parsed_index, held.index)
        ]
        threshold = self._window.threshold(held.thumbnail)
        changed = changed_outside(self._parsed_at, held.thumbnail, known, threshold)
        return None if changed is None else [*unknown, *changed]

    def settle(self, held: HeldFrame) -> None:
        """End tracks that nothing can bridge any more."""
        self._tracker.drop_lost(held)

    def forget(self, index: int, faces: Sequence[Track]) -> None:
        """Frames before `index` will not be asked for again."""
        self._tracker.forget(index)
        self._identities.forget(self._tracker.numbers(), faces)
