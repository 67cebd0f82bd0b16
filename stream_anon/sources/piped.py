"""What comes through a pipe, as a file: it is read more than once, and from any place."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from stream_anon.errors import DiskFullError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "stdin"
"""Of the file, which messages and reports show."""
_OPEN_FILES = Path("/proc/self/fd")
"""Where Linux names the open files of a process, also those that have no other name."""


@contextmanager
def spooled(pipe: BinaryIO) -> Iterator[Path]:
    """A file with everything that comes through the pipe, for nobody else; removed at the end.

    It lies in the folder for temporary files (`TMPDIR`), not next to the output: raw pictures do
    not belong where redacted ones are kept.

    Raises:
        SourceError: nothing comes, or it cannot be read.
        DiskFullError: there is no room for it.
    """
    if pipe.isatty():
        raise SourceError("standard input is a terminal: pipe a video in, or name a file")
    with _private_folder() as folder, _created(folder / NAME) as file:
        path = folder / NAME
        _fill(file, pipe, folder)
        if path.stat().st_size == 0:
            raise SourceError("nothing came through standard input: check the command before the |")
        yield path


@contextmanager
def _created(path: Path) -> Iterator[BinaryIO]:
    """An empty file; where the system can, one whose data goes with the process, even if killed."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "r+b") as file:
        if _OPEN_FILES.is_dir():
            path.unlink()
            path.symlink_to(_OPEN_FILES / str(opened))
        yield file


@contextmanager
def _private_folder() -> Iterator[Path]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="stream-anon-"))
    except OSError as error:
        raise SourceError(
            f"standard input cannot be stored ({error.strerror}): set TMPDIR to a folder that can "
            "be written to"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(file: BinaryIO, pipe: BinaryIO, folder: Path) -> None:
    while data := _read(pipe):
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            raise DiskFullError(
                f"no space left in {folder.parent} for standard input: set TMPDIR to a folder "
                "with more, or save the input to a file first"
            ) from error


def _read(pipe: BinaryIO) -> bytes:
    try:
        return pipe.read(1 << 20)
    except OSError as error:
        raise SourceError(f"standard input cannot be read: {error.strerror}") from error
