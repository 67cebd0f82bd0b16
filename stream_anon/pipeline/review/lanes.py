"""The lanes of a review: everybody in a record of masks, with a picture of each.

One pass over the recording that decodes it and detects nothing.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stream_anon.core.process_state import single_threaded_opencv
from stream_anon.core.redacted import Unknown
from stream_anon.masking.appearance import place_of
from stream_anon.masking.masks_file import open_masks
from stream_anon.masking.masks_masker import MasksMasker
from stream_anon.masking.outline import Outline
from stream_anon.masking.people import People, in_groups
from stream_anon.pipeline.review.pictures import Pictures
from stream_anon.sources.decoding.opening import open_input
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.parts import Box, Part
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.masking.outline import TrackOutline

WEAK = 0.5
"""Scores below this are looked at first, …"""
SHORT = 1.0
"""… then tracks that are there for fewer seconds than this."""
BETTER = 1.3
"""A place this much larger makes a better picture."""
AROUND = 0.4
"""What a picture shows around somebody, as a share of their box."""
TALLEST = 160
"""Pixels of a picture."""
MOST_PICTURES = 2000


@dataclass(frozen=True, slots=True)
class Lane:
    """One track."""

    track: int
    person: int
    """The first track of its person."""
    label: str
    labels: list[str]
    first: int
    """Frame."""
    last: int
    frames: int
    score: float
    """The best of all its frames."""
    weak: bool
    short: bool


@dataclass(frozen=True, slots=True)
class Lanes:
    """A recording as a timeline; those to look at first come first."""

    width: int
    height: int
    frames: int
    rate: float
    zero: float
    """The time at which the recording begins, in seconds."""
    sound: bool
    """The recording has some."""
    hidden_whole: int = 0
    lanes: list[Lane] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> Lanes:
        """Read what `find_lanes` has written.

        Raises:
            OSError, ValueError, TypeError, KeyError: it is not there, or damaged.
        """
        content = json.loads(path.read_text(encoding="utf-8"))
        lanes = [Lane(**lane) for lane in content.pop("lanes")]
        return cls(**content, lanes=lanes)


def thumb_of(folder: Path, track: int) -> Path:
    """The picture of a track."""
    return folder / f"{track}.jpg"


def find_lanes(
    source: Path,
    masks: Path,
    thumbs: Path,
    video_track: int | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Lanes:
    """Look through a recording with the masks that were made from it.

    Args:
        source: the recording.
        masks: the record of its masks.
        thumbs: an empty folder, for a picture of each track: raw, as private as the recording.
        video_track: from 1; None for the one that players show.
        on_progress: called after each frame with how many are done, and of how many.

    Raises:
        StreamAnonError: one of the two cannot be read, or they do not fit.
        OSError: a picture cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(single_threaded_opencv)
        file, reader = open_masks(masks)
        stack.callback(file.close)
        outline = Outline.of(reader.header, reader.frames())
        recording = stack.enter_context(closing(MediaSource(source, track=video_track)))
        info = recording.info
        people, gallery = People(), _Gallery(info)
        for done, masked in enumerate(MasksMasker(reader, info).masks(recording.frames()), 1):
            if not isinstance(masked.parts, Unknown):
                time = masked.frame.time - float(info.zero)
                gallery.take(masked, people.count(masked.frame, time, masked.parts))
            if on_progress is not None:
                on_progress(done, outline.frames)
        gallery.write(thumbs)
        groups = in_groups(people, people.joins())
        return _lanes(info, outline, groups, sound=_has_sound(source))


def _lanes(
    info: StreamInfo, outline: Outline, groups: Sequence[Sequence[int]], *, sound: bool
) -> Lanes:
    person = {number: group[0] for group in groups for number in group}
    rate = float(info.nominal_rate)
    lanes = [_lane(track, person.get(track.number, track.number), rate)
             for track in outline.tracks.values()]  # fmt: skip
    lanes.sort(key=lambda lane: (not lane.weak, not lane.short, lane.first, lane.track))
    return Lanes(
        info.width, info.height, outline.frames, rate, float(info.zero), sound,
        outline.hidden_whole, lanes,
    )  # fmt: skip


def _lane(track: TrackOutline, person: int, rate: float) -> Lane:
    return Lane(
        track=track.number,
        person=person,
        label=track.label,
        labels=sorted(track.labels),
        first=track.first,
        last=track.last,
        frames=track.frames,
        score=round(track.score, 3),
        weak=track.score < WEAK,
        short=track.frames < SHORT * rate,
    )


def _has_sound(source: Path) -> bool:
    with closing(open_input(source)) as container:
        return bool(container.streams.audio)


class _Gallery:
    """The best picture of each track so far."""

    def __init__(self, info: StreamInfo) -> None:
        self._pictures = Pictures(info)
        self._best: dict[int, tuple[float, NDArray[np.uint8]]] = {}

    def take(self, masked: MaskedFrame, people: dict[int, list[Part]]) -> None:
        """Keep the picture of whoever is seen better than before."""
        frame = masked.frame
        for number, parts in people.items():
            place = place_of(parts)
            if place is None or (number not in self._best and len(self._best) >= MOST_PICTURES):
                continue
            worth = self._pictures.seen(place.box)
            if worth > BETTER * self._best.get(number, (-1.0,))[0]:
                picture = self._pictures.cut(frame, _around(place.box), TALLEST)
                if picture is not None:
                    self._best[number] = worth, picture

    def write(self, folder: Path) -> None:
        for number, (_, picture) in self._best.items():
            done, data = cv2.imencode(".jpg", picture)
            if done:
                thumb_of(folder, number).write_bytes(data.tobytes())


def _around(box: Box) -> Box:
    return box.grown(AROUND * box.width, AROUND * box.height)
