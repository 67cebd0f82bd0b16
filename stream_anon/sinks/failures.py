"""FFmpeg's and the system's errors, in our words and without addresses."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av.error

from stream_anon.errors import DiskFullError, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EROFS, errno.EPERM}


@contextmanager
def as_sink_errors(path: Path) -> Iterator[None]:
    """Raise `SinkError` about `path` for whatever FFmpeg, PyAV or the system raises inside."""
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        number = getattr(error, "errno", None)
        if number in _FULL:
            raise DiskFullError(
                f"no space left while writing {path}: free some, or write elsewhere"
            ) from error
        if number in _FORBIDDEN:
            raise SinkError(
                f"the folder {path.parent} cannot be written to: choose another one"
            ) from error
        said = str(getattr(error, "strerror", None) or error or type(error).__name__)
        raise SinkError(f"cannot write {path}: {said.lower()}") from error


@contextmanager
def as_stream_errors(label: str) -> Iterator[None]:
    """Raise `SinkError` about `label`: what is raised inside may hold an address with a password.

    Nor is the cause kept: a traceback would show it.
    """
    try:
        yield
    except av.error.ProtocolNotFoundError:
        raise SinkError(
            f"cannot send to {label}: this build of FFmpeg has no such protocol; use another one"
        ) from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        said = str(getattr(error, "strerror", None) or type(error).__name__)
        raise SinkError(f"cannot send to {label}: {said.lower()}") from None
