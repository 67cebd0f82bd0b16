"""What a `--to` says: one parser for each kind of output, which `sinks/registry.py` lists."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import SplitResult, urlsplit

from stream_anon.core.address import Login, split_address
from stream_anon.core.credentials import address_shown
from stream_anon.errors import ConfigError
from stream_anon.sinks.encoding.encoders import CONTAINERS
from stream_anon.sinks.live.names import Names

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo

PUBLISH_USER = "STREAM_ANON_PUBLISH_USER"
PUBLISH_PASSWORD = "STREAM_ANON_PUBLISH_PASSWORD"  # noqa: S105 - the variable's name
PUBLISH_KEY = "STREAM_ANON_PUBLISH_KEY"
RECORDINGS = (".mkv", ".mp4", ".m4v", ".mov", ".ts", ".mts", ".m2ts", ".webm")
"""Endings of files that can be written without ever being complete."""
_PLAYLIST = "live.m3u8"
_UDP_PAYLOAD = 1316
"""Bytes: seven packets of MPEG-TS, which fit into one Ethernet frame."""


class _Protocol(NamedTuple):
    container: str
    user: bool = False
    """Takes a user and a password."""
    port: bool = False
    """Does not work without a port."""


_PROTOCOLS = {
    "rtsp": _Protocol("rtsp", user=True),
    "rtsps": _Protocol("rtsp", user=True),
    "rtmp": _Protocol("flv", user=True),
    "rtmps": _Protocol("flv", user=True),
    "udp": _Protocol("mpegts", port=True),
}
SCHEMES = tuple(_PROTOCOLS)


@dataclass(frozen=True, slots=True)
class SinkAddress:
    """One output of a live run. Neither its repr nor its label holds a credential."""

    kind: str
    """A row of the registry."""
    label: str
    """Display name, also for metrics."""
    target: str = field(repr=False)
    """A file name or pattern, a playlist, a URL with its credentials, or a device; may be empty
    for the camera, which is then the first one."""
    container: str = ""
    """FFmpeg's name; empty for the camera."""


@dataclass(frozen=True, slots=True)
class SinkOrder:
    """What a sink is opened with, in a process of its own."""

    address: SinkAddress
    info: StreamInfo
    """Of the frames to come."""
    settings: Settings
    segment: float | None = None
    """Seconds after which a recording goes on in the next file."""
    keep: float | None = None
    """Seconds after which a file of the recording is deleted."""


def camera(text: str) -> SinkAddress | None:
    """`camera`, or `camera:DEVICE`."""
    if text != "camera" and not text.startswith("camera:"):
        return None
    return SinkAddress("camera", text, text.removeprefix("camera").removeprefix(":"))


def playlist(text: str) -> SinkAddress | None:
    """`hls:FOLDER`, or `NAME.m3u8`."""
    if text.startswith("hls:"):
        folder = text.removeprefix("hls:")
        if not folder:
            raise ConfigError("hls: needs a folder, such as hls:web/live")
        return SinkAddress("hls", text, str(Path(folder) / _PLAYLIST), "hls")
    is_one = "://" not in text and Path(text).suffix.lower() == ".m3u8"
    return SinkAddress("hls", text, text, "hls") if is_one else None


def recording(text: str) -> SinkAddress | None:
    """`NAME.mkv` or another container; the name may hold a date such as `%Y%m%d-%H%M%S`."""
    ending = Path(text).suffix.lower()
    if "://" in text or ending not in RECORDINGS:
        return None
    Names(Path(text))  # a field that no date has is said before anything is opened
    return SinkAddress("file", text, text, CONTAINERS[ending])


def stream(text: str) -> SinkAddress | None:
    """An address of one of `SCHEMES`.

    Where it has no user and password, those of the environment are taken; so is the key of an
    RTMP stream.
    """
    scheme, _ = split_address(text) or ("", "")
    protocol = _PROTOCOLS.get(scheme)
    if protocol is None:
        return None
    parts = _split(text)
    place = parts.netloc.rpartition("@")[2]
    label = address_shown(scheme, f"{place}{parts.path}")
    if not parts.hostname or (protocol.port and parts.port is None):
        wanted = "a host and a port" if protocol.port else "a host"
        raise ConfigError(f"{label} must include {wanted}")
    login = _login(scheme, parts.netloc, label) if protocol.user else ""
    query = parts.query
    if scheme == "udp" and "pkt_size=" not in query:
        query = f"{query}&pkt_size={_UDP_PAYLOAD}".lstrip("&")
    path = _with_key(parts.path) if scheme.startswith("rtmp") else parts.path
    url = f"{scheme}://{login}{place}{path}" + (f"?{query}" if query else "")
    return SinkAddress("stream", label, url, protocol.container)


def _split(text: str) -> SplitResult:
    # No message shows any of it: with a wrong sign in a password, anything may be part of one.
    try:
        parts = urlsplit(text)
        _ = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(
            "the address of an output cannot be read: check its host and port"
        ) from None
    if "@" in parts.path + parts.query + parts.fragment:
        raise ConfigError(
            "the address of an output has an @ after its host: in a password, write / as %2F, "
            "? as %3F and # as %23; elsewhere, @ as %40"
        )
    return parts


def _with_key(path: str) -> str:
    """The path of an RTMP address; one without a stream gets the key of the environment."""
    steps = [step for step in path.split("/") if step]
    key = os.environ.get(PUBLISH_KEY, "")
    return f"/{steps[0]}/{key}" if key and len(steps) == 1 else path


def _login(scheme: str, netloc: str, label: str) -> str:
    """User and password as FFmpeg wants them before the host."""
    given, at, _ = netloc.rpartition("@")
    login = Login.parse(given) if at else Login.of_environment(PUBLISH_USER, PUBLISH_PASSWORD)
    if not login.user or not scheme.startswith("rtmp"):
        return login.before_host
    return f"{_plain(login.user, label)}:{_plain(login.password or '', label)}@"


def _plain(word: str, label: str) -> str:
    """FFmpeg does not decode what stands in an RTMP address."""
    if set(word) & set("/?#:"):
        raise ConfigError(f"user and password for {label} cannot contain any of / ? # :")
    return word
