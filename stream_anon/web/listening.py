"""Where the server may listen, and what it is called there."""

from __future__ import annotations

import socket
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING

from stream_anon.errors import ConfigError
from stream_anon.web.security.gate import LOOPBACK

if TYPE_CHECKING:
    from stream_anon.config import Web

BACKLOG = 128
UNSENT = 1 << 17
"""Bytes that wait in the system for a slow connection; with megabytes of them, a viewer of a camera
would see pictures of seconds ago."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def check_listening(web: Web) -> None:
    """Refuse what would send tokens or pictures through a network in the clear.

    Raises:
        ConfigError: which setting is missing.
    """
    if bool(web.tls_cert) != bool(web.tls_key):
        raise ConfigError("TLS needs both files: give --tls-cert and --tls-key")
    if web.tls_cert and web.behind_proxy:
        raise ConfigError("either this server does TLS or its proxy: leave one of them out")
    if is_loopback(web.host):
        return
    if not web.tls_cert and not web.behind_proxy:
        raise ConfigError(
            f"{web.host} can be reached from other machines: give --tls-cert and --tls-key, or "
            "--behind-proxy where a reverse proxy does TLS"
        )
    if web.anonymous:
        raise ConfigError(
            f"web.anonymous is for this machine's address only, not for {web.host}: give everybody "
            "a token with stream-anon tokens add"
        )
    if is_wildcard(web.host) and not web.hosts:
        raise ConfigError(
            f"{web.host} is no name that browsers ask for: say what the server is called, with "
            "--allow-host NAME"
        )


def is_wildcard(host: str) -> bool:
    """Whether an address stands for all of the machine's."""
    try:
        return ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False


def names_of(web: Web) -> frozenset[str]:
    """Names that requests may be for."""
    own = LOOPBACK if is_loopback(web.host) else {web.host}
    named = {host.lower().strip("[]") for host in (*own, *web.hosts)}
    return frozenset(name for name in named if not is_wildcard(name))


def listen(web: Web) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: the address is not this machine's, or is taken.
    """
    host = web.host.strip("[]")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socket.create_server((host, web.port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ConfigError(
            f"cannot listen on {web.host}:{web.port}: {reason}; choose another --port or --host"
        ) from error
    with suppress(AttributeError, OSError):  # not on every system; connections inherit it
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT)
    return sock


def address_of(web: Web, port: int) -> str:
    """What to open in a browser."""
    scheme = "https" if web.tls_cert or web.behind_proxy else "http"
    if web.behind_proxy and web.hosts:
        return f"https://{web.hosts[0]}"
    host = web.hosts[0] if is_wildcard(web.host) and web.hosts else web.host
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"{scheme}://{shown}:{port}"
