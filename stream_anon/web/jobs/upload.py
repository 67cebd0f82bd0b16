"""A file that is being uploaded: written as it comes, and gone if it does not come whole."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from stream_anon.errors import DiskFullError, SinkError
from stream_anon.web.errors import Refused
from stream_anon.web.jobs.kinds import HEAD, Kind, kind_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from stream_anon.web.jobs.files import JobFiles

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NEITHER = "this is neither a photo nor a video: JPEG, PNG, WebP, MP4, MOV, MKV and others are"


class Upload:
    """One file on its way into a job's folder. Used by one thread at a time."""

    def __init__(self, job: str, files: JobFiles) -> None:
        """Create the folder and an empty file in it.

        Raises:
            SinkError: there is no room for it.
        """
        self.job, self.files = job, files
        self.size = 0
        self._head = b""
        self._kind: Kind | None = None
        try:
            files.make()
            self._file: BinaryIO = files.create()
        except OSError as error:
            files.forget()
            raise _failure(error) from error

    def write(self, data: bytes) -> None:
        """Add what has come.

        Raises:
            Refused: it is neither a photo nor a video.
            SinkError: there is no room for it.
        """
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) >= HEAD:
                self._kind = self._checked()
        try:
            self._file.write(data)
        except OSError as error:
            raise _failure(error) from error
        self.size += len(data)

    def finish(self) -> Kind:
        """All of it has come.

        Raises:
            Refused: it is empty, or neither a photo nor a video.
            SinkError: there is no room for it.
        """
        if not self.size:
            raise Refused(422, "the file is empty, or there is none in the field named file")
        try:
            self._file.close()
        except OSError as error:
            raise _failure(error) from error
        return self._kind or self._checked()

    def abort(self) -> None:
        """Delete what has come."""
        self._file.close()
        self.files.forget()

    def _checked(self) -> Kind:
        kind = kind_of(self._head)
        if kind is None:
            raise Refused(415, NEITHER)
        return kind


def _failure(error: OSError) -> SinkError:
    if error.errno in FULL:
        return DiskFullError("no space is left for the upload: ask whoever runs this server")
    return SinkError(f"the upload cannot be stored: {(error.strerror or 'it failed').lower()}")
