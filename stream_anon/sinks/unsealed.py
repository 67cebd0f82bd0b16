"""The way out of pictures in which somebody can be seen again: a file, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.unsealed import UnsealedFrame
from stream_anon.sinks.file import MediaFile

if TYPE_CHECKING:
    from pathlib import Path

LOSSLESS = "ffv1"
"""The encoder that changes no pixel."""
_HOLD_IT = {".mkv", ".avi"}
"""Endings of containers that it suits."""


def unsealed_encoder(path: Path) -> str:
    """What `output.encoder` is to be for a file: without loss where its ending allows that."""
    return LOSSLESS if path.suffix.lower() in _HOLD_IT else "auto"


class UnsealedSink(MediaFile):
    """A file of unsealed frames."""

    def send(self, frame: UnsealedFrame) -> None:
        """Take one frame; nothing but an `UnsealedFrame` is accepted.

        Raises:
            TypeError: anything else.
            SinkError: it cannot be written.
        """
        if type(frame) is not UnsealedFrame:
            raise TypeError(f"takes UnsealedFrame only, not {type(frame).__name__}")
        self._write(frame)
