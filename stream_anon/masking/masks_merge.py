"""Merging records of ranges of one input into one record."""

from __future__ import annotations

import heapq
from contextlib import ExitStack
from dataclasses import replace
from itertools import accumulate, chain, groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from stream_anon.core.files import PartFile, publish, write_error
from stream_anon.core.parts import INSIDE
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError
from stream_anon.masking.masks_file import MasksWriter, is_compressed, open_masks
from stream_anon.masking.masks_format import Footer, FrameMasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from stream_anon.core.parts import Part
    from stream_anon.masking.masks_file import MasksReader

SAME_VIDEO = ("width", "height", "time_base")
SAME_MASKS = ("engine", "model_sha256", "settings_sha256")
"""Header fields that all records must have in common."""


def merge(records: Sequence[Path], out: Path, *, overwrite: bool = False) -> None:
    """Merge records of ranges of one input; a frame keeps its index.

    A frame that several records cover hides the parts of all of them, and is hidden whole if it is
    in any of them; one that none covers is not covered. Tracks are renumbered from the second
    record on, in the order of their first frames, so that no number means two people.

    Args:
        records: at least one, each complete.
        out: the merged record; `.gz` compresses it.
        overwrite: a file of that name may be replaced.

    Raises:
        ConfigError: a record cannot be read, is damaged or cut off, or does not belong to the rest.
        SinkError: the merged record cannot be written; there is none then.
    """
    with ExitStack() as stack:
        readers: list[MasksReader] = []
        for path in records:
            file, reader = open_masks(path)
            stack.callback(file.close)
            readers.append(reader)
        input_sha256 = _check(readers)
        part = PartFile(out, overwrite=overwrite)
        stack.callback(part.discard)
        part.check()
        try:
            part.claim()
            with part.part.open("wb") as file:
                header = readers[0].header
                writer = MasksWriter(file, header, compress=is_compressed(out))
                stack.callback(writer.close)
                for frame in merged(readers):
                    writer.write(frame)
                writer.end(input_sha256)
        except OSError as error:
            raise write_error(out, error) from error
        publish(part)


def merged(readers: Sequence[MasksReader]) -> Iterator[FrameMasks]:
    """The frames of all records, each once, in order.

    Raises:
        ConfigError: a record is damaged, or two do not agree on when a frame is shown.
    """
    sides: list[tuple[float, int, Iterable[FrameMasks]]] = []
    for reader in readers:
        frames = reader.frames()
        head = [frame for frame in (next(frames, None),) if frame is not None]
        begins = head[0].index if head else float("inf")
        sides.append((begins, _footer(reader).tracks, chain(head, frames)))
    sides.sort(key=lambda side: side[0])
    offsets = accumulate((tracks for _, tracks, _ in sides), initial=0)
    numbered = [
        _renumbered(frames, offset) for (_, _, frames), offset in zip(sides, offsets, strict=False)
    ]
    by_index = attrgetter("index")
    for _, same in groupby(heapq.merge(*numbered, key=by_index), key=by_index):
        yield _union(list(same))


def _renumbered(frames: Iterable[FrameMasks], offset: int) -> Iterator[FrameMasks]:
    for frame in frames:
        if isinstance(frame.parts, Unknown):
            yield frame
        else:
            parts = tuple(
                replace(part, person=part.person + offset) if part.person >= 0 else part
                for part in frame.parts
            )
            yield FrameMasks(frame.index, frame.pts, parts)


def _union(sides: Sequence[FrameMasks]) -> FrameMasks:
    """One frame as all records together hide it."""
    first = sides[0]
    if any(side.pts != first.pts for side in sides):
        raise ConfigError(
            f"the records disagree on when frame {first.index} is shown: "
            "they are from different inputs or different decoders"
        )
    parts: list[Part] = []
    for side in sides:
        if isinstance(side.parts, Unknown):
            return side
        hidden = {_region(part) for part in parts}  # hiding the same twice changes the picture
        parts += (part for part in side.parts if not hidden or _region(part) not in hidden)
    return FrameMasks(first.index, first.pts, tuple(parts))


def _region(part: Part) -> object:
    """Key that is equal where two parts hide the same region."""
    inside = (part.mask >= INSIDE).tobytes()
    return part.label, part.box, part.spread, part.mask.shape, inside


def _check(readers: Sequence[MasksReader]) -> str | None:
    """Refuse records of different inputs or settings; returns the input's hash."""
    if not readers:
        raise ConfigError("there are no records of masks to merge: name at least one")
    first = readers[0]
    for reader in readers:
        for names, what in ((SAME_VIDEO, "another video"), (SAME_MASKS, "other settings")):
            if any(getattr(reader.header, n) != getattr(first.header, n) for n in names):
                raise ConfigError(
                    f"{reader.name} is from {what} than {first.name}: "
                    "only records of ranges of one input, with the same settings, can be merged"
                )
        if _footer(reader).input_sha256 != _footer(first).input_sha256:
            raise ConfigError(
                f"{reader.name} was computed from another input than {first.name}, "
                "or the input changed meanwhile: compute both again"
            )
    return _footer(first).input_sha256


def _footer(reader: MasksReader) -> Footer:
    if reader.footer is None:
        raise ConfigError(f"{reader.name} is truncated: compute its range again")
    return reader.footer
