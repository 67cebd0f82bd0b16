"""A live run of many minutes with a camera, a target and outputs that fail at random."""

from __future__ import annotations

import csv
import os
import random
import signal
import statistics
import sys
from collections import Counter
from pathlib import Path
from time import monotonic, sleep, strftime
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.live.clips import serving_clip  # noqa: E402 - it is no package that is installed
from tests.live.command import LiveCommand  # noqa: E402
from tests.live.leaks import exposure  # noqa: E402
from tests.live.servers import RtspServer, RtspTarget  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = """
[live]
watchdog = 3.0
longest_backoff = 5.0
sink_timeout = 5.0
log_interval = 10.0
"""
SAMPLE = 5.0
"""Seconds between two samples."""
QUIET, FAULT, AFTER = (8.0, 25.0), (1.0, 8.0), 12.0
"""Seconds between two faults, that one lasts, and that everything may take to be well again."""
WARM = 0.15
"""Share of the run that memory may take to settle."""


def children(pid: int) -> list[int]:
    """Processes started by a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return sorted(found)


def usage(pid: int) -> dict[str, float]:
    """Memory in MB, threads and open files of one process."""
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return {
        "mb": int(status["VmRSS"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def sink_child(run: LiveCommand) -> int:
    """A process that writes an output, by chance."""
    able = []
    for pid in children(run.pid):
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"sinks.hosted" in command:
            able.append(pid)
    return random.choice(able)


class Soak:
    """One run, its servers and what was seen of it."""

    def __init__(self, minutes: float, folder: Path) -> None:
        self.seconds, self.folder = minutes * 60, folder
        folder.mkdir(exist_ok=True)
        self.clip = serving_clip(folder, seconds=20)
        self.camera = RtspServer(self.clip.path, audio=True)
        self.target = RtspTarget(folder / "published")
        self.samples: list[dict[str, float]] = []
        self.faults: Counter[str] = Counter()
        self.recoveries: list[tuple[str, float]] = []
        self.began = monotonic()

    def run(self) -> LiveCommand:
        """Until the time is over; the command has ended then."""
        config = self.folder / "soak.toml"
        config.write_text(SETTINGS)
        to = ("--to", self.folder / "cam-%Y%m%d-%H%M%S.mkv", "--segment", "30s", "--keep", "2m")
        with self.camera, self.target:
            command = LiveCommand(self.camera.url, *to, "--to", self.target.url, "--config", config)
            with command as run:
                run.wait_for_pictures(50)
                self.began = monotonic()
                due = random.uniform(*QUIET)
                while (now := monotonic() - self.began) < self.seconds:
                    self.sample(run)
                    if now > due:
                        self.fault(run)
                        due = monotonic() - self.began + random.uniform(*QUIET)
                    sleep(SAMPLE)
                took = run.stop()
        print(f"ended in {took:.1f} s")
        return command

    def sample(self, run: LiveCommand) -> None:
        own = usage(run.pid)
        others = [usage(pid) for pid in children(run.pid)]
        figures = run.figures()
        quantile = 'stream_anon_latency_seconds{quantile="0.95"}'
        self.samples.append(
            {
                "second": round(monotonic() - self.began, 1),
                **{name: round(value, 1) for name, value in own.items()},
                "children": len(others),
                "children_mb": round(sum(other["mb"] for other in others), 1),
                "p95_ms": round(1000 * figures.get(quantile, 0), 1),
                "frames_out": figures["stream_anon_frames_out_total"],
                "reconnects": figures["stream_anon_reconnects_total"],
            }
        )

    def fault(self, run: LiveCommand) -> None:
        """Break something, mend it, and measure how long it takes until all is well."""
        name, hurt, heal = random.choice(self._faults(run))
        print(f"{strftime('%H:%M:%S')} {name}", flush=True)
        self.faults[name] += 1
        hurt()
        sleep(random.uniform(*FAULT))
        self.sample(run)
        heal()
        took = run.wait_until(lambda: self._is_well(run), limit=60)
        self.recoveries.append((name, took))

    def _faults(self, run: LiveCommand) -> list[tuple[str, Callable[[], Any], Callable[[], Any]]]:
        chosen = sink_child(run)

        def wake() -> None:
            if Path(f"/proc/{chosen}").exists():
                os.kill(chosen, signal.SIGCONT)

        return [
            ("camera killed", self.camera.kill, self.camera.restart),
            ("camera frozen", self.camera.freeze, self.camera.thaw),
            ("video stops, sound goes on", self.camera.stop_video, self.camera.resume_video),
            ("target killed", self.target.kill, self.target.restart),
            ("target frozen", self.target.freeze, self.target.thaw),
            ("output killed", lambda: os.kill(chosen, signal.SIGKILL), lambda: None),
            ("output frozen", lambda: os.kill(chosen, signal.SIGSTOP), wake),
            ("settings reloaded", lambda: run.send_signal(signal.SIGHUP), lambda: None),
        ]

    def _is_well(self, run: LiveCommand) -> bool:
        figures = run.figures()
        up = [value for name, value in figures.items() if name.startswith("stream_anon_sink_up")]
        fresh = figures.get("stream_anon_last_good_frame_age_seconds", 99) < 1
        return figures["stream_anon_source_connected"] == 1 and fresh and all(up)

    # -- telling ------------------------------------------------------------------------------

    def report(self, command: LiveCommand) -> None:
        with (self.folder / "samples.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self.samples[0]))
            writer.writeheader()
            writer.writerows(self.samples)
        (self.folder / "log.txt").write_text(command.said)
        settled = [s for s in self.samples if s["second"] > WARM * self.seconds]
        third = max(1, len(settled) // 3)
        first, last = settled[:third], settled[-third:]
        print(f"{'':24}{'first third':>14}{'last third':>14}{'most':>10}")
        for name in ("mb", "children_mb", "threads", "files", "p95_ms"):
            row = [statistics.median(s[name] for s in part) for part in (first, last)]
            print(f"{name:24}{row[0]:14.1f}{row[1]:14.1f}{max(s[name] for s in settled):10.1f}")
        print(f"faults: {dict(self.faults)}")
        for name in sorted({name for name, _ in self.recoveries}):
            times = [took for fault, took in self.recoveries if fault == name]
            print(
                f"  well again after {name}: median {statistics.median(times):.1f} s, "
                f"most {max(times):.1f} s"
            )
        print(command.said.strip().splitlines()[-1])
        self._look()

    def _look(self) -> None:
        """Search what was recorded and published for faces that can be seen."""
        files = [*sorted(self.folder.glob("cam-*.mkv")), *self.target.files()]
        faces = leaked = slates = frames = 0
        for path in files:
            try:
                found = exposure(self.clip, path)
            except OSError:
                continue  # killed before anything was in it
            faces, leaked = faces + found.faces, leaked + found.leaked
            slates, frames = slates + found.slates, frames + found.frames
        print(
            f"{len(files)} files: {frames} pictures, {slates} of them slates, "
            f"{faces} faces, {leaked} can be seen"
        )


def main() -> None:
    """Soak for as long as was asked for."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    random.seed(seed)
    print(f"soaking for {minutes:g} minutes, seed {seed}", flush=True)
    soak = Soak(minutes, ROOT / "soak")
    soak.report(soak.run())


if __name__ == "__main__":
    main()
