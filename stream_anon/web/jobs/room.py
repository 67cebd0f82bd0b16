"""The room of jobs: uploads wait in line, are redacted one after the other, and are forgotten."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING, Any

from stream_anon.core.file_lock import lock_alone
from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.errors import ConfigError, DiskFullError
from stream_anon.web.errors import Refused
from stream_anon.web.jobs.asked import settings_for
from stream_anon.web.jobs.cleaning import Cleaner
from stream_anon.web.jobs.files import JobFiles, new_id
from stream_anon.web.jobs.job import State, Task
from stream_anon.web.jobs.kinds import HEAD, kind_of
from stream_anon.web.jobs.limits import Limits
from stream_anon.web.jobs.running import Ended, Running
from stream_anon.web.jobs.table import JobTable
from stream_anon.web.jobs.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from stream_anon.config import Settings, Web
    from stream_anon.web.jobs.job import JobRow, Options
    from stream_anon.web.security.who import Who
    from stream_anon.web.store.store import Store

log = stream_logger(__name__)

FOLDER, LOCK = "jobs", "jobs.lock"
ANONYMOUS = "anonymous"
"""The session of whoever has no token: files of one would be everybody's."""
LEAST_FREE = 1 << 30
"""Bytes that stay free on the disk when an upload begins."""
LATER, RETRY = "try again later", {"retry-after": "10"}


