"""Tracks as a file that people can edit.

    {"stream_anon_tracks": 1, "input_sha256": "…", "width": 1280, "height": 720, "frames": 240,
     "hidden_whole": {"17": "damaged input"},
     "tracks": [{"id": 0, "hide": true, "label": "face", "shape": "ellipse",
                 "boxes": [[0, 100.0, 80.0, 64.0, 80.0], …]}]}

A box is frame, x, y, width, height in pixels and is hidden as it stands: margins are in it already.
A zone is a polygon, with corners as shares of its box: `"shape": "polygon", "points": [[0, 0], …]`;
a file with one has version 2.
`joined` may say which tracks are of one person: `[{"tracks": [0, 4], "likeness": 0.93}]`.
`"hide": false` leaves a track's person clear. A frame that the file does not cover is hidden whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    model_validator,
)

from stream_anon.core.invalid import printable, unreadable
from stream_anon.errors import ConfigError
from stream_anon.masking.polygon_masks import check_polygon
from stream_anon.masking.tracks_invalid import explain, parsed
from stream_anon.masking.zones import NOBODY

if TYPE_CHECKING:
    from pathlib import Path


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
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
Corner = tuple[Share, Share]
"""Across and down, as shares of the box."""
Label = Annotated[str, Field(min_length=1), AfterValidator(printable)]


class TrackEntry(BaseModel):
    """One part of one person through the video."""

    model_config = ConfigDict(extra="forbid")

    id: Number
    label: Label
    shape: Literal["ellipse", "box", "polygon"] = "ellipse"
    points: list[Corner] | None = None
    """Corners of a polygon."""
    hide: StrictBool = True
    boxes: list[tuple[Index, Place, Place, Length, Length]]

    @model_validator(mode="after")
    def _has_corners(self) -> TrackEntry:
        check_polygon(self.shape, self.points)
        return self


class Join(BaseModel):
    """Two tracks of one person."""

    model_config = ConfigDict(extra="forbid")

    tracks: tuple[Number, Number]
    likeness: Place | None = None
    """Of their colours, 0..1; None where somebody joined them by hand."""


class TracksFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")

    stream_anon_tracks: Literal[1, 2] = 1
    """2 where there are polygons, which older programs do not know."""
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
