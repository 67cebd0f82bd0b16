"""The table of jobs."""

from __future__ import annotations

import json
from time import time
from typing import TYPE_CHECKING, Any

from stream_anon.web.jobs.job import JobRow, State

if TYPE_CHECKING:
    from stream_anon.web.jobs.job import Options, Task
    from stream_anon.web.store.store import Store

UNDER_WAY = (State.uploading, State.waiting, State.running)


class JobTable:
    """Reads and writes jobs. Any thread may call anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, job: str, owner: str, name: str) -> None:
        """One that is being uploaded."""
        self._store.change(
            "INSERT INTO jobs (id, owner, name, kind, state, task, options, settings, made)"
            " VALUES (?, ?, ?, 'video', 'uploading', 'redact', '{}', '{}', ?)",
            (job, owner, name, time()),
        )

    def uploaded(
        self, job: str, kind: str, options: Options, settings: dict[str, Any], name: str
    ) -> None:
        """All of it is there."""
        self._store.change(
            "UPDATE jobs SET state = 'waiting', kind = ?, options = ?, settings = ?, name = ?"
            " WHERE id = ? AND state = 'uploading'",
            (kind, json.dumps(options.to_json()), json.dumps(settings), name, job),
        )

    def get(self, job: str) -> JobRow | None:
        row = self._store.row("SELECT * FROM jobs WHERE id = ?", (job,))
        return None if row is None else JobRow.of(row)

    def of(self, owner: str) -> list[JobRow]:
        """Somebody's, the newest first."""
        rows = self._store.rows("SELECT * FROM jobs WHERE owner = ? ORDER BY made DESC", (owner,))
        return [JobRow.of(row) for row in rows]

    def all(self) -> list[JobRow]:
        return [JobRow.of(row) for row in self._store.rows("SELECT * FROM jobs ORDER BY made")]

    def under_way(self) -> int:
        """How many are not over."""
        row = self._store.row("SELECT count(*) FROM jobs WHERE state IN (?, ?, ?)", UNDER_WAY)
        return 0 if row is None else int(row[0])

    def next(self) -> JobRow | None:
        """Take the one that has waited longest."""
        with self._store.changing():
            row = self._store.row("SELECT * FROM jobs WHERE state = 'waiting' ORDER BY made")
            if row is None:
                return None
            self._store.change(
                "UPDATE jobs SET state = 'running', tries = tries + 1, frames = 0, total = NULL"
                " WHERE id = ?",
                (row["id"],),
            )
            return self.get(row["id"])

    def wait_again(self, job: str) -> None:
        """It was ended with the server, and begins again: that was no attempt of its own."""
        self._store.change(
            "UPDATE jobs SET state = 'waiting', tries = max(0, tries - 1) WHERE id = ?", (job,)
        )

    def retry(self, job: str) -> None:
        """It was lost with the server, and begins again."""
        self._store.change("UPDATE jobs SET state = 'waiting' WHERE id = ?", (job,))

    def again(self, job: str, task: Task) -> bool:
        """Do something else with one that is over; False where it is not."""
        found = self._store.change(
            "UPDATE jobs SET state = 'waiting', task = ?, tries = 0, error = NULL, ended = NULL"
            " WHERE id = ? AND state IN ('done', 'failed', 'cancelled')",
            (task.value, job),
        )
        return found.rowcount > 0

    def end(
        self,
        job: str,
        state: State,
        error: str | None = None,
        *,
        outcome: dict[str, Any] | None = None,
        frames: int | None = None,
    ) -> bool:
        """It is over; False where it was already."""
        found = self._store.change(
            "UPDATE jobs SET state = ?, error = ?, ended = ?, frames = coalesce(?, frames),"
            " outcome = coalesce(?, outcome) WHERE id = ? AND state IN (?, ?, ?)",
            (state.value, error, time(), frames, outcome and json.dumps(outcome), job, *UNDER_WAY),
        )
        return found.rowcount > 0

    def remove(self, job: str) -> None:
        self._store.change("DELETE FROM jobs WHERE id = ?", (job,))

    def has_session(self, owner: str) -> bool:
        """Whether a login goes on; tokens of programs are no logins."""
        row = self._store.row("SELECT 1 FROM sessions WHERE id = ? AND ends > ?", (owner, time()))
        return row is not None
