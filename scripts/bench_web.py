"""The control room: what a photo costs by HTTP, warm, at each effort, and the memory of it.

The server is the real one, in a process of its own, and clients talk to it through a socket.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import cv2
import httpx
import numpy as np
from footage_room import living_room
from skimage import data

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = (1920, 1080)
FACES = ((150, 120, 420), (760, 300, 520), (1420, 180, 360))
"""Left, top and side of each portrait; its face is about a quarter of that wide."""
EFFORTS = ("quick", "fast", "normal")
TOKEN = "a token for the bench"


def photo() -> bytes:
    """A JPEG of 1920x1080: a room with three portraits."""
    picture = np.ascontiguousarray(living_room(*SIZE).wall, np.uint8)
    portrait = np.asarray(data.astronaut()[..., ::-1], np.uint8)  # type: ignore[no-untyped-call]
    for left, top, side in FACES:
        small = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
        picture[top : top + side, left : left + side] = small
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """The address of a server that runs, and its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "stream_anon", "serve", "--port", "0", "--folder", str(folder)],
        env={**os.environ, "STREAM_ANON_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+:\d+", process.stdout.readline())
        assert found is not None
        yield found[0], process.pid
    finally:
        process.terminate()
        process.wait()


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds of a photo, and MB of the processes.

    Args:
        folder: for the server's own, which goes again.
        rounds: photos at each effort, after a first one that is not counted.
    """
    sent, result = photo(), {}
    (folder / "photo.jpg").write_bytes(sent)
    with tempfile.TemporaryDirectory(dir=folder) as own, server(Path(own) / "room") as (at, pid):
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=at, headers=headers, timeout=120) as client:
            for effort in EFFORTS:
                result[effort] = _times(client, sent, effort, rounds)
                shown = result[effort]
                print(
                    f"POST /predict, 1080p, {shown['parts']} parts, effort {effort:8}"
                    f" median {shown['median_ms']:6.0f} ms, least {shown['least_ms']:6.0f} ms",
                    flush=True,
                )
        result["peak_mb"] = {name: _peak(number) for name, number in _processes(pid).items()}
        print("peak MB: " + ", ".join(f"{n} {mb:.0f}" for n, mb in result["peak_mb"].items()))
    return result


def _times(client: httpx.Client, sent: bytes, effort: str, rounds: int) -> dict[str, float]:
    files, params = {"image": ("photo.jpg", sent)}, {"effort": effort}
    first = client.post(
        "/predict", files=files, params=params, headers={"accept": "application/json"}
    )
    times = []
    for _ in range(rounds):
        began = perf_counter()
        answer = client.post("/predict", files=files, params=params)
        times.append(1000 * (perf_counter() - began))
        assert answer.headers["content-type"] == "image/jpeg"
    return {
        "parts": len(first.json()["parts"]),
        "median_ms": median(times),
        "least_ms": min(times),
    }


def _processes(pid: int) -> dict[str, int]:
    lists = Path(f"/proc/{pid}/task").glob("*/children")  # each thread has its own
    children = [int(child) for one in lists for child in one.read_text().split()]
    return {"server": pid, **{f"child {n + 1}": child for n, child in enumerate(children)}}


def _peak(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
