"""Masks from a tracks file instead of from detectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.parts import Box, Part
from stream_anon.core.redacted import MaskedFrame, Unknown
from stream_anon.detectors.shapes import ellipse, full_box
from stream_anon.errors import ConfigError
from stream_anon.masking.polygon_masks import grid_of, polygon_mask

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stream_anon.core.frame import Frame, StreamInfo
    from stream_anon.masking.tracks_file import TrackEntry, TracksFile

_SHAPES = {"ellipse": ellipse, "box": full_box}
"""All but polygons."""


class TracksMasker:
    """Masks from a tracks file; nothing is detected."""

    def __init__(self, tracks: TracksFile, info: StreamInfo) -> None:
        """Args: info: of the video that is rendered.

        Raises:
            ConfigError: the tracks belong to a video of another size.
        """
        if (tracks.width, tracks.height) != (info.width, info.height):
            raise ConfigError(
                f"the tracks are for {tracks.width}x{tracks.height}, "
                f"but {info.label} is {info.width}x{info.height}"
            )
        self._frames = tracks.frames
        self._hidden_whole = set(tracks.hidden_whole)
        self.parts: dict[int, list[Part]] = {}
        """What is hidden, by frame."""
        for track in tracks.tracks:
            for index, x, y, width, height in track.boxes if track.hide else ():
                self.parts.setdefault(index, []).append(_part(track, Box(x, y, width, height)))

    def masks(self, frames: Iterable[Frame]) -> Iterator[MaskedFrame]:
        """Every frame with its mask, in order."""
        for frame in frames:
            if frame.corrupt:
                yield MaskedFrame(frame, Unknown.CORRUPT)
            elif frame.index >= self._frames or frame.index in self._hidden_whole:
                yield MaskedFrame(frame, Unknown.NOT_IN_TRACKS)
            else:
                yield MaskedFrame(frame, tuple(self.parts.get(frame.index, ())))


def _mask(track: TrackEntry, box: Box) -> NDArray[np.uint8]:
    if track.points is not None:
        return polygon_mask(tuple(track.points), *grid_of(box.width, box.height))
    return _SHAPES[track.shape]()


def _part(track: TrackEntry, box: Box) -> Part:
    try:
        return Part(track.label, box, _mask(track, box), 1.0, track.id)
    except ValueError as error:
        raise ConfigError(f"track {track.id} of the tracks file: {error}") from error
