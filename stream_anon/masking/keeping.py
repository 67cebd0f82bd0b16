"""Leaving somebody clear only where it is surely them.

A track may go on with somebody else where people cross. So a kept track is hidden while it overlaps
somebody hidden, and from then on until its colours are again those from before, and not those of
whomever it met; and wherever its colours are no longer its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stream_anon.core.clear import REVIEW
from stream_anon.masking.appearance import appearance_of, place_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stream_anon.core.frame import Frame
    from stream_anon.core.parts import Box, Part
    from stream_anon.masking.appearance import Appearance

    Crossings = dict[int, dict[int, set[int]]]
    """By kept track and frame: the hidden tracks that it is too close to."""

CROSSES = 0.1
"""Overlap (IoU) of two masks from which one person may be taken for the other."""
ONE_PLACE = 0.5
"""Overlap (IoU) of two masks of one track from which they are two guesses at one place."""
GUARD = 3
"""Frames before and after a crossing that belong to it."""
SAME = 0.7
"""Likeness from which a track shows the one that it showed before, …"""
APART = 0.15
"""… if it is less like whomever it met by this much, …"""
UNREAD = "nobody knows who was there before"
AGAIN = 3
"""… in so many looks in a row."""
OTHER = 0.5
"""Likeness below which a track shows somebody else, also where nobody was met."""
EVERY = 5
"""Frames between two looks while nothing is in doubt."""
FADES = 0.1
"""Share of each look in what somebody is remembered to look like."""
MOST_SHOWN = 20
"""Ranges of frames that are listed."""


def listed(numbers: Collection[int]) -> str:
    """A few numbers in words."""
    shown = [str(number) for number in sorted(numbers)]
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return ", ".join(shown[:10]) + more if shown else "nobody"


@dataclass(slots=True)
class _Doubt:
    """How sure it is that a kept track shows its own person."""

    why: str | None = None
    """Why it may be somebody else now; None where that is not in doubt."""
    met: set[int] = field(default_factory=set)
    """Tracks that it may have been taken for since it was sure the last time."""
    agreed: int = 0
    """Looks in a row that say that it is the same person."""
    is_blind: bool = False
    """Nobody can tell: the frames before it met somebody are not read."""


class Keeping:
    """Who is clear in each frame of a stream, of those who are to be. Frames come in order."""

    def __init__(
        self,
        crossings: Crossings,
        zero: float,
        person: Mapping[int, int] | None = None,
        *,
        vouched: bool = False,
    ) -> None:
        """Know nobody yet.

        Args:
            crossings: where kept tracks are too close to others, from `add_crossings`.
            zero: the time at which the recording begins, in seconds.
            person: of each track, where several are of one.
            vouched: somebody has looked at the first frame of each that is kept: what they look
                like is what they look like there.
        """
        self._vouched = vouched
        self._person = person or {}
        self._zero = zero
        self._crossings = crossings
        self._crossed = {
            (index, other)
            for met in crossings.values()
            for index, others in met.items()
            for other in others
        }
        self._doubts: dict[tuple[int, int], _Doubt] = {}
        """By kept track, and the frame from which it is kept."""
        self._judged = -1
        """The newest frame whose people are known."""
        self._gap = range(0)
        """The frames before the present one of which nobody knows who was there."""
        self._looks: dict[int, Appearance] = {}
        """What people look like where it was surely them, by person."""
        self._looked_at: dict[int, int] = {}
        """Frame of the last look at each track."""
        self._review: dict[tuple[int, str], list[_Span]] = {}
        """What was hidden for doubt, by track and reason."""

    def hidden(
        self,
        frame: Frame,
        parts: Sequence[Part],
        kept: Mapping[int, int],
        *,
        alone: bool = False,
    ) -> tuple[Part, ...]:
        """The parts that are hidden in a frame.

        Args:
            frame: the raw one.
            parts: of everybody in it.
            kept: the tracks that are to be clear in it, each with the frame from which it surely
                shows its own person: what came before is not held against it.
            alone: a look at one frame: those before were not read, and need not be. Whoever has
                met somebody stays hidden from then on; colours say nothing.
        """
        if alone:
            self._judged = frame.index - 1
        self._gap = range(self._judged + 1, frame.index)
        self._judged = frame.index
        people: dict[int, list[Part]] = {}
        for part in parts:
            people.setdefault(part.person, []).append(part)
        clear: set[int] = set()
        # Those who are hidden come first: others are told from them.
        for track in sorted(people, key=lambda track: track in kept):
            if track not in kept:
                self._remember(frame, track, people[track])
                continue
            company = [
                p for n, theirs in people.items() if n in kept and n != track for p in theirs
            ]
            if (why := self._doubt(frame, track, kept[track], people[track], company)) is None:
                clear.add(track)
            else:
                self._list(frame, track, why)
        return tuple(part for part in parts if part.person not in clear)

    @property
    def notes(self) -> list[str]:
        """Where people who are to be clear were hidden, for somebody to review."""
        found = sorted(
            (span.first, track, why, span)
            for (track, why), spans in self._review.items()
            for span in spans
        )
        notes = [
            f"{REVIEW} person {track} is hidden {span.text}: {why}"
            for _, track, why, span in found[:MOST_SHOWN]
        ]
        if len(found) > MOST_SHOWN:
            notes.append(f"{REVIEW} {len(found) - MOST_SHOWN} more such ranges of frames")
        return notes

    def _list(self, frame: Frame, track: int, why: str) -> None:
        spans = self._review.setdefault((track, why), [])
        time = frame.time - self._zero
        if spans and spans[-1].last >= frame.index - 1:
            spans[-1].last, spans[-1].end = frame.index, time
        else:
            spans.append(_Span(frame.index, time, frame.index, time))

    def _remember(self, frame: Frame, track: int, parts: Sequence[Part]) -> None:
        """Look at somebody hidden now and then."""
        if track < 0 or (frame.index, track) in self._crossed or not self._is_due(frame, track):
            return
        if (looks := self._look(frame, track, parts)) is not None:
            self._learn(track, looks)

    def _doubt(
        self, frame: Frame, track: int, first: int, parts: Sequence[Part], company: Sequence[Part]
    ) -> str | None:
        """Why a kept track may show somebody else in a frame; None where it does not."""
        crossings = self._crossings.get(track, {})
        doubt = self._doubts.get((track, first))
        if doubt is None:
            doubt = self._doubts[track, first] = _Doubt()
            if self._vouched and frame.index == first:
                self._looks.pop(self._person.get(track, track), None)
            before = [met for at, met in crossings.items() if first <= at < frame.index]
            if before:
                doubt.met, doubt.is_blind = set().union(*before), True
                doubt.why = _meets(doubt.met)
        if self._gap and first < frame.index:
            for index in self._gap:
                doubt.met |= crossings.get(index, set()) if index >= first else set()
            doubt.why = _meets(doubt.met) if doubt.met else doubt.why or UNREAD
            doubt.agreed = 0
        if met := crossings.get(frame.index):
            doubt.met |= met
            doubt.why, doubt.agreed = _meets(doubt.met), 0
        elif _is_double(parts):
            doubt.why, doubt.agreed = doubt.why or "two places at once", 0
        elif any(_cross(part.box, other.box) for other in company for part in parts):
            pass  # what is seen there is partly somebody else, who is clear as well
        elif (doubt.why or self._is_due(frame, track)) and (
            looks := self._look(frame, track, parts)
        ):
            self._judge(doubt, track, looks)
        return doubt.why

    def _judge(self, doubt: _Doubt, track: int, looks: Appearance) -> None:
        """Take a look at a kept track into account."""
        own = self._looks.get(self._person.get(track, track))
        if doubt.why is None:
            likeness = 1.0 if own is None else looks.likeness(own)
            if likeness < OTHER:
                doubt.why, doubt.agreed = "looks like somebody else", 0
            elif likeness >= SAME:  # whoever replaces them slowly is not learned
                self._learn(track, looks)
            return
        is_same = not doubt.is_blind and self._is_same(looks, own, doubt.met)
        doubt.agreed = doubt.agreed + 1 if is_same else 0
        if doubt.agreed >= AGAIN:
            doubt.why, doubt.met, doubt.agreed = None, set(), 0

    def _is_same(self, looks: Appearance, own: Appearance | None, met: Collection[int]) -> bool:
        others = [self._looks.get(self._person.get(track, track)) for track in met]
        if own is None:  # the track began beside others: whoever it is, it is none of them
            return all(other is not None and looks.likeness(other) < SAME for other in others)
        likeness = looks.likeness(own)
        return likeness >= SAME and all(
            other is not None and likeness >= looks.likeness(other) + APART for other in others
        )

    def _is_due(self, frame: Frame, track: int) -> bool:
        return frame.index - self._looked_at.get(track, -EVERY) >= EVERY

    def _look(self, frame: Frame, track: int, parts: Sequence[Part]) -> Appearance | None:
        self._looked_at[track] = frame.index
        place = place_of(parts)
        return None if place is None else appearance_of(frame, place)

    def _learn(self, track: int, looks: Appearance) -> None:
        person = self._person.get(track, track)
        known = self._looks.get(person)
        self._looks[person] = looks if known is None else known.blended(looks, FADES)


@dataclass(slots=True)
class _Span:
    """Frames in a row, and their times in seconds."""

    first: int
    begin: float
    last: int
    end: float

    @property
    def text(self) -> str:
        if self.first == self.last:
            return f"in frame {self.first} ({self.begin:.1f} s)"
        return f"in frames {self.first} to {self.last} ({self.begin:.1f} s to {self.end:.1f} s)"


def _meets(others: Collection[int]) -> str:
    return f"it may be {listed(others)}, whom it meets"


def _is_double(parts: Sequence[Part]) -> bool:
    """Whether a track is in two places; two guesses at one place are none."""
    return any(
        one.label == other.label and one.box.iou(other.box) < ONE_PLACE
        for n, one in enumerate(parts)
        for other in parts[n + 1 :]
    )


def add_crossings(
    found: Crossings, index: int, shown: Sequence[Part], kept: Collection[int]
) -> None:
    """Note where kept tracks are too close to hidden ones in a frame.

    Args:
        found: grows.
        index: of the frame.
        shown: the parts of everybody in it.
        kept: the tracks that are to be clear in it.
    """
    for part in shown:
        if part.person not in kept:
            continue
        for other in shown:
            if other.person in kept or other.person < 0 or not _cross(part.box, other.box):
                continue
            frames = found.setdefault(part.person, {})
            for near in range(index - GUARD, index + GUARD + 1):
                frames.setdefault(near, set()).add(other.person)


def _cross(a: Box, b: Box) -> bool:
    return a.iou(b) > CROSSES
