"""The control room with cameras: three of 1280x720 at 15 frames a second, and many viewers of one.

The cameras are a real RTSP server, the control room is the real server in a process of its own.
"""

from __future__ import annotations

import re
import selectors
import socket
import sys
import tempfile
import threading
from itertools import islice
from pathlib import Path
from time import monotonic, sleep
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.live.clips import serving_clip  # noqa: E402 - it is no package that is installed
from tests.live.servers import RtspServer  # noqa: E402
from tests.web.serving_cameras import TOKEN, ControlRoom, Truth  # noqa: E402

CAMERAS, RATE = 3, 15
VIEWERS = (0, 1, 30)
START = 120.0
"""Seconds that cameras have to show something."""
MODULES = {"camera": "web.cameras.child", "capture": "live.capture", "detectors": "detector_child"}


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Rows for one to three cameras, and for viewers; printed as they come.

    Args:
        folder: for the clip and the server's own.
        seconds: of each measurement.
    """
    clip = serving_clip(folder, rate=RATE)
    truth = Truth(clip)
    with (
        tempfile.TemporaryDirectory(dir=folder) as own,
        RtspServer(clip.path) as rtsp,
        ControlRoom(Path(own)) as room,
    ):
        first = room.add(rtsp.url)
        _wait(room, [first])
        viewers = [_viewers(room, first, count, seconds) for count in VIEWERS]
        ids = [first, *(room.add(rtsp.url) for _ in range(CAMERAS - 1))]
        _wait(room, ids)
        return {"viewers": viewers, "cameras": _cameras(room, ids, truth, seconds)}


def _wait(room: ControlRoom, ids: list[str]) -> None:
    """Until all of them show pictures; a machine that is too slow never does, and says so."""
    until = monotonic() + START
    while not all(room.is_showing(camera_id) for camera_id in ids):
        if monotonic() > until:
            print("cameras hide everything: this machine is too slow, or too busy")
            return
        sleep(0.2)


def _cameras(room: ControlRoom, ids: list[str], truth: Truth, seconds: float) -> dict[str, Any]:
    before = [room.camera(camera_id) for camera_id in ids]
    cpu, began = _processor(room), monotonic()
    sleep(seconds)
    took = monotonic() - began
    after = [room.camera(camera_id) for camera_id in ids]
    memory = {name: [_pss(pid) for pid in pids] for name, pids in _processes(room).items()}
    faces = leaks = 0
    for camera_id in ids:
        for jpeg in islice(room.pictures(camera_id), 50):
            seen = truth.leaks(jpeg)
            faces, leaks = faces + (seen[0] if seen else 0), leaks + (seen[1] if seen else 0)
    result = {
        "fps": [camera["fps"] for camera in after],
        "latency_p95_ms": [camera["latency_ms"] for camera in after],
        "hidden_whole_a_second": [
            (b["hidden_whole"] - a["hidden_whole"]) / took
            for a, b in zip(before, after, strict=True)
        ],
        "cores": _used(cpu, _processor(room), took),
        "pss_mb": memory,
        "faces": faces,
        "leaks": leaks,
    }
    print(f"{CAMERAS} cameras:", *(f"{name} {value}" for name, value in result.items()), sep="\n  ")
    return result


def _viewers(room: ControlRoom, camera_id: str, count: int, seconds: float) -> dict[str, Any]:
    over, received = threading.Event(), [0]
    reading = threading.Thread(target=_read, args=(room, camera_id, count, over, received))
    reading.start()
    sleep(2)
    cpu, start, began = _processor(room), received[0], monotonic()
    sleep(seconds)
    took = monotonic() - began
    result = {
        "viewers": count,
        "cores": _used(cpu, _processor(room), took),
        "mb_a_second": round((received[0] - start) / took / 1e6, 1),
    }
    over.set()
    reading.join()
    print(f"{count:3} viewers: {result['mb_a_second']} MB/s, cores {result['cores']}", flush=True)
    return result


def _read(
    room: ControlRoom, camera_id: str, count: int, over: threading.Event, received: list[int]
) -> None:
    port = int(room.url.rpartition(":")[2])
    asked = (
        f"GET /api/v1/cameras/{camera_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n"
    ).encode()
    with selectors.DefaultSelector() as selector:
        for _ in range(count):
            viewer = socket.create_connection(("127.0.0.1", port))
            viewer.sendall(asked)
            selector.register(viewer, selectors.EVENT_READ)
        while not over.wait(0 if count else 0.2):
            for key, _ in selector.select(0.2):
                received[0] += len(key.fileobj.recv(1 << 20))  # type: ignore[union-attr]
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]


# -- processes --------------------------------------------------------------------------------


def _processes(room: ControlRoom) -> dict[str, list[int]]:
    children = room.children()
    found = {
        name: [pid for pid, line in children.items() if module in line]
        for name, module in MODULES.items()
    }
    return {"server": [room.process.pid], **found}


def _processor(room: ControlRoom) -> dict[str, float]:
    """Seconds of processor time so far."""
    return {name: sum(map(_seconds, pids)) for name, pids in _processes(room).items()}


def _used(before: dict[str, float], after: dict[str, float], took: float) -> dict[str, float]:
    return {name: round((after[name] - before[name]) / took, 3) for name in after}


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _pss(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(kb) for kb in re.findall(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)) // 1024
