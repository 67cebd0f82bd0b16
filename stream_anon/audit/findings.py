"""What an audit found, as numbers and as a JSON record."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_anon.audit.people import State

if TYPE_CHECKING:
    from stream_anon.audit.aligning import Cut
    from stream_anon.audit.comparing import Counts, Course, Thumbnail
    from stream_anon.audit.leftovers import Leftovers
    from stream_anon.audit.people import Person

MANY = 0.01
"""Share of the original's frames without a counterpart from which on pairs may be wrong."""
UNKNOWN = (
    "Faces that the detector finds in no frame, at no size and in no quarter turn, are not judged.",
    "Faces smaller than 8 pixels are not judged; those smaller than 18 are judged as one whole.",
    "What else tells who somebody is was not looked at: body, clothes, gait, voice, text, place.",
    "A face without its features counts as hidden, whatever else the method gives away of it.",
    "The same person in two shots counts as two.",
)
"""The limits of every audit."""


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest run of consecutive frames that show a face."""

    frames: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Findings:
    """The result of an audit; people who may be none are in `doubtful`."""

    people: list[Person]
    doubtful: list[Person]
    counts: Counts
    course: Course
    leftovers: Leftovers
    by_time: bool
    """Frames were matched by their times, not by their order."""
    delay: float
    """Seconds by which the redacted video begins later than it should."""
    cut: Cut | None = None
    """The part of the original that was compared; None for all of it."""
    elsewhere: float | None = None
    """Seconds of the original at which the redacted video rather begins."""
    thumbnails: list[Thumbnail] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def audited(self) -> list[Person]:
        """Those who should be hidden."""
        return [person for person in self.people if not person.kept]

    @property
    def face_frames(self) -> int:
        """Faces that were judged, one for each person and frame."""
        return sum(person.judged for person in self.audited)

    @property
    def exposed(self) -> int:
        """Those that are still to be seen."""
        return sum(person.exposed for person in self.audited)

    @property
    def not_compared(self) -> int:
        """Faces in frames that have no counterpart or one of another scene."""
        return sum(person.count(State.UNMATCHED) for person in self.audited)

    @property
    def verdict(self) -> str:
        """`exposed`, `hidden`, or `incomplete` where part of it could not be compared."""
        if self.exposed:
            return "exposed"
        counts = self.counts
        unseen = counts.added + counts.unmatched + counts.damaged
        cut = counts.lost > max(1, MANY * counts.original)
        misplaced = self.elsewhere is not None
        if self.not_compared or not counts.compared or unseen or cut or misplaced:
            return "incomplete"
        return "hidden"

    @property
    def coverage(self) -> float:
        """Mean share of a face that is not to be seen any more, 0..1; 1 without faces."""
        return _coverage(self.audited)

    @property
    def collateral(self) -> float:
        """Share of the picture away from faces that changed, 0..1, averaged over frames."""
        return self.counts.collateral / max(1, self.counts.compared)

    @property
    def longest(self) -> Longest:
        """Over all people."""
        found = [self.longest_of(person) for person in self.audited]
        return max(found, key=lambda run: (run.frames, run.seconds), default=Longest())

    def longest_of(self, person: Person) -> Longest:
        """The longest exposure of one person."""
        found = [
            Longest(last - first + 1, self.end_of(last) - self.time_of(first))
            for first, last in person.exposures()
        ]
        return max(found, key=lambda run: (run.frames, run.seconds), default=Longest())

    def time_of(self, frame: int) -> float:
        """When a frame of the original is shown, in seconds from the first."""
        times = self.course.times
        return times[min(frame, len(times) - 1)] - times[0] if times else 0.0

    def end_of(self, frame: int) -> float:
        """When the next one is shown."""
        times = self.course.times
        if frame + 1 < len(times):
            return self.time_of(frame + 1)
        usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.04
        return self.time_of(frame) + usual

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        counts, longest = self.counts, self.longest
        return {
            "verdict": self.verdict,
            "faces": {
                "people": len(self.audited),
                "face_frames": self.face_frames,
                "exposed": self.exposed,
                "longest_exposure_frames": longest.frames,
                "longest_exposure_ms": round(longest.seconds * 1000),
                "coverage": round(self.coverage, 4),
                "collateral": round(self.collateral, 5),
                "not_judged": sum(person.count(State.UNJUDGED) for person in self.audited),
                "not_compared": self.not_compared,
                "detector_asked": counts.asked,
                "detector_answered": counts.answered,
            },
            "frames": {
                "original": counts.original,
                "redacted": counts.redacted,
                "compared": counts.compared,
                "lost": counts.lost,
                "added": counts.added,
                "outside": counts.outside,
                "other_scene": counts.unmatched,
                "times_changed": counts.moved,
                "largest_change_ms": round(counts.largest_move * 1000, 1),
                "delay_ms": round(self.delay * 1000, 1),
                "matched_by": "time" if self.by_time else "order",
                "damaged": counts.damaged,
            },
            "part": self._part(),
            "people": [self._person(number, person) for number, person in enumerate(self.people)],
            "doubtful": {
                "people": len(self.doubtful),
                "visible": sum(person.exposed > 0 for person in self.doubtful),
            },
            "left_in_the_output": self.leftovers.to_dict(),
            "notes": list(self.notes),
            "cannot_know": list(UNKNOWN),
        }

    def _part(self) -> dict[str, Any] | None:
        cut = self.cut
        if cut is None:
            return None
        end = cut.end if cut.end is not None and math.isfinite(cut.end) else None
        return {
            "from": round(cut.begin, 6),
            "to": end if end is None else round(end, 6),
            "named_by": cut.source,
            "fits_better_from": None if self.elsewhere is None else round(self.elsewhere, 3),
        }

    def _person(self, number: int, person: Person) -> dict[str, Any]:
        longest = self.longest_of(person)
        first, last = int(person.frames[0]), int(person.frames[-1])
        return {
            "person": number,
            **({"name": person.name} if person.name else {}),
            **({"kept_clear": True} if person.kept else {}),
            "frames": [first, last],
            "seconds": [round(self.time_of(first), 3), round(self.end_of(last), 3)],
            "face_frames": person.judged,
            "exposed": person.exposed,
            "longest_exposure_frames": longest.frames,
            "longest_exposure_ms": round(longest.seconds * 1000),
            "coverage": round(_coverage([person]), 4),
            "exposures": [list(run) for run in person.exposures()],
        }


def _coverage(people: list[Person]) -> float:
    shares = [person.share[~np.isnan(person.share)] for person in people]
    together = np.concatenate(shares) if shares else np.empty(0)
    return float(1 - together.mean()) if len(together) else 1.0
