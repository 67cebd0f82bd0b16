"""`NAME.part`: where a file is written until it is complete."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stream_anon.errors import OutputExistsError, SinkError

if TYPE_CHECKING:
    from pathlib import Path


def part_of(path: Path) -> Path:
    """The name under which `path` is written."""
    return path.with_name(path.name + ".part")


def claim_part(path: Path) -> Path:
    """Create `NAME.part`, empty and ours alone: two runs never write the same file.

    Raises:
        OutputExistsError: it is there already.
        OSError: it cannot be created.
    """
    part = part_of(path)
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        raise OutputExistsError(
            f"{part} is there already: another run is writing it, or an earlier one was killed; "
            "remove it if no other run is going on"
        ) from None
    return part


def check_target(path: Path, *, overwrite: bool) -> None:
    """Refuse what must not or cannot be replaced by an output.

    Raises:
        OutputExistsError: a file that may not be replaced.
        SinkError: anything that is not a plain file.
    """
    if path.is_dir():
        raise SinkError(f"{path} is a folder: name a file")
    if path.exists() and not path.is_file():
        raise SinkError(f"{path} is not a plain file: name one that is, or a new one")
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} exists already: use --overwrite (from Python, overwrite=True) to replace it"
        )
