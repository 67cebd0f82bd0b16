"""`NAME.part`: where a file is written until it is complete, and how it gets its name then."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from stream_anon.core.file_lock import create_owned, remove_abandoned
from stream_anon.core.stream_log import stream_logger
from stream_anon.errors import DiskFullError, OutputExistsError, SinkError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

log = stream_logger(__name__)

PART = ".part"
LONGEST_NAME = 255
"""Bytes of a file's name on most file systems."""
_ATTEMPTS = 5
"""Attempts to win a race against other runs."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EROFS, errno.EPERM}


def part_of(path: Path) -> Path:
    """The name under which `path` is written; a name that leaves no room for more is shortened."""
    name = os.fsencode(path.name)
    if len(name) + len(PART) <= LONGEST_NAME:
        return path.with_name(path.name + PART)
    mark = f"…{hashlib.sha256(name).hexdigest()[:12]}{PART}"
    kept = name[: LONGEST_NAME - len(os.fsencode(mark))].decode(errors="ignore")
    return path.with_name(kept + mark)


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse what must not or cannot be replaced by an output.

    Raises:
        OutputExistsError: a file that may not be replaced.
        SinkError: anything that is not a plain file.
    """
    if path.is_dir():
        raise SinkError(f"{path} is a folder: name a file")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a regular file: name a regular file, or a new one")
    if path.exists() and not overwrite:
        raise _exists(path)


def write_error(path: Path, error: Exception) -> SinkError:
    """The `SinkError` for FFmpeg's or the system's error while writing `path`."""
    number = getattr(error, "errno", None)
    if number in _FULL:
        return DiskFullError(f"no space left while writing {path}: free some, or write elsewhere")
    if number in _FORBIDDEN:
        return SinkError(f"the folder {path.parent} cannot be written to: choose another one")
    said = str(getattr(error, "strerror", None) or error or type(error).__name__)
    return SinkError(f"cannot write {path}: {said.lower()}")


class PartFile:
    """A file being written: `NAME.part`, ours alone, until `publish` gives it its name.

    It is locked for as long as it is ours. One that a killed run left behind is not, and is
    replaced.
    """

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Create nothing yet.

        Args:
            path: the name that it is to get.
            overwrite: another file of that name may be replaced.
        """
        self.path, self.part = path, part_of(path)
        self._overwrite = overwrite
        self._claimed = self._placed = False
        self._lock: int | None = None
        self._old: Path | None = None
        """Backup of the replaced file, until everything is published."""

    def check(self) -> None:
        """Refuse a target that must not or cannot be replaced, as `check_target` does."""
        check_target(self.path, overwrite=self._overwrite)

    def claim(self) -> None:
        """Create `NAME.part`, empty.

        Raises:
            OutputExistsError: another run is writing it, or may be.
            OSError: it cannot be created.
        """
        for _ in range(_ATTEMPTS):
            try:
                self._lock = create_owned(self.part)
            except FileExistsError:
                remove_abandoned(self.part)
            else:
                self._claimed = True
                return
        raise OutputExistsError(f"other runs are writing {self.path} too: name another output")

    def discard(self) -> None:
        """Remove what is not published. May be called at any time, more than once."""
        if self._claimed:
            with suppress(OSError):
                self.part.unlink(missing_ok=True)
        self._release()

    # -- for `publish` --------------------------------------------------------------------------

    def place(self) -> None:
        """Give it its name, so that `withdraw` can undo it.

        Raises:
            OutputExistsError: another file has got the name meanwhile, and may not be replaced.
            SinkError: that is not possible.
        """
        self.check()
        try:
            try:
                _name_anew(self.part, self.path)
            except FileExistsError:
                if not self._overwrite:
                    raise _exists(self.path) from None
                self._old = _set_aside(self.path)
                self.part.replace(self.path)
            self._placed = True
        except OSError as error:
            raise write_error(self.path, error) from error

    def withdraw(self) -> None:
        """Roll back `place`, however far it got."""
        try:
            if self._old is not None:
                self._old.replace(self.path)
                self._old.unlink(missing_ok=True)  # two names of one file: replacing did nothing
            elif self._placed:
                self.path.unlink()
        except OSError as error:
            kept = f"; the file it replaced is {self._old}" if self._old else ""
            log.warning("%s was left by a failed run: %s%s", self.path, error.strerror, kept)
        self._placed, self._old = False, None

    def settle(self) -> None:
        """Commit: remove what was kept for `withdraw`."""
        for path in (self.part, self._old):
            if path is not None:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        self._claimed = False
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def publish(*files: PartFile) -> None:
    """Rename all files or none: if one fails, all are rolled back, and what they were to replace is
    there as before.

    Raises:
        OutputExistsError: a name is taken by now, and may not be replaced.
        SinkError: a file cannot get its name.
    """
    placed: list[PartFile] = []
    try:
        for file in files:
            placed.append(file)
            file.place()
    except BaseException:
        for file in reversed(placed):
            file.withdraw()
        raise
    for file in files:
        file.settle()


def _exists(path: Path) -> OutputExistsError:
    return OutputExistsError(
        f"{path} exists already: use --overwrite (from Python, overwrite=True) to replace it"
    )


def _name_anew(part: Path, path: Path) -> None:
    """Give a file another name, which nobody has. Its old one may or may not stay.

    Raises:
        FileExistsError: somebody has it.
        OSError: that is not possible.
    """
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except (OSError, AttributeError, NotImplementedError):  # a file system without links
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            part.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _set_aside(path: Path) -> Path:
    """Give a file a second name, or another one where it can have only one; returns that name."""
    aside = path.with_name(f"{path.name[:50]}.{secrets.token_hex(4)}.old")
    try:
        os.link(path, aside)
    except (OSError, AttributeError, NotImplementedError):
        path.rename(aside)
    return aside


class HashedFile:
    """A file that is read by a run: hashed once, when that is first asked for."""

    def __init__(self, path: Path) -> None:
        """Args: path: of what is about to be opened; whoever opens it reports what is wrong."""
        self.path = path
        self._before = _state(path)

    @cached_property
    def sha256(self) -> str:
        """Of what is in it now, hexadecimal.

        Raises:
            OSError: it cannot be read.
        """
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def changed(self) -> bool:
        """It was written to or replaced since the beginning, judging by its size and times."""
        return _state(self.path) != self._before

    def final_hash(self) -> str | None:
        """SHA-256 of what was read; None where the file changed meanwhile, so that nobody knows."""
        try:
            sha256 = self.sha256
        except OSError:
            return None
        return None if self.changed else sha256


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        now = path.stat()
    except OSError:
        return None
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns


class JsonFile:
    """A JSON file written atomically: prepared first, published at the end."""

    def __init__(self, path: Path, *, overwrite: bool) -> None:
        """Args: path: its name; nothing is written yet. overwrite: a file of that name may go."""
        self.file = PartFile(path, overwrite=overwrite)
        """For `publish`."""

    def prepare(self, text: Iterable[str]) -> None:
        """Write it, piece by piece, under a name of its own.

        Raises:
            SinkError: it cannot be written.
        """
        try:
            self.file.claim()
            with self.file.part.open("w", encoding="utf-8") as file:
                file.writelines(text)
        except OSError as error:
            raise write_error(self.file.path, error) from error

    def discard(self) -> None:
        """Remove what was prepared and not published."""
        self.file.discard()
