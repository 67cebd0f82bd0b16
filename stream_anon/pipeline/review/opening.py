"""What a recording is, before anything is done with it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from stream_anon.masking.tracks_file import load_tracks
from stream_anon.sources.file import MediaSource

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.core.frame import StreamInfo


def info_of(source: Path) -> StreamInfo:
    """Size, rate and length, as far as the file says them; its first frame is decoded.

    Raises:
        SourceError: it is no video and no picture.
    """
    with closing(MediaSource(source)) as recording:
        return recording.info


def check_tracks(path: Path) -> None:
    """Refuse what is no tracks file.

    Raises:
        ConfigError: it is none.
    """
    load_tracks(path)
