"""The room of reviews: the desks that are in use, and the edits made at them."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from stream_anon.core.sound_plan import SoundPlan
from stream_anon.core.stream_log import StreamThread
from stream_anon.web.errors import Refused
from stream_anon.web.jobs import files as names
from stream_anon.web.jobs.job import Task
from stream_anon.web.jobs.limits import Limits
from stream_anon.web.review.desk import Desk
from stream_anon.web.review.history import History

if TYPE_CHECKING:
    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.room import JobRoom
    from stream_anon.web.store.store import Store

MOST_DESKS = 4
"""Processes of reviews at once; the one that was asked longest ago makes room."""
LOOK = 15.0
"""Seconds between two looks for desks that nobody uses."""


class ReviewRoom:
    """All reviews. Any thread may call anything; it is closed once, by its owner."""

    def __init__(self, jobs: JobRoom, store: Store) -> None:
        self._jobs = jobs
        self.history = History(store)
        self._lock = threading.Lock()
        self._desks: dict[str, Desk] = {}
        """Those used last come last."""
        self._closing = threading.Event()
        jobs.on_forget.append(self.leave)
        self._thread = StreamThread(target=self._tidy, name="stream_anon desks", daemon=True)
        self._thread.start()

    def lanes(self, job: JobRow) -> dict[str, Any]:
        """Everybody in a recording, those to look at first at the top.

        Raises:
            Refused: there is nothing to review.
        """
        self._check(job)
        path = self._jobs.files(job.id) / names.LANES
        try:
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Refused(409, "this job has no review: upload it again for one") from error
        kept = kept_by(self.history.now(job.id).edits)
        audio = job.settings.get("output", {}).get("audio", "drop")
        found["sound"] = found["sound"] and SoundPlan.parse(audio).base != "drop"
        for lane in found["lanes"]:
            lane["kept"] = lane["track"] in kept
            lane["thumb"] = f"/api/v1/reviews/{job.id}/thumbs/{lane['track']}"
        return found

    def desk(self, job: JobRow) -> Desk:
        """Where a recording can be looked at.

        Raises:
            Refused: there is nothing to review.
        """
        self._check(job)
        gone: list[Desk] = []
        with self._lock:
            desk = self._desks.pop(job.id, None)
            if desk is None:
                files = self._jobs.files(job.id)
                desk = Desk(job, files, Limits.of(self._jobs.web))
            self._desks[job.id] = desk
            while len(self._desks) > MOST_DESKS:
                gone.append(self._desks.pop(next(iter(self._desks))))
        for one in gone:
            one.close()
        return desk

    def _check(self, job: JobRow) -> None:
        files = self._jobs.files(job.id)
        if not job.options.review or not (files / names.MASKS).exists():
            raise Refused(409, "there is no review: the job is not done, or was not sent for one")

    def render(self, job: JobRow) -> JobRow:
        """Render a recording again from its masks with the edits, detecting nothing.

        Raises:
            Refused: there is nothing to review, or it is under way.
        """
        self._check(job)
        if not job.state.is_over:
            raise Refused(409, "this job is under way: wait for it, or cancel it")
        path = self._jobs.files(job.id) / names.EDITS
        content = {"stream_anon_edits": 1, "edits": self.history.now(job.id).edits}
        new = path.with_suffix(".new")
        new.write_text(json.dumps(content), encoding="utf-8")
        new.replace(path)
        return self._jobs.again(job, Task.edits)

    def leave(self, job: str) -> None:
        """Nobody looks at a recording any more: its process ends."""
        with self._lock:
            desk = self._desks.pop(job, None)
        if desk is not None:
            desk.close()

    def _tidy(self) -> None:
        while not self._closing.wait(LOOK):
            with self._lock:
                unused = [job for job, desk in self._desks.items() if desk.is_unused]
            for job in unused:
                self.leave(job)

    def interrupt(self) -> None:
        """Whoever waits for a picture is to get an answer now."""
        with self._lock:
            for desk in self._desks.values():
                desk.interrupt()

    def close(self) -> None:
        """End all processes."""
        self._closing.set()
        self._thread.join()
        with self._lock:
            desks, self._desks = list(self._desks.values()), {}
        for desk in desks:
            desk.close()


def kept_by(edits: list[Any]) -> set[int]:
    """Tracks that the last word about them leaves clear, somewhere."""
    kept: set[int] = set()
    for edit in edits:
        if edit["kind"] in ("keep", "delete"):
            kept.add(edit["track"])
        elif edit["kind"] == "hide" and "from" not in edit and "to" not in edit:
            kept.discard(edit["track"])
    return kept