class JobRoom:
    """All jobs. Any thread may call anything; it is closed once, by its owner."""

    def __init__(
        self, folder: Path, store: Store, settings: Callable[[], Settings], *, start: bool = True
    ) -> None:
        """Take up what was under way, clean up, and begin to work.

        Args:
            folder: private, of the whole server.
            store: its database.
            settings: those in force, whenever they are asked for.
            start: False lets jobs wait.
        """
        self._settings, self._store = settings, store
        self._alone = _alone_in(folder)
        self._folder = folder / FOLDER
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.table = JobTable(store)
        self._lock = threading.Lock()
        self._wake, self._closing = threading.Event(), threading.Event()
        self._running: Running | None = None
        self.on_forget: list[Callable[[str], None]] = []
        """Called with the id of a job whose original is about to go."""
        self._cleaner = Cleaner(self._folder, self.table, lambda: settings().web, self._let_go)
        self._cleaner.take_up()
        self._threads: list[threading.Thread] = []
        if start:
            self._threads = [
                StreamThread(target=self._work, name="stream_anon jobs", daemon=True),
                StreamThread(target=self._clean, name="stream_anon cleaning", daemon=True),
            ]
        for thread in self._threads:
            thread.start()

    # -- uploading ------------------------------------------------------------------------------

    def begin(self, who: Who, name: str) -> Upload:
        """Somebody is about to send a file.

        Args:
            who: sends it.
            name: what they call it, for showing.

        Raises:
            Refused: too many are under way, or nobody knows who it is.
            SinkError: there is no room for it.
        """
        if who.session_id == ANONYMOUS:
            raise Refused(403, "log in first: files are redacted for whoever sent them alone")
        if shutil.disk_usage(self._folder).free < LEAST_FREE:
            raise DiskFullError("too little space is left for uploads: delete jobs, or wait")
        with self._lock:
            most = self._settings().web.most_jobs
            if self.table.under_way() >= most:
                raise Refused(429, f"{most} jobs are under way already: {LATER}", RETRY)
            job = new_id()
            upload = Upload(job, self.files(job))
            self.table.add(job, who.session_id, shown_name(name))
        return upload

    def finish(
        self, upload: Upload, options: Options, name: str, note: Callable[[str, str], None]
    ) -> JobRow:
        """All of a file has come: it waits for its turn.

        Args:
            upload: from `begin`.
            options: what is to be done with it.
            name: what it is called, for showing.
            note: called with the job's id and kind, to write down who has sent it.

        Raises:
            Refused: it is no photo and no video.
            ConfigError: the options make no sense.
        """
        kind = upload.finish()
        settings = settings_for(options, self._settings())
        with self._store.changing():
            self.table.uploaded(upload.job, kind.kind, options, settings, shown_name(name))
            note(upload.job, kind.kind)
        self._wake.set()
        found = self.table.get(upload.job)
        if found is None:
            raise Refused(409, "the job was deleted while it came in")
        return found

    def abort(self, upload: Upload) -> None:
        """A file does not come whole, or is refused: nothing is left of it."""
        upload.abort()
        self.table.remove(upload.job)

    # -- looking --------------------------------------------------------------------------------

    @property
    def web(self) -> Web:
        """The settings in force."""
        return self._settings().web

    def files(self, job: str) -> JobFiles:
        """The folder of a job."""
        return JobFiles(self._folder, job)

    def of(self, who: Who) -> list[JobRow]:
        """Somebody's jobs, the newest first."""
        return self.table.of(who.session_id)

    def get(self, job: str, who: Who) -> JobRow:
        """Somebody's job.

        Raises:
            Refused: they have none of that id, whoever else may.
        """
        found = self.table.get(job)
        if found is None or found.owner != who.session_id:
            raise Refused(404, "there is no such job")
        return found

    def running(self, job: str) -> Running | None:
        """How far a job is, while it runs."""
        running = self._running
        return running if running is not None and running.job.id == job else None

    # -- changing -------------------------------------------------------------------------------

    def cancel(self, job: JobRow) -> bool:
        """End a job that is not over; nothing of it stays on the disk.

        Returns:
            Whether it was not over.
        """
        with self._lock:
            ended = self.table.end(job.id, State.cancelled)
            running = self.running(job.id)
            if running is not None:
                running.stop()
            elif ended:
                self._undo(job)
        return ended

    def remove(self, job: JobRow) -> None:
        """Forget a job, with all of its files."""
        with self._lock:
            running = self.running(job.id)
            if running is not None:
                running.stop()
            self.table.remove(job.id)
            self._forget_files(job.id)

    def again(self, job: JobRow, task: Task) -> JobRow:
        """Render a job that is over once more.

        Raises:
            Refused: it is not over, or its original was deleted.
        """
        if not self.files(job.id).original.exists():
            raise Refused(409, "the original was deleted: upload it again")
        with self._lock:
            if self.table.under_way() >= self._settings().web.most_jobs:
                raise Refused(429, f"too many jobs are under way: {LATER}", RETRY)
            if not self.table.again(job.id, task):
                raise Refused(409, "this job is not over: wait for it, or cancel it")
        self._wake.set()
        found = self.table.get(job.id)
        assert found is not None
        return found

    def close(self) -> None:
        """Stop working; what runs begins again at the next start."""
        self._closing.set()
        self._wake.set()
        with self._lock:
            if self._running is not None:
                self._running.stop()
        for thread in self._threads:
            thread.join()
        os.close(self._alone)

    # -- working --------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._closing.is_set():
            job = self.table.next()
            if job is None:
                self._wake.wait()
                self._wake.clear()
            else:
                self._run(job)

    def _run(self, job: JobRow) -> None:
        files = self.files(job.id)
        with self._lock:
            running = Running(job, files, self._ending(job), Limits.of(self._settings().web))
            if self._closing.is_set():
                running.stop()
            self._running = running
        try:
            files.renew()
            ended = running.run()
        except OSError as error:
            ended = Ended(error=f"it cannot be started: {(error.strerror or 'it failed').lower()}")
        with self._lock:
            self._running = None
            found = self.table.get(job.id)
            if found is None:
                self._forget_files(job.id)
            elif found.state is not State.running:
                self._undo(job)
            elif running.was_stopped and self._closing.is_set():
                self.table.wait_again(job.id)
            else:
                self._settle(job, ended.outcome, ended.error)

    def _settle(self, job: JobRow, outcome: dict[str, Any] | None, error: str | None) -> None:
        """Keep what came of a job, or nothing."""
        files = self.files(job.id)
        if outcome is not None:
            try:
                files.publish()
            except OSError as failure:
                outcome, error = None, f"its files cannot be kept: {failure.strerror}"
        if outcome is None:
            self._undo(job)  # before anybody is told
            self.table.end(job.id, State.failed, error or "it could not be started")
            return
        self.table.end(job.id, State.done, outcome=outcome, frames=outcome.get("frames"))
        done = self.table.get(job.id)
        if done is not None:
            self._cleaner.after(done)

    def _undo(self, job: JobRow) -> None:
        """Nothing stays of an upload that came to nothing; of a new rendering, what was before."""
        if job.task is Task.redact:
            self._forget_files(job.id)
        else:
            self.files(job.id).discard_new()

    def _ending(self, job: JobRow) -> str:
        try:
            with self.files(job.id).original.open("rb") as file:
                kind = kind_of(file.read(HEAD))
        except OSError:
            return ".mp4"
        return kind.output if kind is not None else ".mp4"

    def _forget_files(self, job: str) -> None:
        self._let_go(job)
        self.files(job).forget()

    def _let_go(self, job: str) -> None:
        for tell in self.on_forget:
            tell(job)

    def _clean(self) -> None:
        while not self._closing.wait(self._cleaner.interval):
            self._cleaner.clean()


def _alone_in(folder: Path) -> int:
    """What says that no other server works in a folder: it would take up jobs that run here."""
    try:
        return lock_alone(folder / LOCK)
    except OSError as error:
        raise ConfigError(
            f"another server uses the folder {folder}: end it, or choose another with --folder"
        ) from error


def shown_name(name: str) -> str:
    """What somebody calls a file, without anything that is no name: it is only shown."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in last if c.isprintable())[-120:] or "upload"
