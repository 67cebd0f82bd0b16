"""A live run of many minutes with a camera, a target and outputs that fail at random."""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import statistics
import sys
from collections import Counter
from contextlib import suppress
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
    from typing import TypeAlias

    Fault: TypeAlias = tuple[str, Callable[[], Any], Callable[[], Any] | None]
    """Name, what begins it, and what ends it; None where it ends at once."""

SAMPLE = 5.0
"""Seconds between two samples."""
QUIET, FAULT = (8.0, 25.0), (1.0, 8.0)
"""Seconds between two faults, and that one lasts."""
BACKOFF, ON_TOP = 5.0, 2.0
"""Seconds of the longest wait for a new try, and on top of it until all is well again."""
BAR = BACKOFF + ON_TOP
"""Seconds from the end of a fault until all is well again, at most."""
STAYS = 3.0
"""Seconds that it stays so: a fault may be noticed after its end."""
GIVEN_UP = 120.0
"""Seconds after which nobody waits any longer for that."""
SETTINGS = f"""
[live]
watchdog = 3.0
longest_backoff = {BACKOFF}
sink_timeout = 5.0
log_interval = 10.0
"""
GROWTH = 1.05
"""Times as much memory in the last third as in the first is still flat."""
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
    """Memory in MB, threads and open files of one process; zeros if it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":", 1) for line in lines)
        return _counts(pid, status)
    except (OSError, KeyError):
        return {"mb": 0.0, "threads": 0, "files": 0}


def _counts(pid: int, status: dict[str, str]) -> dict[str, float]:
    return {
        "mb": int(status["VmRSS"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def sink_child(run: LiveCommand) -> int | None:
    """A process that writes an output, by chance; None where there is none just now."""
    able = []
    for pid in children(run.pid):
        with suppress(OSError):
            if b"sinks.hosted" in Path(f"/proc/{pid}/cmdline").read_bytes():
                able.append(pid)
    return random.choice(able) if able else None


def too_slow(recoveries: list[tuple[str, float, float]]) -> list[str]:
    """A line for each recovery that took longer than it may: fault, when it ended, seconds."""
    return [
        f"TOO SLOW: well again {took:.1f} s after {name}, {BAR:g} s are allowed (second {when:.0f})"
        for name, when, took in recoveries
        if took > BAR
    ]


class Soak:
    """One run, its servers and what was seen of it."""

    def __init__(self, minutes: float, folder: Path) -> None:
        self.seconds, self.folder = minutes * 60, folder
        shutil.rmtree(folder, ignore_errors=True)  # what an earlier run left is not this one's
        folder.mkdir(parents=True)
        self.clip = serving_clip(folder, seconds=20)
        self.camera = RtspServer(self.clip.path, audio=True)
        self.target = RtspTarget(folder / "published")
        self.samples: list[dict[str, float]] = []
        self.faults: Counter[str] = Counter()
        self.recoveries: list[tuple[str, float, float]] = []
        self.began = monotonic()

    def run(self) -> bool:
        """Until the time is over; True where all went well."""
        config = self.folder / "soak.toml"
        config.write_text(SETTINGS)
        to = ("--to", self.folder / "cam-%Y%m%d-%H%M%S.mkv", "--segment", "30s", "--keep", "2m")
        more = ("--to", self.target.url, "--config", config)
        with self.camera, self.target, LiveCommand(self.camera.url, *to, *more) as run:
            try:
                run.wait_for_pictures(50)
                self._soak(run)
                print(f"ended in {run.stop():.1f} s")
            finally:
                self._keep_records(run)
        return self.report(run.said)

    def _soak(self, run: LiveCommand) -> None:
        self.began = monotonic()
        due = random.uniform(*QUIET)
        while (now := monotonic() - self.began) < self.seconds:
            self.sample(run)
            if now > due:
                self.fault(run)
                due = monotonic() - self.began + random.uniform(*QUIET)
            sleep(SAMPLE)

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
        if heal is not None:
            sleep(random.uniform(*FAULT))
            self.sample(run)
            heal()
        ended = monotonic() - self.began
        took = self._wait_well(run)
        self.recoveries.append((name, ended, took))
        print(f"{strftime('%H:%M:%S')} well again after {took:.1f} s", flush=True)

    def _wait_well(self, run: LiveCommand) -> float:
        """Seconds from now, where the fault has ended, until all is well and stays so."""
        ended = well_since = monotonic()
        while (now := monotonic()) - well_since < STAYS and now - ended < GIVEN_UP:
            assert run.runs, run.said
            if not self._is_well(run, ended):
                well_since = monotonic()
            sleep(0.05)
        return well_since - ended

    def _faults(self, run: LiveCommand) -> list[Fault]:
        chosen = sink_child(run)

        def tell(number: signal.Signals) -> None:
            if chosen is not None:
                with suppress(ProcessLookupError):
                    os.kill(chosen, number)

        return [
            ("camera killed", self.camera.kill, self.camera.restart),
            ("camera frozen", self.camera.freeze, self.camera.thaw),
            ("video stops, sound goes on", self.camera.stop_video, self.camera.resume_video),
            ("target killed", self.target.kill, self.target.restart),
            ("target frozen", self.target.freeze, self.target.thaw),
            ("output killed", lambda: tell(signal.SIGKILL), None),
            ("output frozen", lambda: tell(signal.SIGSTOP), lambda: tell(signal.SIGCONT)),
            ("settings reloaded", lambda: run.send_signal(signal.SIGHUP), None),
        ]

    def _is_well(self, run: LiveCommand, ended: float) -> bool:
        """Whether it is connected, with a picture from after the fault, and all outputs are up."""
        since = monotonic() - ended
        figures = run.figures()
        up = [value for name, value in figures.items() if name.startswith("stream_anon_sink_up")]
        fresh = figures.get("stream_anon_last_good_frame_age_seconds", 99) < min(since, 1)
        return figures["stream_anon_source_connected"] == 1 and fresh and all(up)

    # -- telling ------------------------------------------------------------------------------

    def _keep_records(self, run: LiveCommand) -> None:
        (self.folder / "log.txt").write_text(run.said)
        if self.samples:
            with (self.folder / "samples.csv").open("w", newline="") as file:
                writer = csv.DictWriter(file, list(self.samples[0]))
                writer.writeheader()
                writer.writerows(self.samples)

    def report(self, said: str) -> bool:
        """Print what was seen; True where it is as it should be."""
        settled = [s for s in self.samples if s["second"] > WARM * self.seconds]
        third = max(1, len(settled) // 3)
        first, last = settled[:third], settled[-third:]
        print(f"{'':24}{'first third':>14}{'last third':>14}{'most':>10}")
        medians = {}
        for name in ("mb", "children_mb", "threads", "files", "p95_ms"):
            row = [statistics.median(s[name] for s in part) for part in (first, last)]
            medians[name] = row
            print(f"{name:24}{row[0]:14.1f}{row[1]:14.1f}{max(s[name] for s in settled):10.1f}")
        print(f"faults: {dict(self.faults)}")
        for name in sorted({name for name, _, _ in self.recoveries}):
            times = [took for fault, _, took in self.recoveries if fault == name]
            middle, most = statistics.median(times), max(times)
            print(f"  well again after {name}: median {middle:.1f} s, most {most:.1f} s")
        print(said.strip().splitlines()[-1])
        flat = all(medians[name][1] <= GROWTH * medians[name][0] for name in ("mb", "children_mb"))
        steady = all(medians[name][1] <= medians[name][0] + 1 for name in ("threads", "files"))
        slow = too_slow(self.recoveries)
        safe = self._look() == 0
        verdicts = {"flat": flat, "steady": steady, "quick": not slow, "safe": safe}
        verdicts["faults happened"] = bool(self.recoveries)
        print("\n".join([*slow, ", ".join(f"{name}: {held}" for name, held in verdicts.items())]))
        failed = [name for name, held in verdicts.items() if not held]
        print(f"FAILED: not {', not '.join(failed)}" if failed else "passed")
        return not failed

    def _look(self) -> int:
        """Search what was recorded and published for faces; how many can be seen."""
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
        return leaked


def main() -> None:
    """Soak for as long as was asked for."""
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    random.seed(seed)
    print(f"soaking for {minutes:g} minutes, seed {seed}", flush=True)
    soak = Soak(minutes, ROOT / "bench" / "soak" / f"seed-{seed}")
    sys.exit(0 if soak.run() else 1)


if __name__ == "__main__":
    main()
