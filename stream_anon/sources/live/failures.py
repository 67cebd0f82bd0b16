"""Messages for sources that cannot be opened or read, without addresses."""

from __future__ import annotations

import errno

import av.error

from stream_anon.sources.decoding.opening import reason

LOGIN = "login required or rejected: set STREAM_ANON_USER and STREAM_ANON_PASSWORD"
_SAID: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPUnauthorizedError, LOGIN),
    (av.error.HTTPForbiddenError, "access denied (403)"),
    (av.error.HTTPNotFoundError, "no such stream (404)"),
    (av.error.ProtocolNotFoundError, "this build of FFmpeg does not support that protocol"),
    (av.error.DemuxerNotFoundError, "this build of FFmpeg cannot read such devices"),
    (av.error.ConnectionRefusedError, "connection refused"),
    (av.error.ConnectionResetError, "connection reset"),
    (av.error.BrokenPipeError, "connection reset"),
    (av.error.TimeoutError, "no answer"),
    (av.error.ExitError, "timed out"),
    (av.error.EOFError, "the stream ended at once"),
    (av.error.InvalidDataError, "not a readable video stream"),
    (
        av.error.ArgumentError,
        "not a video stream that can be read here, or it may read files of this machine",
    ),
    (av.error.PermissionError, "permission denied: is your user in the group video?"),
    (av.error.FileNotFoundError, "no such device: see `stream-anon devices`"),
)
_NEVER = (
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.PermissionError,
)


def explain(error: Exception) -> tuple[str, bool]:
    """The message for an error, and whether the error is permanent."""
    for kind, said in _SAID:
        if isinstance(error, kind):
            return said, isinstance(error, _NEVER)
    if getattr(error, "errno", None) == errno.EBUSY:
        return "in use by another program", False
    return reason(error), False
