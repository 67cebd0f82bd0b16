"""What becomes of files in the end: each goes with its time, also after a crash."""

from __future__ import annotations

import shutil
from time import time
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.web.jobs.files import JobFiles, folders
from stream_anon.web.jobs.job import State, Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_anon.config import Web
    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.table import JobTable

log = stream_logger(__name__)

MOST_TRIES = 2
"""A job that was under way at the end of so many runs may be what ended them."""


class Cleaner:
    """Deletes originals and results when their time has come."""

    interval = 20.0
    """Seconds between two looks."""

    def __init__(
        self,
        folder: Path,
        table: JobTable,
        web: Callable[[], Web],
        let_go: Callable[[str], None],
    ) -> None:
        """Args: let_go: is told which job's original is about to go."""
        self._folder, self._table, self._web, self._let_go = folder, table, web, let_go

    def take_up(self) -> None:
        """At a start: jobs that were under way wait again, or are reported.

        Whatever else is left of an earlier run goes.
        """
        known = set()
        for job in self._table.all():
            files = JobFiles(self._folder, job.id)
            if job.state is State.uploading:
                self._table.remove(job.id)  # nobody has been told of it
                files.forget()
                continue
            if job.state in (State.running, State.waiting):
                self._take_up(job, files)
            known.add(job.id)
        for name, path in folders(self._folder):
            if name not in known:
                log.warning("deleting what an earlier run has left of a job")
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
        self.clean()

    def _take_up(self, job: JobRow, files: JobFiles) -> None:
        files.discard_new()
        if not files.original.exists():
            self._fail(job, files, "its upload is gone: upload it again")
        elif job.tries >= MOST_TRIES:
            self._fail(job, files, "the server was ended twice while it ran: it was given up")
        else:
            self._table.retry(job.id)

    def _fail(self, job: JobRow, files: JobFiles, error: str) -> None:
        self._table.end(job.id, State.failed, error)
        if job.task is Task.redact:
            files.forget()

    def after(self, job: JobRow) -> None:
        """A job has just ended: its original goes, unless there is a reason to keep it."""
        if not self._keeps_original(job, time()):
            self._forget_original(job)

    def clean(self) -> None:
        """Delete whatever has had its time."""
        now = time()
        for job in self._table.all():
            if not job.state.is_over or job.ended is None:
                continue
            files = JobFiles(self._folder, job.id)
            if now - job.ended > 3600 * self._web().keep_results_hours:
                self._let_go(job.id)
                files.forget()
                self._table.remove(job.id)
            elif files.original.exists() and not self._keeps_original(job, now):
                self._forget_original(job)

    def _keeps_original(self, job: JobRow, now: float) -> bool:
        if job.options.review:
            return True
        minutes = self._web().keep_originals_minutes
        since = now - (job.ended or now)
        return since < 60 * minutes and self._table.has_session(job.owner)

    def _forget_original(self, job: JobRow) -> None:
        self._let_go(job.id)
        JobFiles(self._folder, job.id).forget_original()
