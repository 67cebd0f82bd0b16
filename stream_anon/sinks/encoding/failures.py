"""Mapping of FFmpeg's and the system's errors to ours, without addresses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import av.error

from stream_anon.core.files import write_error
from stream_anon.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def as_sink_errors(path: Path) -> Iterator[None]:
    """Raise `SinkError` about `path` for whatever FFmpeg, PyAV or the system raises inside."""
    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise write_error(path, error) from error


@contextmanager
def unfit_for(path: Path, encoder: str) -> Iterator[None]:
    """Raise `SinkError` where the container of `path` does not take what an encoder makes."""
    try:
        yield
    except (av.error.ArgumentError, av.error.PatchWelcomeError, ValueError) as error:
        raise SinkError(
            f"{path.name} cannot hold what the encoder {encoder} makes: use .mkv, or another "
            "encoder"
        ) from error


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
