"""The lines of a record of masks: everything a run hides, frame by frame, exactly as it is hidden.

    {"stream_anon_masks":1,"version":"0.1.0","width":1280,"height":720,"time_base":"1/12800",…}
    {"mask":0,"rows":48,"columns":48,"runs":[15,18,26,…]}
    {"frame":0,"pts":0,"parts":[["face",7,0,412.53,96.01,88.27,104.5,0,0.91]]}
    {"frame":1,"pts":512,"unknown":"CORRUPT"}
    {"end":2,"tracks":8,"input_sha256":"…"}

A part is label, track, mask, x, y, width, height, spread, score; `mask` is the number of one that a
line above defines, the latest of that number, and it is stretched over the box. Runs go row by row:
samples outside of the part, inside, outside, … Frames are in order; one that is missing is not
covered. Without the last line the record is cut off: its run was killed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from stream_anon.core.invalid import shown
from stream_anon.core.parts import INSIDE, Box, Part
from stream_anon.core.redacted import Unknown
from stream_anon.detectors.shapes import ellipse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MAX_SLOTS = 1 << 16
"""Numbers that masks may have."""
MAX_SAMPLES = 1 << 26
"""Samples of the largest mask that is decoded: more than an 8K frame has pixels."""

PART = ("label", "track", "mask", "x", "y", "width", "height", "spread", "score")
"""What the entry of a part says, in order."""

INVALID_LINE = (ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""Exceptions that the functions below raise for an invalid line."""


def _rational(value: str) -> str:
    if re.fullmatch(r"[1-9][0-9]{0,17}/[1-9][0-9]{0,17}", value) is None:
        raise ValueError("write two whole numbers above 0, as 1/25")
    return value


Rational = Annotated[str, AfterValidator(_rational)]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Header(_Line):
    """The first line: what the record is of, and what computed it."""

    stream_anon_masks: Literal[1] = 1
    version: str
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    time_base: Rational
    """Seconds per unit of pts."""
    rate: Rational | None = None
    """Nominal frames per second."""
    frames: int | None = None
    """Expected number of frames, according to the container."""
    engine: str
    model_sha256: str | None = None
    settings_sha256: str
    """Of the settings that masks depend on."""


