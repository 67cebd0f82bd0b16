"""File locks on unfinished files, which the system releases when their owner dies."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stream_anon.errors import OutputExistsError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_LOCAL = {
    "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfsplus",
    "jfs", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "ubifs", "udf", "vfat", "xfs",
    "zfs",
}  # fmt: skip
"""File systems of one machine: a lock on any other may be unknown to the machine that writes."""
_MOUNTS = Path("/proc/self/mountinfo")


def create_owned(path: Path) -> int | None:
    """Create an empty file and lock it.

    Returns:
        What holds the lock until it is closed; None where the system has no such locks.

    Raises:
        FileExistsError: it is there already, or another run took it for abandoned at once.
        OSError: it cannot be created.
    """
    lock = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    if fcntl is None:
        os.close(lock)
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise FileExistsError(path) from error
    except OSError:
        return lock  # no locks here, so nobody takes it for abandoned
    if not _is_still(path, lock):
        os.close(lock)
        raise FileExistsError(path)
    return lock


def lock_alone(path: Path) -> int:
    """Lock a file for as long as this process lives; it is created where it is missing.

    Returns:
        What holds the lock until it is closed.

    Raises:
        BlockingIOError: another process has it.
        OSError: it cannot be opened.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if fcntl is None:
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(lock)
        raise
    return lock


def remove_abandoned(path: Path) -> None:
    """Remove a file that nobody has locked; one that is gone is fine.

    Raises:
        OutputExistsError: it has an owner, or that cannot be determined.
    """
    if fcntl is None or not locks_tell(path):
        raise _unknown(path)
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unknown(path) from error
    try:
        if not stat.S_ISREG(os.fstat(lock).st_mode):
            raise _unknown(path)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_still(path, lock):
            path.unlink(missing_ok=True)
    except BlockingIOError as error:
        raise OutputExistsError(
            f"{path} is being written by another run: wait until it ends, or name another output"
        ) from error
    except OSError as error:
        raise _unknown(path) from error
    finally:
        os.close(lock)


def locks_tell(path: Path, mounts: Path = _MOUNTS) -> bool:
    """Whether a lock on `path` is visible to everybody who can write there.

    Where the system does not list what is mounted, locks are trusted: those that cannot be had on
    a network's file system then fail.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return True
    folder, kind = path.resolve().parent, ""
    deepest = -1
    for line in lines:
        before, _, after = line.partition(" - ")
        place = Path(_unescaped(before.split()[4]))
        if len(place.parts) >= deepest and folder.is_relative_to(place):
            deepest, kind = len(place.parts), after.split()[0]
    return kind in _LOCAL


def _unescaped(place: str) -> str:
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        place = place.replace(code, sign)
    return place


def _is_still(path: Path, opened: int) -> bool:
    """Whether the name still belongs to the file that was opened."""
    try:
        now = path.lstat()
    except FileNotFoundError:
        return False
    return os.path.samestat(now, os.fstat(opened))


def _unknown(path: Path) -> OutputExistsError:
    return OutputExistsError(
        f"{path} already exists, and it cannot be determined whether another run is writing it: "
        "remove it if no other run is active"
    )
