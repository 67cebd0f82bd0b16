"""Who changed what, when. Entries are added and read, never changed."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_anon.web.security.who import Who
    from stream_anon.web.store.store import Store


class Entry(NamedTuple):
    """One thing that somebody did."""

    id: int
    time: float
    """Seconds since 1970."""
    who: str
    role: str
    action: str
    """A verb and what it was done to, such as `change settings`."""
    subject: str
    """Which one: a camera's id, a job's id."""
    details: dict[str, Any]


class AuditLog:
    """The entries, in the database. Any thread may call anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, who: Who, action: str, subject: str = "", details: Mapping[str, Any] | None = None
    ) -> None:
        """Note what somebody did; call it with what is done, inside `store.changing()`.

        Args:
            who: did it.
            action: such as `add camera`.
            subject: which one.
            details: JSON values, without credentials.

        Raises:
            SinkError: it could not be written: then what it is about must not happen either.
        """
        self._store.change(
            "INSERT INTO audit_log (time, who, role, action, subject, details)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (time(), who.name, who.role.value, action, subject, json.dumps(details or {})),
        )

    def entries(self, *, before: int | None = None, most: int = 100) -> list[Entry]:
        """The newest first.

        Args:
            before: only those with a smaller id, to read on.
            most: how many.
        """
        rows = self._store.rows(
            "SELECT * FROM audit_log WHERE ? IS NULL OR id < ? ORDER BY id DESC LIMIT ?",
            (before, before, most),
        )
        return [Entry(**{**dict(row), "details": json.loads(row["details"])}) for row in rows]
