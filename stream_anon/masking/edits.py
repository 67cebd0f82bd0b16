"""Corrections of a record of masks, as a reviewer makes them, and as a file.

    {"stream_anon_edits": 1, "edits": [
      {"kind": "keep", "track": 3, "from": 40, "to": 90, "reason": "consent on file"},
      {"kind": "box", "from": 10, "to": 20,
       "keys": [{"frame": 10, "box": [100, 80, 64, 80]}, {"frame": 20, "box": [140, 80, 64, 80]}]},
      {"kind": "zone", "points": [[0.1, 0.1], [0.4, 0.1], [0.4, 0.5]], "from": 0, "to": 99},
      {"kind": "mute", "from": 250, "to": 300}]}

They apply in order: a later one wins. `from` and `to` are frames, both included; without them an
edit holds from the beginning and to the end, a box from its first key to its last. Boxes are x, y,
width, height in pixels, and lie between two keys where a straight line leads; the corners of a zone
are shares of the picture. Whatever cannot do what it says is refused.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from stream_anon.core.invalid import printable, short, unreadable, wanted
from stream_anon.core.parts import Box
from stream_anon.core.polygons import crosses_itself, polygon_area
from stream_anon.errors import ConfigError
from stream_anon.masking.tracks_file import Corner, Index, Label, Length, Number, Place
from stream_anon.masking.tracks_invalid import parsed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MOST_EDITS = 5000
MOST_KEYS = 5000
"""Of one box."""
MOST_CORNERS = 100
SMALLEST_ZONE = 1e-6
"""As a share of the picture."""

Kind = Literal["keep", "hide", "delete", "box", "zone", "mute"]
CLEARS = ("keep", "delete")
"""Kinds after which less is hidden."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Key(_Entry):
    """A box in one frame."""

    frame: Index
    box: tuple[Place, Place, Length, Length]


class Edit(_Entry):
    """One correction."""

    kind: Kind
    """`keep`: a track's person is clear. `hide`: it is hidden again. `delete`: there is nobody.
    `box`: hidden is what the keys say, instead of a track or besides all. `zone`: a polygon is
    hidden. `mute`: the sound is silent."""
    track: Number | None = None
    label: Label | None = None
    """Of the part that a box stands for, where a track has several."""
    first: Index | None = Field(default=None, alias="from")
    last: Index | None = Field(default=None, alias="to")
    keys: Annotated[list[Key], Field(max_length=MOST_KEYS)] = []
    points: Annotated[list[Corner], Field(max_length=MOST_CORNERS)] = []
    reason: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    """Why, for the report."""

    @field_validator("points")
    @classmethod
    def _encloses(cls, points: list[Corner]) -> list[Corner]:
        if points and (len(set(points)) < 3 or polygon_area(points) < SMALLEST_ZONE):
            raise ValueError("the corners enclose nothing: list three or more")
        if crosses_itself(points):
            raise ValueError("the outline crosses itself: list its corners in order")
        return points

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Edit:
        needs = {"keep": "track", "hide": "track", "delete": "track", "box": "keys"}
        needs["zone"] = "points"
        given = {"track": self.track is not None, "keys": bool(self.keys)}
        given |= {"points": bool(self.points), "label": self.label is not None}
        need = needs.get(self.kind)
        if need is not None and not given[need]:
            raise ValueError(f"{self.kind} needs {need}")
        may = {need, "track", "label"} if self.kind == "box" else {need}
        if others := [name for name, is_there in given.items() if is_there and name not in may]:
            raise ValueError(f"{self.kind} has no {others[0]}: leave it out")
        if self.track is not None and self.track < 0:
            raise ValueError("a zone of the settings cannot be edited: change the settings")
        first, last = self.range(self.last or 0)
        if self.last is not None and first > last:
            raise ValueError(f"it ends with frame {last} and begins with {first}, which is later")
        self._check_keys()
        return self

    def _check_keys(self) -> None:
        frames = [key.frame for key in self.keys]
        if frames != sorted(set(frames)):
            raise ValueError("its keys are not in the order of their frames, each one once")
        for frame in frames:
            first, last = self.range(frame)
            if not first <= frame <= last:
                raise ValueError(f"its key at frame {frame} is outside of {first} to {last}")

    def range(self, end: int) -> tuple[int, int]:
        """The first frame and the last one.

        Args:
            end: the last frame of the recording.
        """
        first, last = self.first, self.last
        if self.keys:
            first = self.keys[0].frame if first is None else first
            last = self.keys[-1].frame if last is None else last
        return first or 0, end if last is None else last

    def box_at(self, frame: int) -> Box:
        """Where the box of the keys is in a frame: between two keys on a straight line."""
        before = after = self.keys[0]
        for key in self.keys:
            after = key
            if key.frame >= frame:
                break
            before = key
        if not before.frame < frame < after.frame:
            return Box(*(after if frame >= after.frame else before).box)
        share = (frame - before.frame) / (after.frame - before.frame)
        pairs = zip(before.box, after.box, strict=True)
        return Box(*((1 - share) * a + share * b for a, b in pairs))


class Edits(_Entry):
    """All of them, in order."""

    stream_anon_edits: Literal[1] = 1
    edits: Annotated[list[Edit], Field(max_length=MOST_EDITS)] = []

    def to_json(self) -> list[dict[str, Any]]:
        """As JSON holds them: what is not set is left out."""
        return [
            edit.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            for edit in self.edits
        ]


def parse_edits(content: Any) -> Edits:
    """Edits as they come out of JSON: the whole file, or the list alone.

    Raises:
        ConfigError: they make no sense.
    """
    try:
        return Edits.model_validate(
            {"edits": content} if isinstance(content, list) else content, by_alias=True
        )
    except ValidationError as error:
        raise ConfigError(_explained(error.errors(include_url=False)[0])) from error


def load_edits(path: Path) -> Edits:
    """Read a file of edits.

    Raises:
        ConfigError: it cannot be read or is not one.
    """
    try:
        return parse_edits(parsed(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ConfigError(f"cannot read the edits {path}: {reason}") from error
    except (ValueError, RecursionError, ConfigError) as error:
        raise ConfigError(f"{path} is not a file of edits: {unreadable(error)}") from error


def write_edits(path: Path, edits: Edits) -> None:
    """Write a file of edits.

    Raises:
        OSError: it cannot be written.
    """
    content = {"stream_anon_edits": 1, "edits": edits.to_json()}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _explained(problem: Mapping[str, Any]) -> str:
    match problem["loc"]:
        case ("edits", int(n), *steps):
            return f"edit {n + 1}{_named(steps)}{_what(problem)}"
        case steps:
            return (_named(steps) + _what(problem)).lstrip(" :")


def _named(steps: Sequence[int | str]) -> str:
    words = [f"{step + 1}" if isinstance(step, int) else step for step in steps]
    return f", {' '.join(words)}" if words else ""


def _what(problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        return ": there is no such key"
    if problem["type"] == "value_error":
        return f": {wanted(problem)}"
    value = short(json.dumps(problem["input"], ensure_ascii=False, default=str))
    return f" is {value}: {wanted(problem)}"
