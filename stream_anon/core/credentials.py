"""Addresses without secrets, for labels, logs, metrics, errors and titles.

    rtsp://user:password@cam:554/live/KEY?token=…    rtsp://cam:554/live/…
    rtmp://host/app/KEY, rtmp://host/KEY             rtmp://host/app/…, rtmp://host/…
    https://host/TOKEN/index.m3u8, srt://host:9?…    https://host/…, srt://host:9

User, password, query and fragment never show. Of the path, what may be a key does not: an RTSP
camera's first step does show (`/stream1`), as does an RTMP application before its stream; of all
other addresses nothing. A step that looks like a key by itself does not show either.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

HIDDEN = "…"
_SECRET = re.compile(
    r"(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{10,}"  # mixed
    r"|[0-9A-Fa-f-]{16,}"  # a number in hexadecimal
    r"|(?:\w{4}-){3,}\w{4}"  # as video sites write them
    r"|.{20,}"
)
"""Segments of a path that look like a key."""
_PLAIN = re.compile(r"[\w.~…-]+")
_TELLING = re.compile(r"pass|pwd|key|token|secret|auth|sig|streamid|user|login", re.IGNORECASE)
"""Names in a query whose values are not for others."""

_LOGIN = re.compile(r"//(?:(?!\w+://).)*@")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(\S*)")
_END = re.compile(r"[:;,.)'\"]+$")


def path_shown(scheme: str, path: str) -> str:
    """The part of an address's path that people may see; begins with a slash or is empty."""
    steps = [step for step in path.split("/") if step]
    if not steps:
        return ""
    first, *more = steps
    is_rtmp = scheme in ("rtmp", "rtmps")
    if scheme not in ("rtsp", "rtsps") and not (is_rtmp and more):
        return f"/{HIDDEN}"
    if looks_secret(first):
        return f"/{HIDDEN}"
    return f"/{first}/{HIDDEN}" if more else f"/{first}"


def looks_secret(step: str) -> bool:
    """Whether one step of a path may be a key, by itself."""
    return _PLAIN.fullmatch(step) is None or _SECRET.fullmatch(step) is not None


def address_shown(scheme: str, rest: str) -> str:
    """An address for display.

    Args:
        scheme: such as `rtsp`.
        rest: what comes after `://`, without user and password.
    """
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = re.split(r"[?#]", rest[len(host) :], maxsplit=1)[0]
    return f"{scheme}://{host}{path_shown(scheme.lower(), path)}"


def printable(text: str) -> str:
    r"""A name or message as one line of plain text.

    Line breaks and control characters in names are escaped (`\n`, `\x1b`), and so are bytes that
    are no text (`\xff`).
    """
    readable = os.fsencode(text).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in readable)


def without_credentials(text: str) -> str:
    """One line of printable text, its addresses as people may see them."""
    line = "".join(c if c.isprintable() else " " for c in text)
    return _ADDRESS.sub(_shown, _LOGIN.sub("//", " ".join(line.split())))


def _shown(found: re.Match[str]) -> str:
    end = _END.search(found[2])
    rest = found[2][: end.start()] if end else found[2]
    return address_shown(found[1], rest) + (end[0] if end else "")


def name_shown(text: str) -> str:
    """An unrecognised address or name, for an error message.

    It may be an address without its scheme, or with one slash too few.
    """
    rest = re.split(r"[?#]", text.rpartition("@")[2], maxsplit=1)[0]
    host, slash, _ = rest.partition("/")
    return f"{host}/{HIDDEN}" if slash else rest


class Shown(NamedTuple):
    """A secret that other users of the machine can read in a command."""

    what: str
    """For display."""
    is_login: bool = False
    """It is before the host."""
    is_stream_key: bool = False
    """It is the last step of an RTMP address."""


def scheme_of(name: object) -> str | None:
    """The scheme, where the name of a file is an address all the same; `Path` leaves one slash."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):/", str(name))
    return found[1].lower() if found else None


def shown_in(address: str) -> Shown | None:
    """The secret that an address on the command line exposes; None if there is none."""
    scheme, colons, rest = address.partition("://")
    if not colons:
        return None
    login, at, place = rest.rpartition("@")
    if at and login and (":" in login or looks_secret(login)):
        return Shown("password", is_login=True)
    place, _, query = place.partition("?")
    if any(_TELLING.search(pair.partition("=")[0]) for pair in re.split("[&;]", query)):
        return Shown("key")
    steps = [step for step in place.split("/")[1:] if step]
    if scheme.lower() in ("rtmp", "rtmps") and len(steps) > 1:
        return Shown("stream key", is_stream_key=True)
    return Shown("key") if any(looks_secret(step) for step in steps) else None
