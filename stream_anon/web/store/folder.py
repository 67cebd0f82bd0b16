"""The private folder, and that nobody but its user can look into it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from stream_anon.errors import ConfigError


def private_folder(named: str) -> Path:
    """Make the folder where it is missing, with mode 0700.

    Args:
        named: its path; empty for `stream_anon/web` in the user's state folder.

    Raises:
        ConfigError: it cannot be made, is no folder, or belongs to or is open to others.
    """
    path = Path(named) if named else _state_folder() / "stream_anon" / "web"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ConfigError(f"cannot make the folder {path}: {reason}; choose another") from error
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"{path} is a link: name the folder itself")
    if os.name == "posix" and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise ConfigError(
            f"the folder {path} is open to others, and holds what is private: make it yours alone "
            f"with chmod 700, or choose another"
        )
    return path


def _state_folder() -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    try:
        return Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError as error:
        raise ConfigError("there is no home folder: set web.folder") from error
