"""A record of masks with somebody's edits, frame by frame; nothing is detected.

An edit never makes less hidden than its words say. Whoever is kept, or was deleted, stays hidden
wherever it may be somebody else (`Keeping`); what an edit adds covers its whole box; frames that
are hidden whole stay so; edits that cannot do what they say are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.zones import zone_label
from stream_anon.detectors.shapes import full_box
from stream_anon.errors import ConfigError
from stream_anon.masking.edits import CLEARS
from stream_anon.masking.keeping import Keeping, add_crossings
from stream_anon.masking.masks_masker import MasksMasker
from stream_anon.masking.outline import Outline
from stream_anon.masking.zones import polygon_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.masking.edits import Edit, Edits
    from stream_anon.masking.keeping import Crossings
    from stream_anon.masking.masks_file import MasksReader

BY_HAND = "by-hand"
"""The label of a box that somebody drew."""


class Edited(NamedTuple):
    """One frame after the edits, before it is known who is surely kept."""

    parts: tuple[Part, ...]
    kept: dict[int, int]
    """Tracks that are to be clear, each with the frame from which its edit holds."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An edit, and what it needs in every frame."""

    edit: Edit
    first: int
    last: int
    person: int
    """Whose a box is: a number of its own where it stands for no track."""
    zone: Part | None = None


class EditedFrames:
    """Applies edits to the frames of a record, in any order."""

    def __init__(self, outline: Outline, edits: Edits) -> None:
        """Check the edits against the record.

        Raises:
            ConfigError: one cannot do what it says; which, and why, in one line.
        """
        self._outline = outline
        self._placed = []
        for n, edit in enumerate(edits.edits):
            try:
                self._placed.append(self._place(edit, outline.next_number + n))
            except ValueError as error:
                raise ConfigError(f"edit {n + 1} ({edit.kind}): {error}") from error

    @property
    def zone_labels(self) -> frozenset[str]:
        """Of the zones that edits add."""
        return frozenset(placed.zone.label for placed in self._placed if placed.zone is not None)

    @property
    def clears(self) -> bool:
        """Whether any edit makes less hidden."""
        return any(placed.edit.kind in CLEARS for placed in self._placed)

    def _place(self, edit: Edit, number: int) -> _Placed:
        outline = self._outline
        first, last = edit.range(max(0, outline.frames - 1))
        if first > last or last >= max(1, outline.frames):
            raise ValueError(
                f"frames {first} to {last} are not all there: the last one is {outline.frames - 1}"
            )
        zone = None
        if edit.kind == "zone":
            points = [(x * outline.width, y * outline.height) for x, y in edit.points]
            zone = polygon_part(zone_label(f"edit {number}"), points)
        if edit.track is not None:
            self._check_track(edit, first, last)
        if edit.kind == "box":
            self._check_boxes(edit)
        return _Placed(edit, first, last, number if edit.track is None else edit.track, zone)

    def _check_track(self, edit: Edit, first: int, last: int) -> None:
        track = self._outline.tracks.get(edit.track if edit.track is not None else -1)
        if track is None:
            raise ValueError(f"there is no track {edit.track}")
        seen = f"track {track.number} is there from frame {track.first} to {track.last}"
        if edit.kind == "hide":
            is_outside = edit.first is not None and first < track.first
            if is_outside or (edit.last is not None and last > track.last):
                raise ValueError(f"{seen} only: add a box for the other frames")
        elif edit.kind in CLEARS and (last < track.first or first > track.last):
            raise ValueError(f"{seen}, and not from {first} to {last}")
        elif edit.kind == "box":
            labels = sorted(track.labels)
            if edit.label is None and len(labels) > 1:
                raise ValueError(f"{seen} with several parts: name a label ({', '.join(labels)})")
            if edit.label is not None and edit.label not in labels:
                raise ValueError(f"track {track.number} has no {edit.label}: it has {labels[0]}")

    def _check_boxes(self, edit: Edit) -> None:
        picture = Box(0, 0, self._outline.width, self._outline.height)
        if not any(Box(*key.box).overlap(picture) for key in edit.keys):
            raise ValueError("its box is outside of the picture in every key, and hides nothing")

    def edited(self, index: int, parts: Sequence[Part]) -> Edited:
        """What becomes of the parts of a frame."""
        now, kept = list(parts), dict[int, int]()
        for placed in self._placed:
            if not placed.first <= index <= placed.last:
                continue
            edit, person = placed.edit, placed.person
            if edit.kind in CLEARS:
                kept[person] = placed.first
            elif edit.kind == "hide":
                kept.pop(person, None)
                now += self._in_gap(index, person, now)
            elif edit.kind == "box":
                if edit.track is not None:
                    kept.pop(person, None)
                    now = [part for part in now if not _is_replaced(part, edit)]
                now.append(_boxed(edit, person, index))
            elif placed.zone is not None:
                now.append(placed.zone)
        return Edited(tuple(now), kept)

    def _in_gap(self, index: int, person: int, now: Sequence[Part]) -> list[Part]:
        """A track that is to be hidden and is not there for a while: the place between."""
        track = self._outline.tracks[person]
        if any(part.person == person for part in now):
            return []
        box = track.box_in_gap(index)
        return [] if box is None else [Part(track.label, box, full_box(), 1.0, person)]

    def crossings(self, reader: MasksReader) -> Crossings:
        """Where those who are kept are too close to somebody hidden.

        Raises:
            ConfigError: the record is damaged.
        """
        found: Crossings = {}
        if self.clears:
            for frame in reader.frames():
                if not isinstance(frame.parts, Unknown):
                    parts, kept = self.edited(frame.index, frame.parts)
                    if kept:
                        add_crossings(found, frame.index, parts, kept)
        return found


def _is_replaced(part: Part, edit: Edit) -> bool:
    return part.person == edit.track and edit.label in (None, part.label)


def _boxed(edit: Edit, person: int, index: int) -> Part:
    return Part(edit.label or BY_HAND, edit.box_at(index), full_box(), 1.0, person)


class EditedMasker:
    """Masks from a record with edits; nothing is detected."""

    def __init__(self, edits: Edits, reader: MasksReader, info: StreamInfo) -> None:
        """Args: edits: what is changed. reader: of the record. info: of the video.

        Raises:
            ConfigError: the masks belong to another video or are damaged, or an edit is refused.
        """
        self._inner = MasksMasker(reader, info)
        self.outline = Outline.of(reader.header, reader.frames())
        self._frames = EditedFrames(self.outline, edits)
        self.zone_labels = self._frames.zone_labels
        crossings = self._frames.crossings(reader)
        self._keeping = Keeping(crossings, float(info.zero), vouched=True)

    @property
    def labels(self) -> set[str]:
        """What was hidden so far, or would have been."""
        return self._inner.labels

    @property
    def notes(self) -> list[str]:
        """Where people who are to be clear were hidden, for somebody to review."""
        return self._keeping.notes

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order.

        Raises:
            ConfigError: the record is damaged.
        """
        return map(self._edited, self._inner.masks(frames))

    def _edited(self, masked: MaskedFrame) -> MaskedFrame:
        if isinstance(masked.parts, Unknown):
            return masked
        parts, kept = self._frames.edited(masked.frame.index, masked.parts)
        return replace(masked, parts=self._keeping.hidden(masked.frame, parts, kept))
