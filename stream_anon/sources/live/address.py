"""What the user names as a source: one parser for each kind, which `sources/registry.py` lists."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.core.address import Login, split_address
from stream_anon.core.credentials import address_shown
from stream_anon.errors import ConfigError
from stream_anon.sources.live.devices import list_devices

if TYPE_CHECKING:
    from stream_anon.config import Live

USER, PASSWORD = "STREAM_ANON_USER", "STREAM_ANON_PASSWORD"
SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https", "udp", "srt", "tcp")
WITH_LOGIN = ("rtsp", "rtsps", "rtmp", "rtmps", "http", "https")
_LOGIN_OR_PORT = re.compile(r"[^][/?#@:]+:\d*[/?#].*@", re.DOTALL)
"""`name:12/34@…` is a host and its port, or a user and a password of digits up to its slash."""
LONGEST_LABEL = 60
MICROSECONDS = 1_000_000
GIVES_UP_AFTER = 2
"""FFmpeg gives up after this many times the watchdog: then it first hands out old pictures."""
REORDERED_WITHIN = 100_000
"""Microseconds that RTP over UDP waits for a packet that others have overtaken."""
RECEIVE_BYTES = 4 << 20
"""Asked of the system for UDP: a keyframe comes faster than it is read."""
_DEVICE = re.compile(r"[0-9]+|/dev/.+|video=.+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceAddress:
    """Where to read from. Its repr and its label hold no credentials."""

    kind: str
    """A row of the registry."""
    label: str
    """Display name, short."""
    url: str = field(repr=False)
    """URL for FFmpeg; for a file, its path."""
    format: str | None = None
    """FFmpeg's name of the input, where it cannot tell by itself."""
    options: dict[str, str] = field(default_factory=dict)
    """For FFmpeg; nothing secret."""
    opens: str = ""
    """`module:function`, called with the URL in the capture process; it returns a `Source`. Empty
    for what FFmpeg reads as it comes."""
    ends: bool = False
    """It is recorded: played at its own pace, no picture left out, and not opened anew."""


# -- files ------------------------------------------------------------------------------------


def file(text: str, _settings: Live) -> SourceAddress | None:
    """A recorded video."""
    if split_address(text):
        return None
    opens = "stream_anon.sources.file:open_recording"
    return SourceAddress("file", Path(text).name or "file", text, opens=opens, ends=True)


# -- devices ----------------------------------------------------------------------------------


def device(text: str, settings: Live) -> SourceAddress | None:
    """A webcam by its number or path."""
    if not _DEVICE.fullmatch(text):
        return None
    options: dict[str, str] = {}
    if settings.device_size:
        options["video_size"] = settings.device_size
    if settings.device_rate:
        options["framerate"] = f"{settings.device_rate:g}"
    if sys.platform == "darwin":
        options.setdefault("framerate", "30")  # AVFoundation refuses FFmpeg's own default
        return SourceAddress("device", f"webcam {text}", f"{text}:none", "avfoundation", options)
    if sys.platform == "win32":
        path = _numbered(int(text)) if text.isdecimal() else text
        return SourceAddress("device", f"webcam {text}", path, "dshow", options)
    path = f"/dev/video{text}" if text.isdecimal() else text
    return SourceAddress("device", path, path, "v4l2", options)


def _numbered(number: int) -> str:
    """DirectShow knows names only."""
    known = list_devices()
    if number >= len(known):
        raise ConfigError(f"there is no webcam {number}: see `stream-anon devices`")
    return known[number].path


# -- networks ---------------------------------------------------------------------------------


def network(text: str, settings: Live) -> SourceAddress | None:
    """An address of one of `SCHEMES`."""
    scheme, rest = split_address(text) or ("", "")
    if scheme not in SCHEMES:
        return None
    if scheme in WITH_LOGIN and _LOGIN_OR_PORT.match(rest):
        raise ConfigError(
            f"the address {scheme}://… has an @ after its host and port: in a password, write / as "
            "%2F, ? as %3F and # as %23; elsewhere, @ as %40"
        )
    login, rest = _split_login(rest)
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if not host and scheme != "udp":
        raise ConfigError(f"the address {scheme}://… has no host")
    keep = "@" if login is not None and scheme == "udp" else ""
    if scheme in WITH_LOGIN:
        keep = _login(login).before_host
    return SourceAddress(
        "network",
        address_shown(scheme, rest)[:LONGEST_LABEL],
        f"{scheme}://{keep}{rest}",
        options=_options(scheme, settings),
    )


def _split_login(rest: str) -> tuple[str | None, str]:
    """User and password, and what comes after them.

    People paste passwords as they are: one with a slash or a hash seems to end the host's name.
    """
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        login = host.rpartition("@")[0]
    elif "@" in rest and not re.fullmatch(r"(\[.*\]|[^:]*)(:\d*)?", host):
        login = rest.rpartition("@")[0]
    else:
        return None, rest
    return login, rest[len(login) + 1 :]


def _login(given: str | None) -> Login:
    """User and password, from the environment where the address has none."""
    login, known = Login.parse(given or ""), Login.of_environment(USER, PASSWORD)
    if not login.user:
        login = known
    elif login.password is None and known.user in ("", login.user):
        login = replace(login, password=known.password)
    return replace(login, password=login.password or "")


def _options(scheme: str, settings: Live) -> dict[str, str]:
    silence = str(round(GIVES_UP_AFTER * settings.watchdog * MICROSECONDS))
    probing = {"fpsprobesize": "0", "analyzeduration": str(2 * MICROSECONDS)}
    if scheme in ("rtsp", "rtsps"):
        own = {
            "rtsp_transport": settings.rtsp_transport,
            "allowed_media_types": "video" if settings.audio == "drop" else "video+audio",
            "timeout": silence,
            "max_delay": str(REORDERED_WITHIN),
            "buffer_size": str(RECEIVE_BYTES),
        }
        if scheme == "rtsps":
            own["rtsp_transport"] = "tcp"
    elif scheme == "udp":
        own = {"timeout": silence, "overrun_nonfatal": "1", "buffer_size": str(RECEIVE_BYTES)}
    elif scheme in ("rtmp", "rtmps"):
        # FLV never says that there will be no sound: more time would be spent on waiting for it.
        probing["analyzeduration"] = str(MICROSECONDS // 2)
        own = {"rtmp_live": "live", "rw_timeout": silence}
    elif scheme == "srt":
        own = {"timeout": silence}
    else:
        own = {"rw_timeout": silence}
    return probing | own
