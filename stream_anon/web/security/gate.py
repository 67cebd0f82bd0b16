"""What every request has to get past: its Host, and the Origin of whatever may change something."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from stream_anon.web.errors import answer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

SAFE = ("GET", "HEAD", "OPTIONS")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names of this machine for itself."""


def host_of(netloc: str) -> str | None:
    """The name in `name:port`, in small letters and without brackets; None where it is none."""
    if not netloc or any(sign in netloc for sign in "@/\\ ?#,"):
        return None
    try:
        parts = urlsplit(f"//{netloc}")
        _ = parts.port  # says whether it is one
        return parts.hostname
    except ValueError:
        return None


class Gate:
    """Refuses a request for another host, and a write or a WebSocket of another site's page."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], cookie: str, secure: bool) -> None:
        """Be ready.

        Args:
            app: what is behind it.
            hosts: names that it answers to.
            cookie: name of the cookie that logs in.
            secure: browsers come by TLS, whatever the request says.
        """
        self._app = app
        self._hosts = frozenset(name.lower().strip("[]") for name in hosts)
        self._cookie = cookie
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        why = self._why_not(scope)
        if why is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await answer(*why)(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    def _why_not(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        named = headers.getlist("host")
        if len(named) != 1 or host_of(named[0]) not in self._hosts:
            return 421, "this host is not served here: add it to web.hosts"
        if scope["type"] == "http" and scope["method"] in SAFE:
            return None
        origins = headers.getlist("origin")
        if not origins:
            # Browsers send it with each write. A program has none, and no cookie either.
            if scope["type"] == "http" and self._cookie not in ";".join(headers.getlist("cookie")):
                return None
            return 403, "a write with a login's cookie needs an Origin header: send a token instead"
        if origins != [f"{self._scheme(scope)}://{named[0]}"]:
            return 403, "this comes from a page of another site, and is refused"
        return None

    def _scheme(self, scope: Scope) -> str:
        secure = self._secure or scope["scheme"] in ("https", "wss")
        return "https" if secure else "http"
