"""Somebody who is known, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do; an operator may do all that a viewer may."""

    viewer = "viewer"
    """See redacted pictures, and redact pictures and files of their own."""
    operator = "operator"
    """Change things."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who sent a request."""

    name: str
    role: Role
    session_id: str
    """Stands for one login, or for one token in `Authorization`; no secret, and never shown."""

    @property
    def is_operator(self) -> bool:
        return self.role is Role.operator


HOST = Who("command line", Role.operator, "command line")
"""Whoever starts the server, or runs commands on its folder."""
