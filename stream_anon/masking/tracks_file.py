"""Tracks as a file that people can edit.

    {"stream_anon_tracks": 1, "input_sha256": "…", "width": 1280, "height": 720, "frames": 240,
     "hidden_whole": {"17": "damaged input"},
     "tracks": [{"id": 0, "hide": true, "label": "face", "shape": "ellipse",
                 "boxes": [[0, 100.0, 80.0, 64.0, 80.0], …]}]}

A box is frame, x, y, width, height in pixels and is hidden as it stands: margins are in it already.
`joined` may say which tracks are of one person: `[{"tracks": [0, 4], "likeness": 0.93}]`.
`"hide": false` leaves a track's person clear. A frame that the file does not cover is hidden whole.
"""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from contextlib import closing
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
)

from stream_anon.core.invalid import printable, unreadable
from stream_anon.core.parts import Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.shapes import ellipse
from stream_anon.errors import ConfigError
from stream_anon.masking.tracks_invalid import explain, parsed
from stream_anon.masking.zones import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream_anon.masking.masks_file import MasksReader


FARTHEST = 1e6
"""Pixels from the picture's corner: no picture is as large, and far less than overflows."""
MOST_FRAMES = 1 << 40
MOST_TRACKS = 1 << 40
Place = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-FARTHEST, le=FARTHEST)]
Length = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=FARTHEST)]
Index = Annotated[int, Field(strict=True, ge=0, le=MOST_FRAMES)]
Side = Annotated[int, Field(strict=True, gt=0, le=int(FARTHEST))]
Number = Annotated[int, Field(strict=True, ge=NOBODY, le=MOST_TRACKS)]
"""Of a track; below 0 is what belongs to nobody, as a zone does."""
Label = Annotated[str, Field(min_length=1), AfterValidator(printable)]


class TrackEntry(BaseModel):
    """One part of one person through the video."""

    model_config = ConfigDict(extra="forbid")

    id: Number
    label: Label
    shape: Literal["ellipse", "box"] = "ellipse"
    hide: StrictBool = True
    boxes: list[tuple[Index, Place, Place, Length, Length]]


class Join(BaseModel):
    """Two tracks of one person."""

    model_config = ConfigDict(extra="forbid")

    tracks: tuple[Number, Number]
    likeness: Place | None = None
    """Of their colours, 0..1; None where somebody joined them by hand."""


class TracksFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    stream_anon_tracks: Literal[1] = 1
    input_sha256: str | None = None
    width: Side
    height: Side
    frames: Index
    hidden_whole: dict[Annotated[int, Field(ge=0)], str] = {}
    joined: list[Join] = []
    tracks: list[TrackEntry]

    def people(self) -> dict[int, int]:
        """The person of each track: of those that are joined, the smallest number.

        Raises:
            ConfigError: tracks are joined that do not exist.
        """
        person = {track.id: track.id for track in self.tracks}
        for join in self.joined:
            for number in join.tracks:
                if number not in person:
                    raise ConfigError(
                        f"joined names {number}, which is none of its tracks: remove it there"
                    )
            one, other = (person[number] for number in join.tracks)
            person = {n: min(one, other) if p in (one, other) else p for n, p in person.items()}
        return person


def load_tracks(path: Path) -> TracksFile:
    """Read a tracks file.

    Raises:
        ConfigError: it cannot be read or is not one.
    """
    content = None
    try:
        content = parsed(path.read_text(encoding="utf-8-sig"))  # some editors write a mark first
        tracks = TracksFile.model_validate(content)
        tracks.people()
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the tracks file {path}: {reason}") from error
    except ValidationError as error:
        raise ConfigError(f"{path} is not a tracks file: {explain(error, content)}") from error
    except (ValueError, RecursionError, ConfigError) as error:
        raise ConfigError(f"{path} is not a tracks file: {unreadable(error)}") from error
    return tracks


Key = tuple[int, str, str]
"""Person, label, shape."""
_BOX = struct.Struct("<Q4d")
"""As it waits on disk: frame, x, y, width, height."""
_IN_MEMORY = 1 << 20
"""Bytes of boxes that wait in memory until they go to disk."""


