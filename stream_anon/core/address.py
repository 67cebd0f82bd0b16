"""Parsing of user input: addresses, logins, durations."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fractions import Fraction
from urllib.parse import quote, unquote

from stream_anon.errors import ConfigError

_ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_TIME = re.compile(r"(?:(?:(\d{1,9}):)?(\d{1,9}):)?(\d{1,9}(?:\.\d{0,99})?|\.\d{1,99})", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


def split_address(text: str) -> tuple[str, str] | None:
    """The scheme in lower case, and what comes after `://`; None for what is not an address."""
    found = _ADDRESS.fullmatch(text)
    return (found["scheme"].lower(), found["rest"]) if found else None


@dataclass(frozen=True, slots=True)
class Login:
    """User and password, as they are. Its repr shows neither."""

    user: str = field(default="", repr=False)
    password: str | None = field(default=None, repr=False)
    """None where none is given, which is not an empty one."""

    @classmethod
    def parse(cls, text: str) -> Login:
        """Parse the part of an address before the `@`."""
        user, colon, password = text.partition(":")
        return cls(unquote(user), unquote(password) if colon else None)

    @classmethod
    def of_environment(cls, user: str, password: str) -> Login:
        """Args: user, password: names of the variables. An empty one counts as not given."""
        return cls(os.environ.get(user, ""), os.environ.get(password) or None)

    @property
    def before_host(self) -> str:
        """For an address, with its `@`; empty without a user."""
        if not self.user:
            return ""
        password = "" if self.password is None else f":{quote(self.password, safe='')}"
        return f"{quote(self.user, safe='')}{password}@"


def parse_duration(text: str) -> float:
    """Seconds in `90s`, `10m`, `2h` or `7d`; without a unit they are seconds.

    Raises:
        ConfigError: none of these, or nothing at all.
    """
    found = _DURATION.fullmatch(text.strip())
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not seconds:
        raise ConfigError(f"{text!r} is not a valid duration: write 90s, 10m, 2h or 7d")
    return seconds


def parse_time(text: str) -> Fraction:
    """Seconds in `90`, `1:30`, `00:01:30` or `1:30.5`: a position in a recording.

    Raises:
        ConfigError: none of these.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{text!r} is not a valid time: write SS, MM:SS or HH:MM:SS, as in 1:30.5"
        )
    hours, minutes, seconds = (Fraction(number or 0) for number in found.groups())
    if (found[2] and seconds >= 60) or (found[1] and minutes >= 60):
        raise ConfigError(f"{text!r} is not a valid time: minutes and seconds end at 59")
    return (hours * 60 + minutes) * 60 + seconds
