"""The files of a job. Their names are ours: what users call theirs never becomes a path."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

_ID = re.compile(r"[0-9a-f]{32}")
ORIGINAL, RESULT = "original", "result"
REPORT, TRACKS, MASKS, LANES = "report.json", "tracks.json", "masks.jsonl.gz", "lanes.json"
AUDIT, AUDIT_PAGE, EDITS, THUMBS = "audit.json", "audit.html", "edits.json", "thumbs"
NEW = "new"
"""Where a job writes until it is done."""
FOR_REVIEW = (MASKS, LANES, EDITS, THUMBS)


def new_id() -> str:
    """One that nobody guesses."""
    return secrets.token_hex(16)


class JobFiles:
    """The folder of one job, open to this user alone."""

    def __init__(self, folder: Path, job: str) -> None:
        """Args: folder: of all jobs. job: its id; anything else is refused."""
        if _ID.fullmatch(job) is None:
            raise ValueError("not the id of a job")
        self.folder = folder / job

    def make(self) -> None:
        """Create the folder."""
        self.folder.mkdir(mode=0o700)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    @property
    def original(self) -> Path:
        return self.folder / ORIGINAL

    @property
    def new(self) -> Path:
        return self.folder / NEW

    def result(self) -> Path | None:
        """The result, whatever its ending; None while there is none."""
        return next(iter(sorted(self.folder.glob(f"{RESULT}.*"))), None)

    def create(self) -> BinaryIO:
        """The original, empty, for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        return os.fdopen(os.open(self.original, flags, 0o600), "wb")

    def renew(self) -> None:
        """An empty folder to write in."""
        self.discard_new()
        self.new.mkdir(mode=0o700)

    def discard_new(self) -> None:
        """What was written there is of no use."""
        shutil.rmtree(self.new, ignore_errors=True)

    def publish(self) -> None:
        """What was written in `new` is there from now on, in place of what was there before."""
        for name in (AUDIT, AUDIT_PAGE):  # of another result
            (self.folder / name).unlink(missing_ok=True)
        for path in sorted(self.new.iterdir()):
            target = self.folder / path.name
            if path.name.startswith(RESULT) and (old := self.result()) not in (None, target):
                assert old is not None
                old.unlink()
            if target.is_dir():
                shutil.rmtree(target)
            path.replace(target)
        self.new.rmdir()

    def forget_original(self) -> None:
        """Delete what shows anybody: the upload, and what a review needs."""
        with suppress(FileNotFoundError):
            self.original.unlink()
        for name in FOR_REVIEW:
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of all that lies in the folder of the jobs."""
    for path in sorted(folder.iterdir()):
        yield path.name, path
