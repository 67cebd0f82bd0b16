"""Where weights and converted networks lie on this machine, and how they are written.

    $XDG_DATA_HOME/stream_anon/models/      weights, a folder for each model
    $XDG_CACHE_HOME/stream_anon/networks/   converted networks, a folder each; may be deleted

Each folder is written under another name first and renamed when complete: what lies under its name
is whole, whoever else writes at the same time and however the writer ended.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

ABANDONED = 86400.0
"""Seconds after which a folder that was never completed counts as abandoned."""


def models_dir() -> Path:
    """The folder of all installed weights; it need not exist."""
    return _base("XDG_DATA_HOME", ".local/share") / "models"


def networks_dir() -> Path:
    """The folder of converted networks; it need not exist."""
    return _base("XDG_CACHE_HOME", ".cache") / "networks"


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """An empty folder to write into; it gets the name `target` once the block ends well.

    A `target` that is there already is replaced. Nothing is left behind where the block raises.

    Raises:
        ModelError: the disk is full, or the place cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target)
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        part.chmod(0o755)  # a model is not secret, and may serve several users
    except OSError as error:
        raise _cannot_write(target, error) from error
    try:
        yield part
        _replace(part, target)
    except OSError as error:
        raise _cannot_write(target, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _sweep(target: Path) -> None:
    """Remove what killed writers left behind, once they can no longer be running."""
    for left in target.parent.glob(f".{target.name}.*"):
        with suppress(OSError):
            if time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _replace(part: Path, target: Path) -> None:
    """Give `part` the name `target`; what has that name goes, unless the renaming fails."""
    old = part.with_name(f"{part.name}.old")
    with _alone_in(target.parent):
        replaced = target.exists()
        if replaced:
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if replaced:
                old.rename(target)
            raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """One process at a time renames in a folder.

    Windows has no such lock: there, of two that rename at once, one gets an error.
    """
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which unlocks


def _base(variable: str, default: str) -> Path:
    named = os.environ.get(variable, "")
    try:
        root = Path(named) if Path(named).is_absolute() else Path.home() / default
    except RuntimeError as error:
        raise ModelError(f"there is no home folder: set {variable}") from error
    return root / "stream_anon"


def _cannot_write(target: Path, error: OSError) -> ModelError:
    reason = (error.strerror or type(error).__name__).lower()
    return ModelError(f"cannot write {target}: {reason}; nothing was left behind")
