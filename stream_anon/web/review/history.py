"""The edits of a review, every step of them, in the database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_anon.web.errors import Refused

if TYPE_CHECKING:
    from stream_anon.web.store.store import Store

MOST_STEPS = 200
"""That can be undone."""


class Step(NamedTuple):
    """The edits as they are now."""

    edits: list[Any]
    revision: int
    """Rises with every change, undo and redo included."""
    can_undo: bool
    can_redo: bool


class History:
    """Steps of edits by job. Any thread may call anything."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def now(self, job: str) -> Step:
        """The edits of a job; none where there are none yet."""
        row = self._store.row("SELECT revision, step FROM edits WHERE job = ?", (job,))
        if row is None:
            return Step([], 0, can_undo=False, can_redo=False)
        found = self._store.row(
            "SELECT edits FROM edit_steps WHERE job = ? AND step = ?", (job, row["step"])
        )
        first, last = self._ends(job)
        return Step(
            json.loads(found["edits"]) if found is not None else [],
            row["revision"],
            can_undo=row["step"] > first,
            can_redo=row["step"] < last,
        )

    def add(self, job: str, edits: list[Any], expected: int | None) -> Step:
        """A new step, in place of those that were undone.

        Args:
            job: its id.
            edits: all of them.
            expected: the revision that they are a change of; None for any.

        Raises:
            Refused: 412, somebody has changed them meanwhile.
        """
        with self._store.changing():
            self._begin(job)
            step = self._checked(job, expected)
            self._store.change("DELETE FROM edit_steps WHERE job = ? AND step > ?", (job, step))
            self._store.change(
                "INSERT INTO edit_steps (job, step, edits) VALUES (?, ?, ?)",
                (job, step + 1, json.dumps(edits)),
            )
            self._store.change(
                "DELETE FROM edit_steps WHERE job = ? AND step < ?", (job, step + 1 - MOST_STEPS)
            )
            return self._move(job, step + 1)

    def undo(self, job: str, expected: int | None) -> Step:
        """One step back.

        Raises:
            Refused: 409, there is none; 412 as in `add`.
        """
        return self._go(job, -1, expected)

    def redo(self, job: str, expected: int | None) -> Step:
        """One step forward again.

        Raises:
            Refused: 409, there is none; 412 as in `add`.
        """
        return self._go(job, 1, expected)

    def _go(self, job: str, by: int, expected: int | None) -> Step:
        with self._store.changing():
            self._begin(job)
            step = self._checked(job, expected) + by
            first, last = self._ends(job)
            if not first <= step <= last:
                raise Refused(409, f"there is nothing to {'undo' if by < 0 else 'redo'}")
            return self._move(job, step)

    def _begin(self, job: str) -> None:
        if self._store.row("SELECT 1 FROM edits WHERE job = ?", (job,)) is None:
            self._store.change("INSERT INTO edits (job, revision, step) VALUES (?, 0, 0)", (job,))
            self._store.change(
                "INSERT INTO edit_steps (job, step, edits) VALUES (?, 0, '[]')", (job,)
            )

    def _checked(self, job: str, expected: int | None) -> int:
        row = self._store.row("SELECT revision, step FROM edits WHERE job = ?", (job,))
        assert row is not None
        if expected is not None and expected != row["revision"]:
            raise Refused(412, "somebody has changed this meanwhile: load it again")
        return int(row["step"])

    def _ends(self, job: str) -> tuple[int, int]:
        row = self._store.row("SELECT min(step), max(step) FROM edit_steps WHERE job = ?", (job,))
        return (0, 0) if row is None or row[0] is None else (int(row[0]), int(row[1]))

    def _move(self, job: str, step: int) -> Step:
        self._store.change(
            "UPDATE edits SET step = ?, revision = revision + 1 WHERE job = ?", (step, job)
        )
        return self.now(job)
