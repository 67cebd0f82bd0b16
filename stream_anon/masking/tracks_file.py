"""Tracks as a file that people can edit, and masks from such a file instead of from a parser.

    {"stream_anon_tracks": 1, "input_sha256": "…", "width": 1280, "height": 720, "frames": 240,
     "hidden_whole": {"17": "damaged input"},
     "tracks": [{"id": 0, "hide": true, "label": "face", "shape": "ellipse",
                 "boxes": [[0, 100.0, 80.0, 64.0, 80.0], …]}]}

A box is frame, x, y, width, height in pixels and is hidden as it stands: margins are in it already.
`"hide": false` leaves a track's person clear. A frame that the file does not cover is hidden whole.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream_anon.errors import ConfigError
from stream_anon.frame import Box, MaskedFrame, Unknown
from stream_anon.parsing.base import Part
from stream_anon.parsing.shapes import ellipse, full_box

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from stream_anon.frame import Frame, StreamInfo

_SHAPES = {"ellipse": ellipse, "box": full_box}


class TrackEntry(BaseModel):
    """One part of one person through the video."""

    model_config = ConfigDict(extra="forbid")

    id: int
    label: str
    shape: Literal["ellipse", "box"] = "ellipse"
    hide: bool = True
    boxes: list[tuple[int, float, float, float, float]]


class TracksFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    stream_anon_tracks: Literal[1] = 1
    input_sha256: str | None = None
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(ge=0)
    hidden_whole: dict[int, str] = {}
    tracks: list[TrackEntry]


def load_tracks(path: Path) -> TracksFile:
    """Read a tracks file.

    Raises:
        ConfigError: it cannot be read or is not one.
    """
    try:
        return TracksFile.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the tracks file {path}: {reason}") from error
    except (ValidationError, ValueError) as error:
        said = str(error).splitlines()
        detail = said[1].strip() if isinstance(error, ValidationError) else said[0]
        raise ConfigError(f"{path} is not a tracks file: {detail}") from error


class TracksRecorder:
    """Collects what is hidden while a run goes on."""

    def __init__(self) -> None:
        self._boxes: dict[tuple[int, str, str], list[tuple[int, float, float, float, float]]] = {}
        self._hidden_whole: dict[int, str] = {}
        self._frames = 0

    def count(self, masked: MaskedFrame) -> None:
        """Take one frame into account."""
        index = masked.frame.index
        self._frames = index + 1
        if isinstance(masked.parts, Unknown):
            self._hidden_whole[index] = masked.parts.value
            return
        for part in masked.parts:
            # A mask of any other form is written as its box, which hides more, not less.
            shape = "ellipse" if part.mask is ellipse() else "box"
            box = part.box.grown(part.spread, part.spread)
            x, y = round(float(box.x), 1), round(float(box.y), 1)
            width, height = (max(0.1, round(float(side), 1)) for side in box[2:])
            key = (part.person, part.label, shape)
            self._boxes.setdefault(key, []).append((index, x, y, width, height))

    def file(self, info: StreamInfo, input_sha256: str) -> TracksFile:
        """Everything collected."""
        tracks = [
            TrackEntry(id=number, label=label, shape=shape, boxes=boxes)  # type: ignore[arg-type]
            for (number, label, shape), boxes in sorted(self._boxes.items())
        ]
        return TracksFile(
            input_sha256=input_sha256,
            width=info.width,
            height=info.height,
            frames=self._frames,
            hidden_whole=self._hidden_whole,
            tracks=tracks,
        )


class TracksMasker:
    """Masks from a tracks file; nothing is detected."""

    def __init__(self, tracks: TracksFile, info: StreamInfo) -> None:
        """Args: info: of the video that is rendered.

        Raises:
            ConfigError: the tracks belong to a video of another size.
        """
        if (tracks.width, tracks.height) != (info.width, info.height):
            raise ConfigError(
                f"the tracks are for {tracks.width}x{tracks.height}, "
                f"but {info.label} is {info.width}x{info.height}"
            )
        self._frames = tracks.frames
        self._hidden_whole = set(tracks.hidden_whole)
        self._parts: dict[int, list[Part]] = {}
        for track in tracks.tracks:
            for index, x, y, width, height in track.boxes if track.hide else ():
                self._parts.setdefault(index, []).append(_part(track, Box(x, y, width, height)))

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order."""
        for frame in frames:
            if frame.corrupt:
                yield MaskedFrame(frame, Unknown.CORRUPT)
            elif frame.index >= self._frames or frame.index in self._hidden_whole:
                yield MaskedFrame(frame, Unknown.NOT_IN_TRACKS)
            else:
                yield MaskedFrame(frame, tuple(self._parts.get(frame.index, ())))


def _part(track: TrackEntry, box: Box) -> Part:
    try:
        return Part(track.label, box, _SHAPES[track.shape](), 1.0, track.id)
    except ValueError as error:
        raise ConfigError(f"track {track.id} of the tracks file: {error}") from error


def to_json(tracks: TracksFile) -> dict[str, Any]:
    """For `JsonFile`."""
    return tracks.model_dump(mode="json")
