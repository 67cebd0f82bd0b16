"""Headers that go with every answer: what browsers may do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts and styles are files of ours only; none stand in a page."""
ALWAYS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Not no-referrer: browsers would then send `Origin: null` with our own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), display-capture=()",
}
NOT_STORED = "no-store"
A_YEAR = "max-age=31536000"


class SafeHeaders:
    """Adds them; `Cache-Control: no-store` only where the route does not say otherwise."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        """Args: secure: browsers come by TLS, and are to stay with it."""
        self._app = app
        self._secure = secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in ALWAYS.items():
                    headers[name] = value
                headers.setdefault("cache-control", NOT_STORED)
                if self._secure:
                    headers["strict-transport-security"] = A_YEAR
            await send(message)

        await self._app(scope, receive, with_headers)
