"""Everybody in a recording, numbered: a tracks file, and a contact sheet for the operator."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING

import cv2
import numpy as np

from stream_anon.core.files import JsonFile, PartFile, publish, write_error
from stream_anon.core.parts import Box
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError, SinkError
from stream_anon.masking.appearance import place_of
from stream_anon.masking.people import People, clock, in_groups
from stream_anon.masking.tracks_recorder import TracksRecorder
from stream_anon.pipeline.recording import detecting
from stream_anon.pipeline.report import Summary
from stream_anon.pipeline.sheet import Cell, draw_sheet
from stream_anon.pipeline.threads import compute_masks
from stream_anon.redaction.redactor import Redactor
from stream_anon.sinks.encoding.encoders import encoder_called
from stream_anon.sinks.encoding.planes import Pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.config import Redaction, Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.masking.people import Meeting
    from stream_anon.masking.tracks_file import Join

SHEETS = (".png", ".jpg", ".jpeg")
BETTER = 1.2
"""A place this much larger makes a better picture of somebody."""
SIDEWAYS, ABOVE, BELOW = 0.6, 0.4, 1.6
"""What a picture on the sheet shows around a face, as shares of its box."""
MOST_SHOWN = 400
"""Pictures on one sheet."""


@dataclass(frozen=True, slots=True)
class Found:
    """Who is in a recording."""

    people: Sequence[Sequence[int]]
    """The tracks of each person."""
    joined: Sequence[Join]
    meetings: Sequence[Meeting]
    summary: Summary
    left_out: int
    """Tracks that had no room on the sheet."""


def find_people(
    source: Path,
    settings: Settings,
    tracks: Path,
    sheet: Path | None = None,
    *,
    video_track: int | None = None,
    on_progress: Callable[[Summary], None] | None = None,
) -> Found:
    """Look for everybody in a recording; nothing is redacted but what the sheet shows.

    Args:
        source: the recording.
        settings: as for `redact_file`.
        tracks: the tracks file to write.
        sheet: the contact sheet to write: a picture of each person, in which everybody else is
            hidden. None makes none.
        video_track: of the recording, from 1; None for the one that players show.
        on_progress: called after each frame.

    Raises:
        StreamAnonError: with neither file written.
    """
    if sheet is not None and sheet.suffix.lower() not in SHEETS:
        raise ConfigError(f"a sheet is a picture: name {sheet.name} .png or .jpg")
    written = [tracks] if sheet is None else [tracks, sheet]
    overwrite = settings.output.overwrite
    with ExitStack() as stack:
        run = stack.enter_context(detecting(source, settings, video_track, written))
        info = run.source.info
        json_file = JsonFile(tracks, overwrite=overwrite)
        stack.callback(json_file.discard)
        gallery = _Gallery(settings, run.rules, info) if sheet is not None else None
        people, summary = People(), Summary(expected_frames=run.expected_frames)
        try:
            recorder = stack.enter_context(closing(TracksRecorder(tracks.parent)))
        except OSError as error:
            raise write_error(tracks, error) from error
        began = monotonic()

        def count(masked: MaskedFrame) -> None:
            try:
                recorder.count(masked)
            except OSError as error:
                raise write_error(tracks, error) from error
            if not isinstance(masked.parts, Unknown):
                time = masked.frame.time - float(info.zero)
                parts = people.count(masked.frame, time, masked.parts)
                if gallery is not None:
                    gallery.take(masked, parts)
            summary.count(masked, None)
            summary.seconds = monotonic() - began
            if on_progress is not None:
                on_progress(summary)

        compute_masks(run.source, run.masks, settings.pipeline, count, on_stuck=run.in_use.pop_all)
        losses = run.source.losses
        summary.lost_frames, summary.lost_packets = losses.frames, losses.packets
        summary.lost_reason, summary.notes = losses.reason, run.notes()
        joined = people.joins()
        groups = in_groups(people, joined)
        json_file.prepare(recorder.text(info, run.input.final_hash(), joined))
        files, left_out = [json_file.file], 0
        if gallery is not None and sheet is not None:
            cells = gallery.cells(people, groups, joined)
            left_out = max(0, len(cells) - MOST_SHOWN)
            part = PartFile(sheet, overwrite=overwrite)
            stack.callback(part.discard)
            _write(part, draw_sheet(cells[:MOST_SHOWN]))
            files.append(part)
        publish(*files)
    return Found(groups, joined, people.meetings, summary, left_out)


def _write(part: PartFile, picture: NDArray[np.uint8]) -> None:
    """Args: picture: blue, green and red."""
    try:
        done, data = cv2.imencode(part.path.suffix.lower(), picture)
    except cv2.error:
        done = False
    if not done:
        raise SinkError(f"the sheet {part.path.name} cannot be written: end its name with .png")
    try:
        part.claim()
        part.part.write_bytes(data.tobytes())
    except OSError as error:
        raise write_error(part.path, error) from error


class _Gallery:
    """The best picture of each person so far, in which everybody else is redacted."""

    def __init__(
        self, settings: Settings, rules: Mapping[str, Redaction], info: StreamInfo
    ) -> None:
        self._redactor = Redactor(settings.redaction, info.color, rules=rules)
        self._pictures = Pictures(info, encoder_called("png"))
        self._best: dict[int, tuple[float, NDArray[np.uint8]]] = {}

    def take(self, masked: MaskedFrame, people: Mapping[int, Sequence[Part]]) -> None:
        """Keep the picture of whoever is seen better than before."""
        for number, theirs in people.items():
            place = place_of(theirs)
            if place is None:
                continue
            worth = self._worth(masked, number, place)
            best = self._best.get(number)
            if best is None or worth > BETTER * best[0]:
                self._best[number] = worth, self._picture(masked, number, place.box)

    def _worth(self, masked: MaskedFrame, number: int, place: Part) -> float:
        """Large is good, less so at the picture's edge or beside somebody else."""
        frame, box = masked.frame, place.box
        seen = box.overlap(Box(0, 0, frame.width, frame.height)) ** 2 / box.area
        others = masked.parts if isinstance(masked.parts, tuple) else ()
        alone = all(part.person == number or not part.box.overlap(box) for part in others)
        return seen if alone and not masked.age else seen / 4

    def _picture(self, masked: MaskedFrame, number: int, box: Box) -> NDArray[np.uint8]:
        others = masked.parts if isinstance(masked.parts, tuple) else ()
        alone = tuple(part for part in others if part.person != number)
        redacted = self._redactor.redact(replace(masked, parts=alone))
        whole = np.asarray(self._pictures.make(redacted).to_ndarray(format="bgr24"), np.uint8)
        left, top = box.x - SIDEWAYS * box.width, box.y - ABOVE * box.height
        right, bottom = left + (1 + 2 * SIDEWAYS) * box.width, box.y + (1 + BELOW) * box.height
        rows = slice(max(0, round(top)), max(1, round(bottom)))
        columns = slice(max(0, round(left)), max(1, round(right)))
        return whole[rows, columns].copy()

    def cells(
        self, people: People, groups: Sequence[Sequence[int]], joined: Sequence[Join]
    ) -> list[Cell]:
        """What the sheet shows, each person's tracks in a row."""
        joins = {join.tracks[1]: join for join in joined}
        cells: list[Cell] = []
        for group in groups:
            for number in group:
                seen = people.seen[number]
                lines = [f"{clock(seen.begin)} to {clock(seen.end)}, {seen.frames} frames"]
                if join := joins.get(number):
                    alike = round(100 * (join.likeness or 0))
                    lines.append(f"joined to {join.tracks[0]}: {alike} % alike")
                if met := sorted(_met_by(people.meetings, number)):
                    lines.append("meets " + ", ".join(map(str, met)))
                cells.append(Cell(number, self._best[number][1], lines, number in joins))
        return cells


def _met_by(meetings: Sequence[Meeting], number: int) -> set[int]:
    pairs = ((meeting.one, meeting.other) for meeting in meetings)
    return {b if a == number else a for a, b in pairs if number in (a, b)}
