"""Compares the two videos frame by frame, at the places of known faces and away from them."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from stream_anon.audit.judging import shown_share
from stream_anon.audit.looking import best_at
from stream_anon.audit.measure import LEAK, collateral_share
from stream_anon.audit.pairing import SAME_TIME
from stream_anon.audit.people import Roster, State
from stream_anon.audit.search import LIGHT
from stream_anon.core.parts import Box
from stream_anon.core.scaling import shrunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_anon.audit.looking import Looker
    from stream_anon.audit.pairing import Matching, Pair
    from stream_anon.audit.people import Person, Place
    from stream_anon.core.frame import Frame

    Luma = NDArray[np.uint8]

PICTURE = 640
"""Longest side of the picture in which everything away from faces is compared."""
DOUBT = 0.15
"""Share of a face still to be seen from which a detector is asked whether it sees one."""
SURE = 0.5
"""Score from which its answer counts."""
CUT = 0.02
"""Share of a face outside of the picture from which on it is cut by the picture's edge."""
GONE = 0.2
"""A face is there if the detector's answer overlaps its place by this much (IoU)."""
ASK_EVERY = 0.5
"""Seconds between two looks at the redacted picture."""
ANSWERS = 0.4
"""IoU with a face from which an answer is about it."""
THUMBNAILS, OF_ONE = 8, 2
"""Pictures of the worst places, and how many of them may be of one person."""
THUMBNAIL = 168
"""Their side in pixels."""
LIKE = 0.5
"""Correlation of two whole pictures from which they show the same scene."""
DETAILED = 6.0
"""Standard deviation of a small picture, in grey levels, from which it shows anything."""


_TO_FULL = np.array([255 / 219, 255 / 224, 255 / 224], np.float32)
_BLACK = np.array([16 * 255 / 219, 128 * 31 / 224, 128 * 31 / 224], np.float32)
"""From MPEG range to what a screen shows."""


class Thumbnail(NamedTuple):
    """A place in the redacted video, as a JPEG."""

    share: float
    frame: int
    """Of the original."""
    number: int
    """Of the person among those given."""
    jpeg: bytes


@dataclass(slots=True)
class Counts:
    """Sums over all frames."""

    original: int = 0
    redacted: int = 0
    compared: int = 0
    lost: int = 0
    added: int = 0
    unmatched: int = 0
    moved: int = 0
    """Frames with another time than in the original."""
    largest_move: float = 0.0
    """In seconds."""
    outside: int = 0
    """Frames of the original that are no part of what was redacted."""
    damaged: int = 0
    """Frames of either video that could not be decoded properly."""
    asked: int = 0
    """Faces at whose places a detector looked in the redacted picture."""
    answered: int = 0
    """Those where it saw one."""
    collateral: float = 0.0
    """Sum over compared frames."""


@dataclass(slots=True)
class Course:
    """Values frame by frame, for the plots."""

    times: array[float] = field(default_factory=lambda: array("d"))
    """When each frame of the original is shown, in seconds."""
    worst: array[float] = field(default_factory=lambda: array("f"))
    """The largest share of a face that is still to be seen."""
    collateral: array[float] = field(default_factory=lambda: array("f"))


