"""Why a source cannot be opened or read, in our words and without addresses."""

from __future__ import annotations

import errno

import av.error

from stream_anon.sources.decoding.opening import reason

LOGIN = "it asks for another login: set STREAM_ANON_USER and STREAM_ANON_PASSWORD"
_SAID: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPUnauthorizedError, LOGIN),
    (av.error.HTTPForbiddenError, "it refuses this login (403)"),
    (av.error.HTTPNotFoundError, "it knows no such stream (404)"),
    (av.error.ProtocolNotFoundError, "this build of FFmpeg does not know that kind of address"),
    (av.error.DemuxerNotFoundError, "this build of FFmpeg cannot read such devices"),
    (av.error.ConnectionRefusedError, "nobody listens there"),
    (av.error.ConnectionResetError, "it broke the connection off"),
    (av.error.BrokenPipeError, "it broke the connection off"),
    (av.error.TimeoutError, "it does not answer"),
    (av.error.ExitError, "nothing came in time"),
    (av.error.EOFError, "it ended at once"),
    (av.error.InvalidDataError, "what it sends is no video that can be read"),
    (
        av.error.ArgumentError,
        "what it sends is no video that can be read here, or may read files of this machine",
    ),
    (av.error.PermissionError, "it may not be read: is your user in the group video?"),
    (av.error.FileNotFoundError, "there is no such device: see `stream-anon devices`"),
)
_NEVER = (
    av.error.ProtocolNotFoundError,
    av.error.DemuxerNotFoundError,
    av.error.PermissionError,
)


def explain(error: Exception) -> tuple[str, bool]:
    """What went wrong, and whether it will never be better by itself."""
    for kind, said in _SAID:
        if isinstance(error, kind):
            return said, isinstance(error, _NEVER)
    if getattr(error, "errno", None) == errno.EBUSY:
        return "another program uses it", False
    return reason(error), False
