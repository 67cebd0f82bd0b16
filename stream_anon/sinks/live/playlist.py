"""An HLS playlist and its segments: options for FFmpeg, and checks that it does not make."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stream_anon.errors import DiskFullError
from stream_anon.sinks.encoding.live import KEYFRAME_INTERVAL

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.sinks.encoding.live import Written

SEGMENTS_LISTED = 6
_PACKET, _PAYLOAD = 188, 184
"""Bytes of a packet of MPEG-TS, and how many of them can be video."""


class Playlist:
    """The files of one HLS output. It goes on where an earlier run's ended."""

    def __init__(self, path: Path) -> None:
        """Make the folder, and delete the segments that the playlist does not name any more.

        Args:
            path: of the playlist; the segments are next to it.

        Raises:
            OSError: the folder cannot be made or changed.
        """
        self.path = path.absolute()
        self._own = re.compile(re.escape(f"{path.stem}-") + r"[0-9]{6,}\.ts")
        self._size = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._remove_unnamed()
        self._newest = self._segments()[-1:]

    def options(self) -> dict[str, str]:
        """For FFmpeg's muxer."""
        return {
            "hls_time": str(KEYFRAME_INTERVAL),
            "hls_list_size": str(SEGMENTS_LISTED),
            "hls_flags": "delete_segments+append_list+temp_file+independent_segments",
            "hls_segment_filename": str(self.path.with_name(f"{self.path.stem}-%06d.ts")),
        }

    def _segments(self) -> list[Path]:
        """The complete ones, oldest first."""
        found = [p for p in self.path.parent.iterdir() if self._own.fullmatch(p.name)]
        return sorted(found, key=lambda path: (len(path.name), path.name))

    def _remove_unnamed(self) -> None:
        is_there = self.path.is_file()
        named = self.path.read_text(errors="replace").splitlines() if is_there else []
        for path in self.path.parent.iterdir():
            if self._own.fullmatch(path.name.removesuffix(".tmp")) and path.name not in named:
                path.unlink()

    def check(self, written: list[Written], *, finished: bool = False) -> None:
        """Check a segment that has just been completed: FFmpeg does not report a full disk.

        Args:
            written: what the frame before this call has become.
            finished: no more will come.

        Raises:
            DiskFullError: the segment is shorter than what was written to it.
        """
        for picture in written:
            if picture.is_keyframe:
                self._check_size()
            self._size += -(-picture.size // _PAYLOAD) * _PACKET
        if finished:
            self._check_size()

    def _check_size(self) -> None:
        newest = self._segments()[-1:]
        if newest == self._newest:
            return
        if not newest or newest[0].stat().st_size < self._size:
            raise DiskFullError(
                f"no space left while writing {self.path}: free some, or write elsewhere"
            )
        self._newest, self._size = newest, 0
