"""Messages between two processes: a kind, a few fields, and the planes of a picture.

A message is 16 bytes (a mark, the length of the head, the number of planes), a head in JSON, and
the planes one after the other, row by row.
"""

from __future__ import annotations

import json
import operator
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from stream_anon.core.frame import Plane

_START = struct.Struct("<8sII")
_MARK = b"strmanon"
MAX_HEAD = 1 << 20
"""Bytes of a head; longer ones are nonsense."""


class WireError(Exception):
    """Malformed message. Internal: the child is replaced."""


class Raw(Protocol):
    """An unbuffered binary file."""

    def readinto(self, buffer: memoryview, /) -> int | None: ...
    def write(self, data: memoryview | bytes, /) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Its repr shows shapes, never pixels, and no field: addresses have passwords."""

    kind: str
    fields: dict[str, Any] = field(default_factory=dict, repr=False)
    """JSON values."""
    planes: tuple[Plane, ...] = field(default=(), repr=False)
    """Two-dimensional, uint8."""


def write_message(file: Raw, message: Message) -> None:
    """Write all of it.

    Raises:
        OSError: the other side has gone.
    """
    shapes = [plane.shape for plane in message.planes]
    head = json.dumps([message.kind, message.fields, shapes]).encode()
    _write(file, memoryview(_START.pack(_MARK, len(head), len(shapes)) + head))
    for plane in message.planes:
        _write(file, np.ascontiguousarray(plane).data.cast("B"))


def read_message(file: Raw, most: int | None = None) -> Message | None:
    """Wait for the next message; None at the end.

    Args:
        file: where it comes from.
        most: bytes that all planes of it may have together, where the other side is not trusted;
            nothing is allocated for more.

    Raises:
        WireError: the stream ends inside a message, is not made of messages, or they are too large.
        OSError: it cannot be read.
        MemoryError: there is no room for it.
    """
    start = _read(file, _START.size, at_end_ok=True)
    if start is None:
        return None
    mark, length, count = _START.unpack(start)
    if mark != _MARK or length > MAX_HEAD:
        raise WireError("not a message")
    try:
        head = bytes(_read(file, length) or b"")
        kind, fields, shapes = json.loads(head, parse_constant=_refuse)
        sizes = [(operator.index(rows), operator.index(columns)) for rows, columns in shapes]
        if (
            len(sizes) != count
            or not isinstance(fields, dict)
            or min(map(min, sizes), default=1) < 1
        ):
            raise WireError("not a message")
        if most is not None and sum(rows * columns for rows, columns in sizes) > most:
            raise WireError("larger than was announced")
        planes = tuple(_read_plane(file, rows, columns) for rows, columns in sizes)
    except (ValueError, TypeError, EOFError, RecursionError) as error:
        raise WireError("not a message, or cut short") from error
    return Message(str(kind), fields, planes)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a number")


def _read_plane(file: Raw, rows: int, columns: int) -> Plane:
    plane = np.empty((rows, columns), np.uint8)
    _fill(file, plane.data.cast("B"))
    plane.setflags(write=False)
    return plane


def _read(file: Raw, size: int, *, at_end_ok: bool = False) -> bytearray | None:
    data = bytearray(size)
    try:
        _fill(file, memoryview(data))
    except EOFError as error:
        if at_end_ok and not error.args[0]:
            return None
        raise WireError("cut short") from error
    return data


def _fill(file: Raw, room: memoryview) -> None:
    done = 0
    while done < len(room):
        count = file.readinto(room[done:])
        if not count:
            raise EOFError(done)
        done += count


def _write(file: Raw, data: memoryview) -> None:
    done = 0
    while done < len(data):
        done += file.write(data[done:]) or 0
