"""The process of one job: nothing of an upload is decoded anywhere else.

It writes into a folder of its own and says how far it is. It ends with its parent, and leaves no
dump of its memory.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.config import Settings
from stream_anon.core.clear import REVIEW
from stream_anon.errors import StreamAnonError
from stream_anon.pipeline.auditing import AuditFiles, audit_file
from stream_anon.pipeline.recording import redact_file
from stream_anon.pipeline.review.opening import info_of
from stream_anon.processes.host import ParentPipe, serve
from stream_anon.processes.wire import Message
from stream_anon.web.jobs import files
from stream_anon.web.jobs.job import Task
from stream_anon.web.jobs.limits import Limits, hold

if TYPE_CHECKING:
    from stream_anon.core.frame import StreamInfo
    from stream_anon.pipeline.report import Summary

OFTEN = 0.2
"""Seconds between two words about progress."""
PHASES = {"redact": 0.0, "audit": 0.6, "lanes": 0.85}
"""Where each begins, as a share of all work, where all of them are done."""


class Work:
    """What is to be done, and how far it is."""

    def __init__(self, parent: ParentPipe, fields: dict[str, Any]) -> None:
        self._parent = parent
        self.task = Task(fields["task"])
        self.folder, self.out = Path(fields["folder"]), Path(fields["folder"]) / files.NEW
        self.settings = Settings.model_validate(fields["settings"])
        self.limits = Limits(**fields["limits"])
        self.result = self.out / f"{files.RESULT}{fields['ending']}"
        is_first = self.task is Task.redact  # later, some may be left clear on purpose
        self.audit = bool(fields["audit"]) and is_first
        self.lanes = bool(fields["review"]) and is_first
        self._said = 0.0
        self._phase = "redact"
        self.info: StreamInfo | None = None

    @property
    def original(self) -> Path:
        return self.folder / files.ORIGINAL

    def tell(self, frames: int, total: int | None) -> None:
        """Say how far it is, now and then; refuse what turns out to be too long."""
        if self.info is not None:
            self.limits.check_length(frames, self.info)
        now = monotonic()
        if now - self._said < OFTEN:
            return
        self._said = now
        share = min(1.0, frames / total) if total else 0.0
        fields = {"frames": frames, "total": total, "progress": self._progress(share)}
        self._parent.send(Message("progress", fields))

    def begin(self, phase: str) -> None:
        """Go on with something else."""
        self._phase, self._said = phase, 0.0

    def _progress(self, share: float) -> float:
        wanted = ["redact", *["audit"] * self.audit, *["lanes"] * self.lanes]
        begins = [PHASES[name] for name in wanted]
        begins = [begin / (1.0 if "lanes" in wanted else 0.85) for begin in begins] + [1.0]
        n = wanted.index(self._phase)
        return begins[n] + share * (begins[n + 1] - begins[n])


def main(parent: ParentPipe) -> None:
    """Do one job, and tell how it ended."""
    message = parent.receive()
    if message is None or message.kind != "work":
        return
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    os.umask(0o077)
    work = Work(parent, message.fields)
    try:
        hold(work.limits)
        outcome = _done(work)
    except StreamAnonError as error:
        parent.send(Message("failed", {"error": _said(error, work)}))
    except (MemoryError, OSError) as error:
        parent.send(Message("failed", {"error": _of_system(error, work.limits)}))
    except Exception as error:  # noqa: BLE001 - whatever it was, the parent is told
        parent.send(Message("failed", {"error": f"unexpected error: {type(error).__name__}"}))
    else:
        parent.send(Message("done", outcome))


def _end_with(parent: ParentPipe) -> None:
    """End this process when its parent has ended, or has no more to say."""
    while parent.receive() is not None:
        pass
    os._exit(1)


def _done(work: Work) -> dict[str, Any]:
    work.info = info = info_of(work.original)
    work.limits.check(info)
    if info.still and work.result.suffix not in (".png", ".jpg", ".webp"):
        work.result = work.result.with_suffix(".png")
    summary = _rendered(work)
    outcome = {
        "frames": summary.frames,
        "complete": summary.complete,
        "hidden_whole": summary.hidden_whole.total(),
        "most_people": max([0, *summary.people]),
        "still": info.still,
        "notes": [note for note in summary.notes if note.startswith(REVIEW)][:20],
    }
    if work.audit:
        work.begin("audit")
        outcome["audit"] = _audited(work)
    if work.lanes:
        work.begin("lanes")
        _look_through(work)
    return outcome


def _rendered(work: Work) -> Summary:
    masks = work.folder / files.MASKS
    edits = work.task is Task.edits
    return redact_file(
        work.original,
        work.result,
        work.settings,
        report=work.out / files.REPORT,
        tracks=work.folder / files.TRACKS if work.task is Task.tracks else None,
        masks=masks if edits else None,
        edits=work.folder / files.EDITS if edits else None,
        export_tracks=work.out / files.TRACKS if work.task is not Task.tracks else None,
        export_masks=work.out / files.MASKS if work.lanes else None,
        on_progress=lambda summary: work.tell(summary.frames, summary.expected_frames),
    )


def _audited(work: Work) -> dict[str, Any]:
    record, page = work.out / files.AUDIT, work.out / files.AUDIT_PAGE
    findings = audit_file(
        work.original,
        work.result,
        AuditFiles(html=page, record=record),
        on_progress=lambda _what, done, total: work.tell(done, total),
    )
    return {"exposed": findings.exposed, "face_frames": findings.face_frames}


def _look_through(work: Work) -> None:
    from stream_anon.pipeline.review.lanes import find_lanes  # noqa: PLC0415 - for reviews only

    thumbs = work.out / files.THUMBS
    thumbs.mkdir()
    lanes = find_lanes(work.original, work.out / files.MASKS, thumbs, on_progress=work.tell)
    with closing((work.out / files.LANES).open("w", encoding="utf-8")) as file:
        json.dump(lanes.to_json(), file)


def _said(error: StreamAnonError, work: Work) -> str:
    """Without the paths of this server, which are nobody's business."""
    text = str(error)
    for path, name in ((work.result, "the result"), (work.original, "the file")):
        text = text.replace(str(path), name)
    text = text.replace(str(work.folder), "").replace(files.ORIGINAL, "the file")
    return text.partition("\n")[0]


def _of_system(error: BaseException, limits: Limits) -> str:
    if isinstance(error, MemoryError):
        return f"it needs more than the {limits.memory} MiB that a job may take here"
    return (getattr(error, "strerror", None) or type(error).__name__).lower()


if __name__ == "__main__":
    serve(main)
