"""A camera of 1280x720 at 25 frames a second, live: frames, latency, processor, and leaks.

The camera is a real RTSP server, the outputs are a file (ultrafast) and, where Xvfb is at hand, the
preview. Plain clips run with the defaults; the stress clips (`--leaks`) with a lookahead of 0.2 s
and a budget of 0.4 s as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from shutil import which
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import av

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from soak import children  # noqa: E402

from tests.live.clips import RATE, SIZE, ServingClip, serving_clip, write_numbered  # noqa: E402
from tests.live.command import LiveCommand  # noqa: E402
from tests.live.leaks import exposure  # noqa: E402
from tests.live.servers import RtspServer  # noqa: E402
from tests.screen import open_screen  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = ROOT.parent / "shared"
PLAIN = ("walk", "eat", "face-demographics-walking-and-pause", "head-pose-face-detection-female")
STRESS = ("cuts", "pan", "roll", "dark", "crowd", "occlude", "enter")
PATIENT = "[live]\nlatency = 0.4\nlookahead = 0.2\n"


def measure(folder: Path, seconds: float, *, leaks: bool) -> list[dict[str, Any]]:
    """Run every clip, print a row for each, and return the rows."""
    print(
        f"{'clip':38}{'budget':>7}{'in':>6}{'out':>6}{'drop':>5}{'gaps':>5}"
        f"{'p50':>6}{'p95':>6}{'p99':>6}{'cpu':>6}{'faces':>7}{'leaks':>6}{'run':>4}"
    )
    rows = []
    for clip in _clips(folder, leaks=leaks):
        patient = clip.path.name.startswith("stress")
        for config in ("", PATIENT) if patient else ("",):
            rows.append(_measure(clip, folder, seconds, config))
            _print(rows[-1])
    return rows


def _clips(folder: Path, *, leaks: bool) -> Iterator[ServingClip]:
    real = (SHARED / "clips" / "truth.json").is_file()
    for name in PLAIN if real else ("demo",):
        yield serving_clip(folder, name)
    if leaks and real:
        yield from (_stress_clip(folder, name) for name in STRESS)


def _stress_clip(folder: Path, name: str) -> ServingClip:
    made = folder / "stress"
    if not (made / "truth.json").is_file():
        tool, clips = SHARED / "tools" / "stress.py", SHARED / "clips"
        command = [sys.executable, tool, clips, clips / "truth.json", made, "7"]
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    path = folder / f"stress-{name}.mp4"
    with av.open(str(made / f"{name}.mp4")) as container:
        images: Any = [f.to_ndarray(format="bgr24") for f in container.decode(video=0)]
    write_numbered(path, images, SIZE)
    faces: list[Any] = [{} for _ in images]
    truth = json.loads((made / "truth.json").read_text())[name]
    for person, track in enumerate(truth["tracks"]):
        for index, *box in track:
            faces[index][person] = tuple(box)
    return ServingClip(path, *SIZE, RATE, len(images), faces, real=True)


def _measure(clip: ServingClip, folder: Path, seconds: float, config: str) -> dict[str, Any]:
    target, settings = folder / "live.mkv", folder / "live.toml"
    target.unlink(missing_ok=True)
    settings.write_text(config)
    arguments: list[Any] = ["--to", target, "--preset", "ultrafast", "--config", settings]
    environment = {}
    with ExitStack() as stack:
        if which("Xvfb") and which("xdotool"):
            environment["DISPLAY"] = stack.enter_context(open_screen()).name
            arguments.append("--preview")
        camera = stack.enter_context(RtspServer(clip.path))
        run = stack.enter_context(LiveCommand(camera.url, *arguments, **environment))
        run.wait_for_pictures(1)
        busy, began = _cpu_seconds(run.pid), monotonic()
        sleep(seconds)
        cpu = (_cpu_seconds(run.pid) - busy) / (monotonic() - began)
        figures = run.figures()
        run.stop()
    seen = exposure(clip, target)
    quantiles = {q: figures[f'stream_anon_latency_seconds{{quantile="{q}"}}'] for q in QUANTILES}
    dropped = sum(v for k, v in figures.items() if k.startswith("stream_anon_dropped_frames_total"))
    return {
        "clip": clip.path.stem,
        "budget": 0.4 if config else 0.2,
        "frames_in": int(figures["stream_anon_frames_in_total"]),
        "frames_out": int(figures["stream_anon_frames_out_total"]),
        "dropped": int(dropped),
        "gaps": seen.missing,
        **{f"p{q}": round(1000 * value) for q, value in quantiles.items()},
        "cpu": round(cpu, 2),
        "faces": seen.faces,
        "leaked": seen.leaked,
        "longest": seen.longest,
    }


QUANTILES = ("0.5", "0.95", "0.99")


def _cpu_seconds(pid: int) -> float:
    """Of a process and those that it started and that still run."""
    total = 0
    for one in (pid, *children(pid)):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _print(row: dict[str, Any]) -> None:
    print(
        f"{row['clip'][:37]:38}{row['budget']:7}{row['frames_in']:6}{row['frames_out']:6}"
        f"{row['dropped']:5}{row['gaps']:5}{row['p0.5']:6}{row['p0.95']:6}{row['p0.99']:6}"
        f"{row['cpu']:6}{row['faces']:7}{row['leaked']:6}{row['longest']:4}",
        flush=True,
    )
