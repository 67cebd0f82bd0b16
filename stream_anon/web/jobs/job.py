"""One job, as the database knows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3


class State(StrEnum):
    """How far it is."""

    uploading = "uploading"
    waiting = "waiting"
    running = "running"
    done = "done"
    failed = "failed"
    cancelled = "cancelled"

    @property
    def is_over(self) -> bool:
        return self in (State.done, State.failed, State.cancelled)


class Task(StrEnum):
    """What is to be done with the original."""

    redact = "redact"
    """Look for people, and hide them."""
    edits = "edits"
    """Render again from its masks, with the edits of its review."""
    tracks = "tracks"
    """Render again from its tracks file."""


@dataclass(frozen=True, slots=True)
class Options:
    """What its owner asked for."""

    scope: str | None = None
    method: str | None = None
    audio: str | None = None
    audit: bool = False
    review: bool = False

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class JobRow:
    """A row of the table."""

    id: str
    owner: str
    name: str
    kind: str
    state: State
    task: Task
    options: Options
    settings: dict[str, Any]
    """All that it is redacted with, as they were when it was uploaded."""
    made: float
    ended: float | None
    tries: int
    frames: int
    total: int | None
    error: str | None
    outcome: dict[str, Any] = field(default_factory=dict)
    """What it said at its end."""

    @classmethod
    def of(cls, row: sqlite3.Row) -> JobRow:
        values = dict(row)
        values["state"], values["task"] = State(row["state"]), Task(row["task"])
        values["options"] = Options(**json.loads(row["options"]))
        values["settings"], values["outcome"] = (
            json.loads(row[name]) for name in ("settings", "outcome")
        )
        return cls(**values)
