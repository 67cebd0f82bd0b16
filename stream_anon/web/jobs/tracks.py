"""The tracks of a job, changed by hand."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from stream_anon.errors import ConfigError
from stream_anon.pipeline.review.opening import check_tracks
from stream_anon.web.errors import Refused
from stream_anon.web.jobs import files as names
from stream_anon.web.jobs.job import Task

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.room import JobRoom


def etag_of(path: Path) -> str:
    """Stands for what is in a file."""
    with path.open("rb") as file:
        return f'"{hashlib.file_digest(file, "sha256").hexdigest()[:32]}"'


def replace_tracks(room: JobRoom, job: JobRow, content: bytes, etag: str) -> JobRow:
    """Hide what a tracks file says, and render again.

    Args:
        room: of the job.
        job: that is over.
        content: of the file.
        etag: of the one that it replaces; empty for any.

    Raises:
        Refused: 412, somebody has changed them meanwhile; 409, the original is gone.
        ConfigError: it is no tracks file.
    """
    files = room.files(job.id)
    path = files / names.TRACKS
    if not job.state.is_over or not path.is_file():
        raise Refused(409, "there are no tracks yet: wait until the job is done")
    if etag and etag != etag_of(path):
        raise Refused(412, "somebody has changed this meanwhile: load it again")
    new = files / "tracks.new.json"
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
    try:
        check_tracks(new)
    except ConfigError as error:
        new.unlink()
        raise ConfigError(str(error).replace(str(new), "this")) from error
    again = room.again(job, Task.tracks)
    new.replace(path)
    return again
