"""A record of masks as a file, written while a run goes on and read frame by frame.

JSON lines as in `masks_format`, compressed with gzip where the name ends in `.gz`. Neither writing
nor reading keeps more in memory than a table of the masks in use.
"""

from __future__ import annotations

import gzip
import zlib
from collections import OrderedDict
from contextlib import suppress
from fractions import Fraction
from json import JSONDecodeError
from typing import IO, TYPE_CHECKING, Any

from pydantic import ValidationError

from stream_anon.core.invalid import shown, unreadable, wanted
from stream_anon.core.parts import INSIDE
from stream_anon.core.redacted import Unknown
from stream_anon.errors import ConfigError
from stream_anon.masking.masks_format import (
    INVALID_LINE,
    Footer,
    FrameMasks,
    Header,
    decoded,
    encoded,
    header_of,
    mask_line,
    part_entry,
    read_frame,
    read_mask,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

SLOTS = 256
"""Masks in the table; more only where one frame needs more. The least recently used goes first."""
MAX_LINE = 1 << 26
"""Bytes that a line may have."""
FLUSH = 250
"""Frames until what is written can be read, also after the run was killed."""
LEVEL = 6
"""Of gzip."""
GZIP = b"\x1f\x8b"
"""How gzip begins."""


class MasksWriter:
    """Writes a record, frame by frame."""

    def __init__(self, file: IO[bytes], header: Header, *, compress: bool = False) -> None:
        """Write the header.

        Args:
            file: where to; stays open.
            header: the first line.
            compress: with gzip.

        Raises:
            OSError: it cannot be written.
        """
        self._file: IO[bytes] = file
        self._gzip: gzip.GzipFile | None = None
        if compress:  # no name and no time: the same masks make the same file
            self._gzip = gzip.GzipFile("", "wb", LEVEL, file, mtime=0)
        self._slots: OrderedDict[tuple[tuple[int, ...], bytes], tuple[int, int]] = OrderedDict()
        """By shape and content: number, and the frame that used it last; oldest use first."""
        self._frames = self._tracks = 0
        self._write(header.model_dump())
        self._flush()

    def write(self, frame: FrameMasks) -> None:
        """Write the next frame; indices rise.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._frames += 1
        line: dict[str, object] = {"frame": frame.index, "pts": frame.pts}
        if isinstance(frame.parts, Unknown):
            line["unknown"] = frame.parts.name
        else:
            line["parts"] = [part_entry(part, self._slot(part.mask)) for part in frame.parts]
            self._tracks = max([self._tracks, *(part.person + 1 for part in frame.parts)])
        self._write(line)
        if self._frames % FLUSH == 0:
            self._flush()

    def end(self, input_sha256: str | None) -> None:
        """Write the last line, and what is still in memory.

        Raises:
            OSError: the disk is full, or gone.
        """
        footer = Footer(end=self._frames, tracks=self._tracks, input_sha256=input_sha256)
        self._write(footer.model_dump())
        if self._gzip is not None:
            self._gzip.close()
        self._file.flush()

    def close(self) -> None:
        """Free what compresses. Without `end` the record stays cut off."""
        if self._gzip is not None:
            with suppress(OSError, ValueError):
                self._gzip.close()

    def _slot(self, mask: NDArray[np.uint8]) -> int:
        """The number of a mask, which is written if it has none."""
        key = mask.shape, (mask >= INSIDE).tobytes()
        known = self._slots.pop(key, None)
        if known is None:
            slot = self._free_slot()
            self._write(mask_line(slot, mask))
        else:
            slot = known[0]
        self._slots[key] = slot, self._frames
        return slot

    def _free_slot(self) -> int:
        if len(self._slots) >= SLOTS:
            oldest = next(iter(self._slots))
            slot, used = self._slots[oldest]
            if used < self._frames:
                del self._slots[oldest]
                return slot
        return len(self._slots)

    def _flush(self) -> None:
        if self._gzip is not None:
            self._gzip.flush()
        self._file.flush()

    def _write(self, line: dict[str, Any]) -> None:
        (self._gzip or self._file).write(encoded(line))


class MasksReader:
    """Reads a record, frame by frame."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        """Read the header, and look for the end.

        Args:
            file: seekable; stays open.
            name: for messages.

        Raises:
            ConfigError: it cannot be read or is not a record of masks.
        """
        self._raw, self.name = file, name
        self._number = 0
        """Of the line read last, from 1."""
        try:
            self.header = header_of(next(self._lines(), b""))
        except INVALID_LINE as error:
            raise ConfigError(f"{name} is not a record of masks: {_said(error)}") from error
        self.footer = self._footer()
        """None where the record was cut off: its run was killed."""

    @property
    def time_base(self) -> Fraction:
        return Fraction(self.header.time_base)

    def frames(self) -> Iterator[FrameMasks]:
        """Every frame that the record covers, in order. One at a time: there is one place to read.

        Raises:
            ConfigError: a line cannot be read or makes no sense.
        """
        masks: dict[int, NDArray[np.uint8]] = {}
        last, count = -1, 0
        lines = self._lines()
        next(lines, b"")
        for line in lines:
            try:
                content = decoded(line)
                if "end" in content:
                    _check_end(content, count, lines)
                    return
                if "frame" not in content:
                    slot, masks_slot = read_mask(content)
                    masks[slot] = masks_slot
                    continue
                frame = read_frame(content, masks)
                if frame.index <= last:
                    raise ValueError(f"frame {frame.index} comes after frame {last}")
            except INVALID_LINE as error:
                raise self._damaged(_said(error)) from error
            last, count = frame.index, count + 1
            yield frame

    def _footer(self) -> Footer | None:
        last = b""
        for line in self._lines():
            last = line
        try:
            return Footer.model_validate(decoded(last))
        except INVALID_LINE:
            return None

    def _lines(self) -> Iterator[bytes]:
        """Every whole line, from the first one on."""
        self._number = 0
        try:
            self._raw.seek(0)
            packed = self._raw.read(len(GZIP)) == GZIP
            self._raw.seek(0)
            file = gzip.GzipFile(fileobj=self._raw, mode="rb") if packed else self._raw
            while (line := file.readline(MAX_LINE)).endswith(b"\n"):
                self._number += 1
                yield line
        except EOFError:  # compressed, and cut off
            return
        except (OSError, zlib.error) as error:
            raise self._damaged(_said(error)) from error
        if len(line) >= MAX_LINE:
            raise self._damaged("the next line is too long")

    def _damaged(self, said: str) -> ConfigError:
        return ConfigError(
            f"{self.name}, line {self._number}: {said}: the record of masks is damaged, "
            "compute the masks again"
        )


def _check_end(content: dict[str, Any], count: int, rest: Iterator[bytes]) -> None:
    footer = Footer.model_validate(content)
    if footer.end != count:
        raise ValueError(f"{footer.end} frames were written, but {count} are present")
    if next(rest, None) is not None:
        raise ValueError("there is more after the end")


def _said(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return _of_field(error.errors(include_url=False)[0])
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if isinstance(error, JSONDecodeError):  # within one line
        return f"it is not valid JSON from character {error.pos + 1} on"
    if isinstance(error, (ValueError, RecursionError)):
        return unreadable(error)
    strerror = getattr(error, "strerror", None)
    return str(strerror or error or type(error).__name__).splitlines()[0].lower()


def _of_field(problem: Mapping[str, Any]) -> str:
    """What is wrong with the first or the last line."""
    name = ".".join(map(str, problem["loc"]))
    match problem["type"]:
        case "extra_forbidden":
            return f"unknown key {shown(name)}"
        case "missing":
            return f"{name} is missing"
    given = shown(problem["input"])
    if name == "stream_anon_masks":
        return f"its version, {name}, is {given}; this program reads 1"
    return f"{name} is {given}: {wanted(problem)}"


def is_compressed(path: Path) -> bool:
    """Whether a record of that name is written with gzip."""
    return path.suffix == ".gz"


def open_masks(path: Path) -> tuple[IO[bytes], MasksReader]:
    """Open a record of masks; the file is to be closed.

    Raises:
        ConfigError: it cannot be read or is not one.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the record of masks {path}: {reason}") from error
    try:
        return file, MasksReader(file, path.name)
    except BaseException:
        file.close()
        raise
