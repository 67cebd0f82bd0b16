"""Uploads, waiting for them, and the files that they leave."""

from __future__ import annotations

import json
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from tests.web.room import ORIGIN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from tests.web.room import Client, Room

PATIENCE = 90.0


def send(
    client: Client, content: bytes | Path, name: str = "clip.mp4", **fields: str
) -> httpx.Response:
    """Upload a file, with the Origin of our own page."""
    data = content if isinstance(content, bytes) else content.read_bytes()
    return client.post(
        "/api/v1/jobs",
        files={"file": (name, data, "application/octet-stream")},
        data=fields,
        headers={"origin": ORIGIN},
    )


def sent(client: Client, content: bytes | Path, **more: Any) -> str:
    """Upload a file that is taken; the job's id."""
    answer = send(client, content, **more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def look(client: Client, job: str) -> dict[str, Any]:
    answer = client.get(f"/api/v1/jobs/{job}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def wait(client: Client, job: str, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Look at a job until it is as it should be."""
    deadline = monotonic() + PATIENCE
    while not until(found := look(client, job)):
        assert monotonic() < deadline, found
        sleep(0.03)
    return found


def is_over(job: dict[str, Any]) -> bool:
    return job["state"] in ("done", "failed", "cancelled")


def done(client: Client, job: str) -> dict[str, Any]:
    found = wait(client, job, is_over)
    assert found["state"] == "done", found
    return found


def events(client: Client, job: str) -> list[dict[str, Any]]:
    """All that is told of a job, up to its end."""
    text = client.get(f"/api/v1/jobs/{job}/events").text
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


def left(room: Room) -> list[str]:
    """Every file in the folder of jobs."""
    folder = room.services.folder / "jobs"
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