class Footer(_Line):
    """The last line."""

    end: Annotated[int, Field(ge=0)]
    """Frames in the record."""
    tracks: Annotated[int, Field(ge=0)]
    """Every number of a track is below this."""
    input_sha256: str | None
    """None where the input changed while it was read."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameMasks:
    """The hidden parts of one frame."""

    index: int
    pts: int
    parts: tuple[Part, ...] | Unknown


def run_lengths(mask: NDArray[np.uint8]) -> list[int]:
    """Lengths of the runs, row by row; the first one is outside and may be 0."""
    inside = (mask >= INSIDE).ravel()
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    lengths: list[int] = np.diff(edges, prepend=0, append=inside.size).tolist()
    return [0, *lengths] if inside[0] else lengths


def mask_of(rows: int, columns: int, runs: Sequence[int]) -> NDArray[np.uint8]:
    """The mask, 255 inside and 0 outside; read-only.

    Raises:
        ValueError: the runs do not add up to a mask of that size.
    """
    if rows < 1 or columns < 1 or rows * columns > MAX_SAMPLES:
        raise ValueError(f"a mask of {rows} rows and {columns} columns")
    if any(length < 0 for length in runs) or sum(runs) != rows * columns:
        raise ValueError(f"run lengths do not add up to {rows} rows of {columns}")
    values = np.zeros(len(runs), np.uint8)
    values[1::2] = 255
    mask = np.repeat(values, runs).reshape(rows, columns)
    mask.setflags(write=False)
    return mask


def mask_line(slot: int, mask: NDArray[np.uint8]) -> dict[str, object]:
    """The line that gives a mask its number."""
    rows, columns = mask.shape
    return {"mask": slot, "rows": rows, "columns": columns, "runs": run_lengths(mask)}


def read_mask(line: Mapping[str, Any]) -> tuple[int, NDArray[np.uint8]]:
    """Number and mask of a `mask` line."""
    _only(line, "mask", "rows", "columns", "runs")
    slot = _whole(line["mask"])
    if not 0 <= slot < MAX_SLOTS:
        raise ValueError(f"no mask can have the number {slot}")
    if not isinstance(line["runs"], list):
        raise ValueError(f"runs is {shown(line['runs'])}, and not a list")
    runs = [_whole(length) for length in line["runs"]]
    mask = mask_of(_whole(line["rows"]), _whole(line["columns"]), runs)
    return slot, ellipse() if np.array_equal(mask, ellipse()) else mask


def part_entry(part: Part, slot: int) -> list[object]:
    """A part whose mask has the number `slot`."""
    numbers = [_short(value) for value in (*part.box, part.spread)]
    return [part.label, part.person, slot, *numbers, round(float(part.score), 4)]


def read_frame(line: Mapping[str, Any], masks: Mapping[int, NDArray[np.uint8]]) -> FrameMasks:
    """A `frame` line, given the masks by number."""
    index, pts = _whole(line["frame"]), _whole(line["pts"])
    if "unknown" in line:
        _only(line, "frame", "pts", "unknown")
        reasons = Unknown.__members__  # another version may have others; it is hidden all the same
        return FrameMasks(index, pts, reasons.get(str(line["unknown"]), Unknown.NOT_IN_TRACKS))
    _only(line, "frame", "pts", "parts")
    if not isinstance(line["parts"], list):
        raise ValueError(f"parts is {shown(line['parts'])}, and not a list")
    parts = []
    for number, entry in enumerate(line["parts"], 1):
        try:
            parts.append(_part(entry, masks))
        except (ValueError, OverflowError) as error:
            raise ValueError(f"part {number}: {error}") from error
    return FrameMasks(index, pts, tuple(parts))


def _part(entry: Any, masks: Mapping[int, NDArray[np.uint8]]) -> Part:
    if not isinstance(entry, list) or len(entry) != len(PART):
        raise ValueError(f"{shown(entry)} does not have the {len(PART)} values {', '.join(PART)}")
    label, track, slot, *numbers = entry
    x, y, width, height, spread, score = (_number(value) for value in numbers)
    if not isinstance(label, str) or not label:
        raise ValueError(f"{label!r} is not a label")
    if spread < 0:
        raise ValueError(f"part {label!r} has a spread below 0")
    if (mask := masks.get(_whole(slot))) is None:
        raise ValueError(f"there is no mask {slot}")
    return Part(label, Box(x, y, width, height), mask, score, _whole(track), spread)


def header_of(line: bytes) -> Header:
    """The first line.

    Raises:
        ValueError: it is none.
    """
    if not line.strip():
        raise ValueError("it is empty, or its first line is not whole")
    if b'"stream_anon_tracks"' in line or line.strip() == b"{":
        raise ValueError("it is a tracks file, or other JSON over several lines: use --tracks")
    return Header.model_validate(decoded(line))


def encoded(line: Mapping[str, Any]) -> bytes:
    """Encode a line."""
    return json.dumps(line, separators=(",", ":")).encode("ascii") + b"\n"


def decoded(line: bytes) -> dict[str, Any]:
    """Decode a line.

    Raises:
        ValueError: it is not a JSON object.
    """
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError("it is not an object in { }")
    return content


def _short(value: float) -> float | int:
    """The very same number, as short as JSON has it."""
    exact = float(value)
    return int(exact) if exact.is_integer() else exact


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{shown(value)} is not a whole number")
    return value


def _number(value: object) -> float:
    if type(value) not in (int, float):
        raise ValueError(f"{shown(value)} is not a number")
    return float(value)  # type: ignore[arg-type]


def _only(line: Mapping[str, Any], *names: str) -> None:
    if line.keys() != set(names):
        raise ValueError(f"it has {', '.join(line)} instead of {', '.join(names)}")
