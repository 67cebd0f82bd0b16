"""What somebody who redacts may choose from, as far as it is installed on this machine."""

from __future__ import annotations

from typing import NamedTuple

from stream_anon.detectors.registry import rows
from stream_anon.redaction.registry import METHODS

SCOPES = ("face", "head", "person", "plate", "text", "moving", "background")
"""Those that people ask for, the usual ones first; settings name any other."""


class MethodChoice(NamedTuple):
    """One way to hide."""

    name: str
    is_safe: bool
    """It reads nothing of what it hides."""


def scopes() -> tuple[str, ...]:
    """Scopes that detectors on this machine can see.

    Raises:
        ConfigError: a detector of another package cannot be loaded.
    """
    seen: set[str] = set()
    for row in rows().values():
        if row.is_installed():
            seen |= row.labels | row.groups.keys()
    return tuple(scope for scope in SCOPES if scope in seen)


def methods() -> tuple[MethodChoice, ...]:
    """All methods, safe ones first."""
    return tuple(MethodChoice(method.name, not method.reads_hidden) for method in METHODS)
