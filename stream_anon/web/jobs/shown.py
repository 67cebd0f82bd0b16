"""A job as its owner sees it, as JSON holds it."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from stream_anon.web.jobs import files as names
from stream_anon.web.jobs.job import State
from stream_anon.web.jobs.kinds import HEAD

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.web.jobs.job import JobRow
    from stream_anon.web.jobs.room import JobRoom
    from stream_anon.web.security.who import Who

OUTPUTS = {
    "report": names.REPORT,
    "audit": names.AUDIT,
    "audit page": names.AUDIT_PAGE,
    "tracks": names.TRACKS,
}
_TYPES = {
    ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".gif": "image/gif",
    ".mp4": "video/mp4", ".json": "application/json", ".html": "text/html; charset=utf-8",
}  # fmt: skip
_HEADS = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG", "image/png"),
    (8, b"WEBP", "image/webp"),
    (0, b"GIF8", "image/gif"),
    (4, b"ftypavi", "image/avif"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)
UNKNOWN = "application/octet-stream"


def shown(room: JobRoom, job: JobRow, who: Who) -> dict[str, Any]:
    """Everything that may be known of a job."""
    running = room.running(job.id)
    files = room.files(job.id)
    is_done = job.state is State.done
    found: dict[str, Any] = {
        "id": job.id,
        "name": job.name,
        "kind": job.kind,
        "state": job.state.value,
        "task": job.task.value,
        "progress": 1.0 if is_done else 0.0,
        "frames": job.frames,
        "total": job.total,
        "seconds_left": None,
        "error": job.error,
        "outputs": [],
        "options": job.options.to_json(),
        "made": job.made,
        "outcome": job.outcome,
        "review": None,
        "original": None,
    }
    if running is not None:
        left = running.seconds_left
        found |= {"progress": round(running.progress, 3), "frames": running.frames}
        found |= {"total": running.total, "seconds_left": left and round(left, 1)}
    elif job.state.is_over:
        found["outputs"] = _outputs(room, job)
        if job.options.review and (files / names.LANES).exists():
            found["review"] = f"/review/{job.id}"
    has_original = is_done and files.original.exists()
    if has_original and who.is_operator and room.table.has_session(job.owner):
        found["original"] = f"/api/v1/jobs/{job.id}/original"
    return found


def _outputs(room: JobRoom, job: JobRow) -> list[dict[str, Any]]:
    files = room.files(job.id)
    paths = [("result", files.result()), *((n, files / name) for n, name in OUTPUTS.items())]
    base = f"/api/v1/jobs/{job.id}"
    return [
        {"name": name, "url": f"{base}/{_place(name)}", "bytes": path.stat().st_size}
        for name, path in paths
        if path is not None and path.is_file()
    ]


def _place(name: str) -> str:
    return "audit?format=html" if name == "audit page" else name


def download_name(job: JobRow, path: Path) -> str:
    """What a file is called where it is saved: after the upload."""
    stem = PurePath(job.name).stem[:80] or "upload"
    if path.name == names.ORIGINAL:
        return job.name
    if path.name.startswith(names.RESULT):
        return f"{stem}_redacted{path.suffix}"
    return f"{stem}_{path.name}"


def media_type(path: Path) -> str:
    """Of what is in a file: by its ending where that is ours, else by how it begins."""
    if path.suffix in _TYPES:
        return _TYPES[path.suffix]
    with path.open("rb") as file:
        head = file.read(HEAD)
    for at, beginning, kind in _HEADS:
        if head[at : at + len(beginning)] == beginning:
            return kind
    return UNKNOWN
