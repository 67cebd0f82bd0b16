"""Writing what is kept of an input's metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from stream_anon.core.boxes import read_at, top_boxes
from stream_anon.sinks.encoding.encoders import APPLE

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from stream_anon.core.kept import Kept, Projection

TAGGED = APPLE | {"matroska", "webm"}
"""Containers that hold the tags."""
_UUID = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_XML = (
    '<?xml version="1.0"?><rdf:SphericalVideo '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:GSpherical="http://ns.google.com/videos/1.0/spherical/">'
    "<GSpherical:Spherical>true</GSpherical:Spherical>"
    "<GSpherical:Stitched>true</GSpherical:Stitched>"
    "<GSpherical:StitchingSoftware>stream_anon</GSpherical:StitchingSoftware>"
    "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    "{stereo}</rdf:SphericalVideo>"
)
_STEREO = "<GSpherical:StereoMode>{mode}</GSpherical:StereoMode>"
_HEADS = 16
"""Bytes of the heads of `udta` and, in it, `name`."""
_LARGEST_INDEX = 1 << 30


class KeptWriter:
    """Tags go through FFmpeg's muxer. It has no way in for the projection.

    Its box (Spherical Video V1) takes the place of a name of the same length that the muxer gave
    the track, so that nothing else in the file moves.
    """

    def __init__(self, kept: Kept, container: OutputContainer) -> None:
        """Args: kept: to be written. container: of the output, not begun yet."""
        name = container.format.name
        self.notes: list[str] = []
        """What could not be kept."""
        self._box = b""
        if kept.tags and name not in TAGGED:
            self.notes.append(f"metadata cannot be kept in this container: {', '.join(kept.tags)}")
        elif kept.tags:
            container.metadata.update(kept.tags)
        if kept.projection is not None:
            self._keep(kept.projection, name)

    def _keep(self, projection: Projection, container: str) -> None:
        if container not in APPLE:
            self.notes.append(
                "the 360-degree projection was not kept: this needs .mp4 or .mov as the output"
            )
        elif not projection.is_plain:
            self.notes.append(
                f"the 360-degree projection was not kept: {projection.kind} is not supported"
            )
        else:
            self._box = _box(projection)

    def name(self, stream: VideoStream) -> None:
        """Give the video the name that is replaced later."""
        if self._box:
            stream.metadata["title"] = self._placeholder

    @property
    def _placeholder(self) -> str:
        return "-" * (len(self._box) - _HEADS)

    def complete(self, part: Path) -> None:
        """Put the projection in its place, in the file that the muxer has completed.

        Raises:
            OSError: that is not possible.
        """
        if not self._box:
            return
        name = self._placeholder.encode()
        old = _sized(b"udta", _sized(b"name", name))
        with part.open("r+b") as file:
            index, at = _index(file, part.stat().st_size)
            place = index.find(old)
            if place < 0:
                raise OSError("the muxer left no room for the projection")
            file.seek(at + place)
            file.write(self._box)


def _sized(kind: bytes, payload: bytes) -> bytes:
    return (len(payload) + 8).to_bytes(4, "big") + kind + payload


def _box(projection: Projection) -> bytes:
    stereo = _STEREO.format(mode=projection.stereo) if projection.stereo else ""
    return _sized(b"uuid", _UUID + _XML.format(stereo=stereo).encode())


def _index(file: BinaryIO, length: int) -> tuple[bytes, int]:
    """The body of the box `moov` and where it begins."""
    for name, at, size in top_boxes(file, length):
        if name == b"moov":
            return read_at(file, at, min(size, _LARGEST_INDEX)), at
    raise OSError("the output has no index")
