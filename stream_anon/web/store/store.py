"""The SQLite database, one connection for all threads, in WAL mode."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError, SinkError
from stream_anon.web.store.schema import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAME = "control-room.sqlite3"
BUSY = 5.0
"""Seconds to wait for another process, such as `stream-anon tokens`, that writes too."""


class Store:
    """Reads and writes rows. Any thread may call anything; calls take turns."""

    def __init__(self, folder: Path) -> None:
        """Open or make the database, and bring its tables up to date.

        Args:
            folder: from `private_folder`.

        Raises:
            ConfigError: it is none, or was made by a newer version.
        """
        path = folder / NAME
        self._lock = threading.RLock()
        try:
            path.touch(mode=0o600)
            self._db = sqlite3.connect(
                path, timeout=BUSY, isolation_level=None, check_same_thread=False
            )
            self._db.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON"):
                self._db.execute(f"PRAGMA {pragma}")
            self._bring_up_to_date(path)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"cannot use the database {path}: {error}; restore it, or move it away"
            ) from error

    def _bring_up_to_date(self, path: Path) -> None:
        with self.changing():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > len(STEPS):
                raise ConfigError(
                    f"{path} was made by a newer version of stream_anon: use that one, or another "
                    "folder"
                )
            for number in range(version, len(STEPS)):
                for statement in STEPS[number].split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {number + 1}")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """What is done inside happens as a whole, or not at all. May be nested.

        Raises:
            SinkError: it could not be written.
        """
        with self._lock:
            if self._db.in_transaction:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._db.execute("ROLLBACK")
                    raise
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise SinkError(f"the database cannot be written: {error}") from error

    def change(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement that writes; its cursor has `lastrowid` and `rowcount`.

        Raises:
            SinkError: it could not be written.
        """
        with self.changing():
            return self._db.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of a query."""
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, if it has any."""
        with self._lock:
            found: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return found

    def close(self) -> None:
        """Close the database. Called once, by its owner."""
        with self._lock:
            self._db.close()
