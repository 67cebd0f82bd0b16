"""From what a request carries to who sent it."""

from __future__ import annotations

import math
import threading
from time import time
from typing import TYPE_CHECKING

from stream_anon.web.errors import Refused
from stream_anon.web.security.rate_limit import RateLimit
from stream_anon.web.security.sessions import Sessions
from stream_anon.web.security.tokens import Token, Tokens
from stream_anon.web.security.who import Role, Who

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection

    from stream_anon.web.store.store import Store

COOKIE = "stream_anon"
BEARER = "bearer "
ANONYMOUS = "anonymous"
MOST_CHECKS = 8
"""Tokens that are checked at once, or wait for that: each takes memory and time."""


class Auth:
    """Tokens, logins and the limit on failures. Any thread may call anything; calls may block."""

    def __init__(
        self, store: Store, *, hours: float, secure: bool, anonymous: bool = False
    ) -> None:
        """Be ready.

        Args:
            store: the database.
            hours: that a login lasts.
            secure: browsers come by TLS: cookies are for that only.
            anonymous: whoever has no token is a viewer.
        """
        self._store = store
        self.tokens = Tokens(store)
        self.sessions = Sessions(store, hours)
        self.limit = RateLimit()
        self.secure = secure
        self._anonymous = anonymous
        self.failures = 0
        """Logins that failed."""
        self._checks = threading.BoundedSemaphore(MOST_CHECKS)

    @property
    def cookie(self) -> str:
        """The name of the cookie; with TLS one that browsers let no other host set."""
        return f"__Host-{COOKIE}" if self.secure else COOKIE

    def who(self, request: HTTPConnection) -> Who | None:
        """Who sent a request; None where nobody did whom we know.

        Raises:
            Refused: its token is wrong, or its address has failed too often.
        """
        text = request.headers.get("authorization", "")
        if text.lower().startswith(BEARER):
            token = self._checked(text[len(BEARER) :].strip(), request)
            return Who(token.name, token.role, f"token {token.id}")
        cookie = request.cookies.get(self.cookie)
        known = self.sessions.who(cookie) if cookie else None
        if known is None and self._anonymous:
            return Who("anonymous", Role.viewer, ANONYMOUS)
        return known

    def still_knows(self, who: Who) -> bool:
        """Whether somebody's login, or their token, still holds with the same role."""
        if who.session_id == ANONYMOUS:
            return self._anonymous
        kind, _, token = who.session_id.partition(" ")
        if kind == "token" and token.isdecimal():
            row = self._store.row(
                "SELECT role FROM tokens WHERE id = ? AND (ends IS NULL OR ends > ?)",
                (int(token), time()),
            )
        else:
            row = self._store.row(
                "SELECT role FROM sessions JOIN tokens ON tokens.id = token"
                " WHERE sessions.id = ? AND sessions.ends > ?",
                (who.session_id, time()),
            )
        return row is not None and row["role"] == who.role.value

    def log_in(self, text: str, request: HTTPConnection) -> tuple[Who, str]:
        """Begin a session with a token, or with the single use of a link.

        Returns:
            Who that is, and the cookie.

        Raises:
            Refused: the token is wrong, was used, or its address has failed too often.
        """
        token = self._checked(text, request, links=True)
        if token.kind == "link" and not self.tokens.use_link(token):
            raise Refused(401, "this login link was used already: ask for a new one")
        cookie = self.sessions.begin(token.parent or token.id)
        who = self.sessions.who(cookie)
        assert who is not None
        return who, cookie

    def _checked(self, text: str, request: HTTPConnection, *, links: bool = False) -> Token:
        if (known := self.tokens.known(text)) is not None:
            return known  # whatever others do who seem to come from the same place
        address = request.client.host if request.client else ""
        if wait := self.limit.wait(address):
            why = "too many failed logins: try again later"
            raise Refused(429, why, {"retry-after": str(math.ceil(wait))})
        if not self._checks.acquire(blocking=False):
            raise Refused(503, "too many logins at once: try again", {"retry-after": "1"})
        try:
            token = self.tokens.check(text)
        finally:
            self._checks.release()
        if token is None or (token.kind == "link" and not links):
            self.limit.failed(address)
            self.failures += 1
            raise Refused(
                401, "this token is not known, or no longer", {"www-authenticate": "Bearer"}
            )
        return token