class Sized(Protocol):
    """Anything with the size of the picture."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""


class TracksRecorder:
    """Collects what is hidden while a run goes on; boxes wait in an unnamed temporary file."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: where there is room for them.

        Raises:
            OSError: nothing can be written there.
        """
        self._disk = TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as this is
        self._waiting: defaultdict[Key, bytearray] = defaultdict(bytearray)
        self._written: defaultdict[Key, list[tuple[int, int]]] = defaultdict(list)
        """Where each track's boxes are on disk: offset and length."""
        self._bytes_waiting = 0
        self._hidden_whole: list[tuple[int, int, str]] = []
        """First and last frame of each row of them, and why."""
        self._frames = 0

    def count(self, masked: MaskedFrame) -> None:
        """Take one frame into account.

        Raises:
            OSError: the disk is full, or gone.
        """
        self.add(masked.frame.index, masked.parts)

    def add(self, index: int, parts: tuple[Part, ...] | Unknown) -> None:
        """Take what is hidden in one frame into account; frames left out are hidden whole.

        Raises:
            OSError: the disk is full, or gone.
        """
        if index > self._frames:
            self._hide_whole(self._frames, index - 1, Unknown.NOT_IN_TRACKS.value)
        self._frames = index + 1
        if isinstance(parts, Unknown):
            self._hide_whole(index, index, parts.value)
            return
        for part in parts:
            # A mask of any other form is written as its box, which hides more, not less.
            shape = "ellipse" if part.mask is ellipse() else "box"
            box = part.box.grown(part.spread, part.spread)
            x, y = round(float(box.x), 1), round(float(box.y), 1)
            width, height = (max(0.1, round(float(side), 1)) for side in box[2:])
            self._waiting[part.person, part.label, shape] += _BOX.pack(index, x, y, width, height)
            self._bytes_waiting += _BOX.size
        if self._bytes_waiting >= _IN_MEMORY:
            self._flush()

    def _hide_whole(self, first: int, last: int, reason: str) -> None:
        if self._hidden_whole and self._hidden_whole[-1][1:] == (first - 1, reason):
            first = self._hidden_whole.pop()[0]
        self._hidden_whole.append((first, last, reason))

    def _flush(self) -> None:
        for key, boxes in self._waiting.items():
            self._written[key].append((self._disk.tell(), len(boxes)))
            self._disk.write(boxes)
        self._waiting.clear()
        self._bytes_waiting = 0

    def text(
        self, info: Sized, input_sha256: str | None, joined: Sequence[Join] = ()
    ) -> Iterator[str]:
        """The tracks file of everything collected, piece by piece. Called once, at the end.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._flush()
        head = {
            "stream_anon_tracks": 1,
            "input_sha256": input_sha256,
            "width": info.width,
            "height": info.height,
            "frames": self._frames,
        }
        yield "{\n" + "".join(f" {_json(name)}: {_json(value)},\n" for name, value in head.items())
        yield ' "hidden_whole": {'
        comma = ""
        for first, last, reason in self._hidden_whole:
            for index in range(first, last + 1):
                yield f'{comma}"{index}": {_json(reason)}'
                comma = ", "
        yield "},\n"
        if joined:
            yield ' "joined": [\n  '
            yield ",\n  ".join(_json(join.model_dump(mode="json")) for join in joined)
            yield "\n ],\n"
        yield ' "tracks": ['
        comma = ""
        for key in sorted(self._written):
            yield f"{comma}\n  {{" + ", ".join(self._track(key))
            yield from self._boxes(key)
            yield "]}"
            comma = ","
        yield "\n ]\n}\n"

    @staticmethod
    def _track(key: Key) -> Iterator[str]:
        number, label, shape = key
        entry = {"id": number, "label": label, "shape": shape, "hide": True}
        yield from (f"{_json(name)}: {_json(value)}" for name, value in entry.items())
        yield '"boxes": ['

    def _boxes(self, key: Key) -> Iterator[str]:
        comma = ""
        for offset, length in self._written[key]:
            self._disk.seek(offset)
            for box in _BOX.iter_unpack(self._disk.read(length)):
                yield f"{comma}\n   {_json(box)}"
                comma = ","

    def close(self) -> None:
        """Forget everything."""
        self._disk.close()


def tracks_of(masks: MasksReader, folder: Path) -> Iterator[str]:
    """The tracks file of a record of masks, piece by piece.

    Args:
        masks: the record; frames that it does not cover are hidden whole.
        folder: where there is room for the boxes meanwhile.

    Raises:
        ConfigError: the record is damaged.
        OSError: the disk is full, or gone.
    """
    with closing(TracksRecorder(folder)) as recorder:
        for frame in masks.frames():
            recorder.add(frame.index, frame.parts)
        input_sha256 = masks.footer.input_sha256 if masks.footer else None
        yield from recorder.text(masks.header, input_sha256)


def _json(value: object) -> str:
    return json.dumps(value)
