"""The parent's side of one job that runs."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from stream_anon.web.jobs.files import JobFiles
    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.limits import Limits

MODULE = "stream_anon.web.jobs.child"
SEND = 20.0
"""Seconds that it has to take what it is to do."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job's process ended."""

    outcome: dict[str, Any] | None = None
    """What it said; None where it failed."""
    error: str | None = None


class Running:
    """A job's process. One thread runs it; any thread may look, or stop it."""

    def __init__(self, job: JobRow, files: JobFiles, ending: str, limits: Limits) -> None:
        self.job, self._files, self._ending, self._limits = job, files, ending, limits
        self._began = monotonic()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._stopped = False
        self.frames, self.total = 0, job.total
        self.progress = 0.0

    @property
    def seconds_left(self) -> float | None:
        """An estimate; None while there is nothing to go by."""
        if self.progress < 0.02:
            return None
        passed = monotonic() - self._began
        return passed * (1 - self.progress) / self.progress

    @property
    def was_stopped(self) -> bool:
        return self._stopped

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None else None

    def stop(self) -> None:
        """Kill it, now or as soon as it is there."""
        with self._lock:
            self._stopped = True
            if self._child is not None:
                self._child.kill()

    def run(self) -> Ended:
        """Start it, and wait for its end."""
        with self._lock:
            if self._stopped:
                return Ended(error="stopped")
            self._child = Child(MODULE)
        with closing(self._child) as child:
            try:
                child.send(Message("work", self._fields()), SEND)
                return self._followed(child)
            except ChildGone as gone:
                if monotonic() - self._began >= self._limits.seconds:
                    hours = self._limits.seconds / 3600
                    return Ended(error=f"it took more than the {hours:g} hours that it may")
                return Ended(error=f"its process was lost: {gone}")

    def _followed(self, child: Child) -> Ended:
        while True:
            left = self._limits.seconds - (monotonic() - self._began)
            message = child.receive(max(0.01, left))
            fields = message.fields
            if message.kind == "done":
                return Ended(outcome=fields)
            if message.kind == "failed":
                return Ended(error=str(fields.get("error", "it failed")))
            self.frames, self.total = int(fields["frames"]), fields["total"]
            self.progress = max(self.progress, min(1.0, float(fields["progress"])))

    def _fields(self) -> dict[str, Any]:
        return {
            "task": self.job.task.value,
            "folder": str(self._files.folder),
            "ending": self._ending,
            "settings": self.job.settings,
            "limits": self._limits.to_json(),
            "audit": self.job.options.audit,
            "review": self.job.options.review,
        }
