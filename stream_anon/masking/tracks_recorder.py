"""Writes tracks files, with what is hidden while a run goes on."""

from __future__ import annotations

import json
import struct
from collections import defaultdict
from contextlib import closing
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Protocol

import numpy as np

from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.core.zones import is_zone
from stream_anon.detectors.shapes import ellipse
from stream_anon.masking.polygon_masks import grid_of, polygon_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.parts import Part
    from stream_anon.masking.masks_file import MasksReader
    from stream_anon.masking.tracks_file import Join

    Mask = NDArray[np.uint8]
    Point = tuple[float, float]

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
        self._polygons: dict[tuple[int, str], tuple[Mask, tuple[Point, ...] | None]] = {}
        """Of zones, with their masks."""
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
            shape = self._shape(part)
            box = part.box.grown(part.spread, part.spread)
            x, y = round(float(box.x), 1), round(float(box.y), 1)
            width, height = (max(0.1, round(float(side), 1)) for side in box[2:])
            self._waiting[part.person, part.label, shape] += _BOX.pack(index, x, y, width, height)
            self._bytes_waiting += _BOX.size
        if self._bytes_waiting >= _IN_MEMORY:
            self._flush()

    def _shape(self, part: Part) -> str:
        if part.mask is ellipse():
            return "ellipse"
        if is_zone(part.label) and not part.spread:
            key = part.person, part.label
            if key not in self._polygons:
                fits = part.mask.shape == grid_of(part.box.width, part.box.height)
                self._polygons[key] = part.mask, polygon_of(part.mask) if fits else None
            mask, points = self._polygons[key]
            # One of that name that another run drew differently has no polygon here.
            if points and (mask is part.mask or np.array_equal(mask, part.mask)):
                return "polygon"
        # A mask of any other form is written as its box, which hides more, not less.
        return "box"

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
            "stream_anon_tracks": 1 + any(shape == "polygon" for *_, shape in self._written),
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

    def _track(self, key: Key) -> Iterator[str]:
        number, label, shape = key
        entry: dict[str, object] = {"id": number, "label": label, "shape": shape}
        if shape == "polygon":
            entry["points"] = self._polygons[number, label][1]
        entry["hide"] = True
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
