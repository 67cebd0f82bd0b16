"""One detector over one stream: when it runs, whom it follows, and where they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.detectors.checking import checked_answer
from stream_anon.masking.allowance import Allowance
from stream_anon.masking.association import (
    add_unless_double,
    associate,
    nearest,
    says_all,
    without_doubles,
)
from stream_anon.masking.detection import group_people
from stream_anon.masking.extra_passes import ExtraPasses, besides, extra_of
from stream_anon.masking.horizon import DOUBTFUL
from stream_anon.masking.keyframes import (
    SMALLEST_PERSON,
    SMALLEST_SEEN,
    FollowedFace,
    KeyframePolicy,
)
from stream_anon.masking.scales import Look, union_of_scales
from stream_anon.masking.tracker import Tracker, speeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stream_anon.config import Settings
    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.core.parts import Box
    from stream_anon.detectors.base import DetectionPass, Detector
    from stream_anon.masking.detection import Detection
    from stream_anon.masking.horizon import Horizon
    from stream_anon.masking.keyframes import Effort
    from stream_anon.masking.motion import Thumbnail
    from stream_anon.masking.tracks import Place, Track
    from stream_anon.masking.window import FrameWindow, HeldFrame

CLOSE_PASSES = 2
"""Close passes in one frame for lost tracks, and as many again for doubtful detections."""

RUNS = 0.3
"""Parts of a face's width that it moves by from one frame to the next, if it runs."""