class Comparison:
    """Judges every known face in every frame. Feed it all pairs in order."""

    def __init__(
        self, people: list[Person], looker: Looker, matching: Matching, rate: float
    ) -> None:
        """Args: people: whose faces are judged. looker: asked about the redacted pictures.

        matching: how the pairs were made. rate: frames per second.
        """
        self._roster = Roster(people)
        self._numbers = {id(person): number for number, person in enumerate(people)}
        self._looker, self._matching = looker, matching
        self._ask_every = max(1, round(ASK_EVERY * rate))
        self._worst: list[Thumbnail] = []
        self.counts, self.course = Counts(), Course()

    @property
    def thumbnails(self) -> list[Thumbnail]:
        """The worst places, worst first."""
        return sorted(self._worst, key=lambda thumbnail: -thumbnail.share)

    def feed(self, pair: Pair) -> None:
        """Take one frame of each video into account.

        Raises:
            ParserError: the detector failed.
        """
        before, after = pair
        counts = self.counts
        counts.original += before is not None
        counts.redacted += after is not None
        counts.damaged += any(frame is not None and frame.corrupt for frame in pair)
        if before is None:
            counts.added += 1
            return
        places = self._roster.at(before.index)
        worst = collateral = 0.0
        if after is None:
            counts.lost += 1
            for person, at in places:
                person.state[at] = State.NO_FRAME
        else:
            self._note_time(before, after)
            worst, collateral = self._compare(before, after, places)
        self.course.times.append(before.time)
        self.course.worst.append(worst)
        self.course.collateral.append(collateral)

    def skip(self, before: Frame) -> None:
        """Take a frame of the original into account that the redacted video should not have."""
        self.counts.outside += 1
        self.course.times.append(before.time)
        self.course.worst.append(0.0)
        self.course.collateral.append(0.0)

    def _note_time(self, before: Frame, after: Frame) -> None:
        units = float(before.time_base + after.time_base) / 2
        apart = abs(after.time - before.time - self._matching.offset)
        if apart > max(SAME_TIME, min(units, 0.01)):
            self.counts.moved += 1
            self.counts.largest_move = max(self.counts.largest_move, apart)

    def _compare(self, before: Frame, after: Frame, places: list[Place]) -> tuple[float, float]:
        original, redacted = lumas(before, after)
        self.counts.compared += 1
        boxes = [_box(place) for place in places]
        away, matches = _away(original, redacted, boxes)
        self.counts.collateral += away
        if not matches:
            self.counts.unmatched += 1
            for person, at in places:
                person.state[at] = State.UNMATCHED
            return 0.0, away
        shares = [shown_share(original, redacted, box) for box in boxes]
        answers = self._answers(after, places, boxes, shares)
        worst = 0.0
        for (person, at), box, share, answered in zip(places, boxes, shares, answers, strict=True):
            if share is None:
                continue
            exposed = share > LEAK or (answered and share > DOUBT)
            if exposed and self._has_left(before, box):
                continue
            person.share[at] = share
            person.state[at] = State.EXPOSED if exposed else State.HIDDEN
            if person.believed and not person.kept:
                worst = max(worst, share)
                self._keep(before.index, after, box, share, self._numbers[id(person)])
        return worst, away

    def _has_left(self, before: Frame, box: Box) -> bool:
        """Whether somebody who was followed to the picture's edge is not there any more."""
        height, width = before.planes[0].shape
        if box.overlap(Box(0, 0, width, height)) >= (1 - CUT) * box.area:
            return False
        sightings = (s for turn in range(4) for s in self._looker.near(before, box, turn))
        return best_at(list(sightings), box, GONE) is None

    def _answers(
        self, after: Frame, places: list[Place], boxes: list[Box], shares: list[float | None]
    ) -> list[bool]:
        """For each face: does a detector see one at its place in the redacted picture?"""
        answers = [False] * len(places)
        known = [n for n, place in enumerate(places) if place.person.believed]
        if known and after.index % self._ask_every == 0:
            seen = self._looker.look(after, (LIGHT,))
            for n in known:
                found = best_at(seen, boxes[n], ANSWERS)
                answers[n] = found is not None and found.score >= SURE
                self.counts.asked += 1
                self.counts.answered += answers[n]
        for n, share in enumerate(shares):
            if share is not None and DOUBT < share <= LEAK and not answers[n]:
                found = best_at(self._looker.near(after, boxes[n], 0), boxes[n], ANSWERS)
                answers[n] = found is not None and found.score >= SURE
        return answers

    def _keep(self, index: int, after: Frame, box: Box, share: float, number: int) -> None:
        """Make a thumbnail of the redacted picture if this is one of its worst places."""
        mine = [thumbnail for thumbnail in self._worst if thumbnail.number == number]
        out = min(mine) if len(mine) >= OF_ONE else None
        if out is None and len(self._worst) >= THUMBNAILS:
            out = min(self._worst)
        if out is not None and out.share >= share:
            return
        if out is not None:
            self._worst.remove(out)
        self._worst.append(Thumbnail(share, index, number, thumbnail(after, box)))


def _box(place: Place) -> Box:
    return Box(*map(float, place.person.boxes[place.at]))


def lumas(before: Frame, after: Frame) -> tuple[Luma, Luma]:
    """Both luma planes, without what an encoder needed to pad."""
    rows = min(before.height, after.height)
    columns = min(before.width, after.width)
    return before.planes[0][:rows, :columns], after.planes[0][:rows, :columns]


def _away(original: Luma, redacted: Luma, boxes: list[Box]) -> tuple[float, bool]:
    """Share of the picture away from faces that changed, and whether both show the same scene."""
    rows, columns = original.shape
    scale = min(1.0, PICTURE / max(rows, columns))
    if scale < 1:
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        original, redacted = shrunk(original, *size), shrunk(redacted, *size)
    corners = [
        (box.x * scale, box.y * scale, (box.x + box.width) * scale, (box.y + box.height) * scale)
        for box in boxes
    ]
    away = collateral_share(original, redacted, corners)
    return away, away < 0.5 or _same_scene(original, redacted)


def _same_scene(original: Luma, redacted: Luma) -> bool:
    """False where the redacted picture is sharp and shows something else."""
    small = [
        cv2.resize(luma, (48, 27), interpolation=cv2.INTER_AREA) for luma in (original, redacted)
    ]
    before, after = (picture.astype(np.float64) - float(picture.mean()) for picture in small)
    if after.std() < DETAILED:
        return True  # hidden whole
    return float((before * after).mean()) > LIKE * float(before.std() * after.std())


def thumbnail(frame: Frame, box: Box) -> bytes:
    """A face's surroundings as a JPEG. Call it with redacted frames only."""
    side = 2.2 * max(box.width, box.height)
    middle_x, middle_y = box.center
    left, top = max(0, int(middle_x - side / 2)) & ~1, max(0, int(middle_y - side / 2)) & ~1
    left, top = min(left, max(0, frame.width - 2)), min(top, max(0, frame.height - 2))
    right, bottom = (
        min(length, int(middle + side / 2) + 2)
        for length, middle in ((frame.width, middle_x), (frame.height, middle_y))
    )
    luma, blue, red = frame.planes
    part = luma[top : max(bottom, top + 2), left : max(right, left + 2)]
    half = np.s_[top // 2 : (bottom + 1) // 2, left // 2 : (right + 1) // 2]
    scale = THUMBNAIL / max(part.shape)
    size = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
    planes = [
        cv2.resize(np.ascontiguousarray(plane), size, interpolation=cv2.INTER_AREA)
        for plane in (part, red[half], blue[half])
    ]
    full = cv2.merge(planes).astype(np.float32) * _TO_FULL - _BLACK
    picture = cv2.cvtColor(np.clip(full, 0, 255).astype(np.uint8), cv2.COLOR_YCrCb2BGR)
    done, jpeg = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 80])
    assert done
    return jpeg.tobytes()
