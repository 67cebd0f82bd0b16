"""Logins of browsers: a random number in a cookie, of which the database has the hash."""

from __future__ import annotations

import hashlib
import secrets
from time import time
from typing import TYPE_CHECKING

from stream_anon.web.security.who import Role, Who

if TYPE_CHECKING:
    from stream_anon.web.store.store import Store


class Sessions:
    """All logins. They end with their time, with logging out, and with their token."""

    def __init__(self, store: Store, hours: float) -> None:
        """Args: hours: that a login lasts."""
        self._store = store
        self._life = 3600 * hours

    @property
    def seconds(self) -> int:
        """That a login lasts."""
        return int(self._life)

    def begin(self, token: int) -> str:
        """A new login with a token of that id; the answer is for the cookie."""
        cookie, now = secrets.token_urlsafe(32), time()
        with self._store.changing():
            self._store.change("DELETE FROM sessions WHERE ends < ?", (now,))
            self._store.change(
                "INSERT INTO sessions (id, token, began, ends) VALUES (?, ?, ?, ?)",
                (_id(cookie), token, now, now + self._life),
            )
        return cookie

    def who(self, cookie: str) -> Who | None:
        """Who logged in with this cookie, while the login lasts."""
        # The hash is looked up, so how long that takes says nothing about the cookie.
        row = self._store.row(
            "SELECT sessions.id, name, role FROM sessions JOIN tokens ON tokens.id = token"
            " WHERE sessions.id = ? AND sessions.ends > ?",
            (_id(cookie), time()),
        )
        return None if row is None else Who(row["name"], Role(row["role"]), row["id"])

    def end(self, who: Who) -> None:
        """Log out."""
        self._store.change("DELETE FROM sessions WHERE id = ?", (who.session_id,))


def _id(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
