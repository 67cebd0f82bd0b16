"""Text about a machine without what tells whose it is: fit to be shown to strangers."""

from __future__ import annotations

import os
import platform
import re
from contextlib import suppress
from pathlib import Path

HIDDEN = "…"
NOT_NAMES = {"linux", "localhost", "python", "root", "user", "windows"}
"""What users and machines are called that says nothing about them."""
_USER_VARIABLES = ("USER", "LOGNAME", "USERNAME", "SUDO_USER")
_HOME_VARIABLES = ("HOME", "USERPROFILE")
_SHORTEST = 2
_PATH = re.compile(
    r"(?:[A-Za-z]:|~)?(?<![\w.…])[\\/](?!(?:proc|sys|dev)[\\/])"
    r"(?:[^\s\\/:'\"<>|,;()]+[\\/])+([^\s\\/:'\"<>|,;()]*)"
)
_TELLS_NOTHING = re.compile(r"[\w+-]+(\.[\w+-]+)*\.(py|pyd|dll|dylib|so)(\.\d+)*")
"""A part of a program: its file name is the same everywhere."""


def anonymous(text: str) -> str:
    """Text without the folders, users and machine that it names."""
    for home in _homes():
        text = text.replace(home, "~")
    text = _PATH.sub(lambda found: _end_of(found[1]), text)
    for name in _names():
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", HIDDEN, text, flags=re.IGNORECASE)
    return text


def _end_of(name: str) -> str:
    return f"{HIDDEN}/{name}" if _TELLS_NOTHING.fullmatch(name) else HIDDEN


def _homes() -> list[str]:
    """Home folders, the longest name first."""
    found = {os.environ.get(name, "") for name in _HOME_VARIABLES}
    with suppress(RuntimeError, KeyError, ImportError):
        found.add(str(Path.home()))
    found |= {str(Path(home).resolve()) for home in found if home}
    return sorted((home for home in found if len(home) > _SHORTEST), key=len, reverse=True)


def _names() -> list[str]:
    """Of users, the machine, its display and its home folders, the longest first."""
    found = {os.environ.get(name, "") for name in _USER_VARIABLES}
    node = platform.node()
    found |= {node, node.partition(".")[0], os.environ.get("DISPLAY", "").partition(":")[0]}
    found |= {Path(home).name for home in _homes()}
    names = (name for name in found if len(name) >= _SHORTEST and name.lower() not in NOT_NAMES)
    return sorted(names, key=len, reverse=True)
