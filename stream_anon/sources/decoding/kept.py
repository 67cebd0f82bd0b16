"""Reading the few things of an input's metadata that may be kept, each in its own form only."""

from __future__ import annotations

import re
import struct
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import av
import av.error
from av.sidedata.sidedata import Type

from stream_anon.core.kept import Kept, Metadata, Projection
from stream_anon.errors import SourceError
from stream_anon.sources.decoding.opening import open_input
from stream_anon.sources.decoding.orientation import side_data_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

_FORMS = {
    Metadata.date: (
        "creation_time",
        ("creation_time", "com.apple.quicktime.creationdate", "date"),
        re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?"),
    ),
    Metadata.gps: (
        "location",
        ("location", "com.apple.quicktime.location.iso6709", "location-eng"),
        re.compile(r"[+-]\d{1,6}(\.\d+)?[+-]\d{1,7}(\.\d+)?([+-]\d+(\.\d+)?)?/?"),
    ),
    Metadata.timecode: ("timecode", ("timecode",), re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d")),
}
"""FFmpeg's name in outputs, names in inputs, and what a value must look like: no other text."""
_PROJECTIONS = (
    "equirectangular", "cubemap", "equirectangular tile", "half equirectangular", "rectilinear",
    "fisheye", "parametric immersive",
)  # fmt: skip
_STEREO = {1: "left-right", 2: "top-bottom"}


def read_kept(path: Path, first: av.VideoFrame, wanted: Collection[str]) -> Kept:
    """What is wanted of a file's metadata, as far as it is there.

    Args:
        path: of the file.
        first: its first picture.
        wanted: any of `Metadata`.
    """
    tags = {}
    if set(wanted) - {Metadata.projection}:
        found = dict(_tags(path))
        for what, (name, names, form) in _FORMS.items():
            values = [found[known] for known in names if form.fullmatch(found.get(known, ""))]
            if what in wanted and values:
                tags[name] = values[0]
    return Kept(tags, projection_of(first) if Metadata.projection in wanted else None)


def _tags(path: Path) -> Iterator[tuple[str, str]]:
    """Tags by their names; those of the file come last and win over those of its tracks."""
    with suppress(av.error.FFmpegError, SourceError), closing(open_input(path)) as container:
        for metadata in (*(s.metadata for s in container.streams), container.metadata):
            for name, value in metadata.items():
                yield name.lower(), value


def projection_of(picture: av.VideoFrame) -> Projection | None:
    """The projection of a picture of 360-degree video; None of any other."""
    side_data = side_data_of(picture)
    sphere = side_data.get(Type.SPHERICAL)
    if sphere is None:
        return None
    (number,) = struct.unpack_from("=I", bytes(sphere))
    kind = _PROJECTIONS[number] if number < len(_PROJECTIONS) else str(number)
    stereo = side_data.get(Type.STEREO3D)
    (mode,) = struct.unpack_from("=I", bytes(stereo)) if stereo is not None else (0,)
    return Projection(kind, _STEREO.get(mode, ""))