class Watch:
    """A fast detector, its policy and its tracker.

    All watches of a run share one window of frames. Each has tracks of its own: a plate is never
    taken for a face. Used by one thread.
    """

    def __init__(
        self,
        detector: Detector,
        settings: Settings,
        info: StreamInfo,
        horizon: Horizon,
        window: FrameWindow,
        number: Callable[[], int],
    ) -> None:
        """Follow nothing yet.

        Args:
            detector: asked at many frames.
            settings: of the run.
            info: of the stream.
            horizon: how far the run sees.
            window: the frames held.
            number: gives each track its number.
        """
        self._detector, self._horizon, self._window = detector, horizon, window
        self._slot = window.add_watch()
        self._least_score = settings.masking.track_score
        self._policy = KeyframePolicy(
            settings.keyframes.model_copy(update={"deep_interval": horizon.deep_interval}),
            settings.parsing,
            info,
            longest_gap=horizon.longest_gap,
            smallest=SMALLEST_PERSON if "human" in detector.labels else SMALLEST_SEEN,
        )
        self._tracker = Tracker(
            window.motions,
            number,
            confirm_score=horizon.confirm_score,
            linger=horizon.linger,
            patience=max(horizon.lookahead, horizon.linger),
        )
        self._extra = ExtraPasses(
            info, settings.parsing, extra_of(settings, info, horizon), detector.labels
        )
        self._allowance = Allowance(horizon.deep_interval)
        self._shot_searched = False
        self._deep_pass_at: Thumbnail | None = None
        self._last_pass, self._last_pass_clock = -1, 0.0

    def __len__(self) -> int:
        return len(self._tracker)

    @property
    def labels(self) -> frozenset[str]:
        return self._detector.labels

    @property
    def alive(self) -> list[Track]:
        """Tracks that a new detection may belong to."""
        return self._tracker.alive

    def confirmed(self) -> list[Track]:
        """Those of them that are believed."""
        return list(self._tracker.confirmed())

    def set_effort(self, effort: Effort) -> None:
        """Use more or less effort from now on."""
        self._policy.set_effort(effort)
        self._extra.afford(thorough=effort.thorough, extra=effort.extra)

    def end_shot(self) -> None:
        """Nothing followed so far goes on."""
        self._tracker.end_shot()

    def take(self, held: HeldFrame) -> None:
        """Run the passes that are due on the newest frame, and carry along what is known.

        Raises:
            ParserError: the detector failed or answered with nonsense.
        """
        if held.motion.flow is None:
            passes = self._policy.first(held.index, held.frame.time)
        else:
            still = held.is_still_for(self._slot)
            self._tracker.advance(held, self._policy.last_pass if still else None)
            passes = self._still(held) if still else self._moving(held)
            if self._extra.always and not still:
                passes = self._policy.first(held.index, held.frame.time)
        if self._policy.last_deep == held.index:
            passes += self._extra_passes(held)
        self._run_passes(held, passes)
        self._tracker.drop_lost(held)

    def catch_up(self, before: int | None = None) -> None:
        """Run a pass on the newest of the frames that moved since the last one, if there is any.

        Args:
            before: only at frames before this one.

        Raises:
            ParserError: the detector failed or answered with nonsense.
        """
        held = self._window.newest_moving(self._slot, self._policy.last_pass, before)
        if held is not None:
            self._run_passes(held, self._policy.now(held.index, self._followed(held.index)))

    def has_watched(self, held: HeldFrame) -> bool:
        """Whether it has had a pass at a frame, at a later one, or at its double."""
        return self._policy.last_pass >= held.index or not held.moves_for(self._slot)

    def places(self, index: int) -> Iterator[tuple[Track, Place]]:
        """Where everybody believed in may be in frame `index`."""
        return self._tracker.places(index)

    def forget(self, index: int) -> None:
        """Frames up to `index` have been released."""
        self._tracker.forget(index)

    # -- detecting ----------------------------------------------------------------------------

    def _extra_passes(self, held: HeldFrame) -> list[DetectionPass]:
        if held.motion.flow is None:
            self._shot_searched = False
        if self._extra.always:
            return self._extra.first(held.thumbnail)
        if not self._allowance.take(held.clock):
            return []
        if not self._shot_searched:
            self._shot_searched = True
            return self._extra.first(held.thumbnail)
        threshold = self._window.threshold(held.thumbnail)
        rests = held.is_still_for(self._slot)
        return self._extra.again(held.thumbnail, threshold, rests=rests)

    def _still(self, held: HeldFrame) -> list[DetectionPass]:
        index = held.index
        changed = self._window.has_changed(self._deep_pass_at, held.thumbnail)
        lost = any(track.last_seen < index for track in self.alive)
        return self._policy.still(index, held.frame.time, changed=changed, lost=lost)

    def _moving(self, held: HeldFrame) -> list[DetectionPass]:
        return self._policy.moving(held.index, held.frame.time, self._followed(held.index))

    def _followed(self, index: int) -> list[FollowedFace]:
        """Those who are followed, in the newest frame."""
        tracks = list(self._tracker.confirmed())
        return [
            FollowedFace(box, speed, track.turn)
            for track, (box, speed) in zip(tracks, speeds(tracks, index), strict=True)
        ]

    def _run_passes(self, held: HeldFrame, passes: Sequence[DetectionPass]) -> None:
        if not passes:
            return
        held.had_pass = True
        self._window.note_pass(self._slot, held)
        if self._policy.deep in passes:
            self._deep_pass_at = held.thumbnail
        index, clock, tracker = held.index, held.clock, self._tracker
        pairs, new = associate(tracker.alive, self._detect(held.frame, passes), index)
        lost = self._lost(pairs, passes, index)
        doubtful = [s for s in new if DOUBTFUL <= s.score < self._horizon.confirm_score]
        tracker.follow(pairs, index, clock)
        came = self._begin(new, index, clock)
        guesses = [(guess, track.turn) for track in lost for guess in track.guesses(index)]
        places = guesses[:CLOSE_PASSES] + [(s.anchor, s.turn) for s in doubtful[:CLOSE_PASSES]]
        if closer := [self._policy.closely(place, turn) for place, turn in places]:
            came = self._look_closely(held, closer, lost) or came
        moves = held.motion.flow is not None and not self._horizon.waits
        if moves and (came or self._have_run_off(index)):
            self._search_back(held)
        self._last_pass, self._last_pass_clock = index, clock

    def _lost(
        self, pairs: Sequence[tuple[Track, Detection]], passes: Sequence[DetectionPass], index: int
    ) -> list[Track]:
        """Tracks that the passes should have found and did not, and that are worth another one."""
        found = {track.number for track, _ in pairs}
        return [
            track
            for track in self.alive
            if track.number not in found
            and self._policy.visible(track.forward[index], passes, track.turn)
            and track.miss()
        ]

    def _newcomers(self, detections: Sequence[Detection], index: int) -> list[Detection]:
        """Those of a closer pass who are nobody that the passes before it have seen or missed.

        Somebody close to a face that has its own detection is somebody else, unless they overlap:
        then both are hidden as one, as `without_doubles` does.
        """
        unseen = [track for track in self.alive if track.last_seen < index]
        seen = [track for track in self.alive if index in track.detections]
        _, rest = associate(unseen, detections, index)
        kept = [track.detections[index] for track in seen]
        for detection in rest:
            add_unless_double(kept, detection)
        for track, detection in zip(seen, kept, strict=False):
            track.detections[index] = detection
        return kept[len(seen) :]

    def _begin(self, detections: Sequence[Detection], index: int, clock: float) -> bool:
        """Follow those who were not known before, unless it is hardly anybody."""
        likely = [detection for detection in detections if detection.score >= DOUBTFUL]
        for detection in likely:
            reach = self._reach(detection.anchor, clock)
            self._tracker.begin(detection, index, clock, reach=reach)
        return bool(likely)

    def _look_closely(
        self, held: HeldFrame, closer: Sequence[DetectionPass], lost: Sequence[Track]
    ) -> bool:
        """Search for those who are lost or doubtful; say whether somebody new was found."""
        index, tracker = held.index, self._tracker
        uncertain = [t for t in tracker.alive if t in lost or not tracker.is_confirmed(t)]
        sure = [t for t in tracker.alive if index in t.detections and t not in uncertain]
        # A recording's lookahead tells who has gone; live, nobody else may stand in for them.
        known = [] if self._horizon.waits else [track.detections[index] for track in sure]
        seen = [
            detection  # of nobody who was seen in that very place already, and is not lost
            for detection in self._detect(held.frame, closer)
            if not any(says_all(other, detection) for other in known)
        ]
        again, others = associate(uncertain, seen, index)
        tracker.follow(again, index, held.clock)
        return self._begin(self._newcomers(others, index), index, held.clock)

    def _have_run_off(self, index: int) -> bool:
        """Somebody who was seen in the last pass and moved fast is not seen any more.

        They may have been elsewhere than where they were carried to in the frames since then.
        """
        gone = [t for t in self.alive if self._last_pass <= t.last_seen < index]
        return any(track.pace > RUNS * track.forward[index].width for track in gone)

    def _search_back(self, held: HeldFrame) -> None:
        """Search the frames since the last pass for newcomers, and for those who are gone.

        Optical flow loses whoever runs into the picture; the network finds them. A recording has
        its lookahead for that: momentum, from what comes next, tells where they came from.
        """
        tracker = self._tracker
        came = [track for track in tracker.alive if min(track.detections) == held.index]
        for earlier in self._window.between(self._slot, self._last_pass, held.index):
            earlier.had_pass = True
            index = earlier.index
            known = [track for track in tracker.alive if index in track.forward]
            seen = self._detect(earlier.frame, [self._policy.light])
            pairs, rest = associate(known, seen, index)
            pairs += (theirs := nearest(came, rest))
            tracker.follow((p for p in pairs if p[0].last_seen < index), index, earlier.clock)
            for track, detection in pairs:
                if track.last_seen > index:
                    tracker.see_earlier(track, detection, index)
            used = {id(detection) for _, detection in theirs}
            self._begin([s for s in rest if id(s) not in used], index, earlier.clock)

    def _reach(self, anchor: Box, clock: float) -> float:
        """Seconds that somebody may have been there before they were first seen.

        Small faces are found by deep passes only, so they may have been there for longer.
        """
        found_lightly = self._policy.visible(anchor, [self._policy.light])
        unwatched = clock - self._last_pass_clock - 1e-3  # nobody was seen in that pass itself
        deep = 0.0 if found_lightly else self._horizon.deep_interval
        return max(self._horizon.linger, deep, unwatched)

    def _detect(self, frame: Frame, passes: Sequence[DetectionPass]) -> list[Detection]:
        looks: list[Look] = []
        close: list[Detection] = []
        extra: list[Detection] = []
        for detection_pass in passes:
            people = group_people(checked_answer(self._detector, frame, detection_pass))
            strong = [s for s in people if s.score >= self._least_score]
            if self._extra.owns(detection_pass):
                extra += self._extra.believed(detection_pass, strong)
            elif detection_pass.region is None:
                looks.append(Look(strong, self._policy.surely_seen(detection_pass)))
            else:
                close += strong
        found = besides([*(union_of_scales(looks) if looks else ()), *close], extra)
        return without_doubles(found) if len(looks) < len(passes) else found
