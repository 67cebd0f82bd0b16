"""Speed, memory and leaks, side by side in one run on this machine.

Contenders, each in a process of its own, in turn:
  a            decode and encode through PyAV with our encoder settings: the floor
  b            stream-anon redact at its defaults
  deface       deface at its defaults (ONNX Runtime), on fewer frames because it is slow
  deface-640   deface --scale 640x360
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from bench_footage import (
    PLAIN,
    SHARED,
    STRESS,
    looped,
    plain_source,
    quiet,
    repeated,
    stress_folder,
    write,
)
from known_faces import audit

HERE = Path(__file__).resolve().parent
SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
PEER_FRAMES = 90


def run_one(contender: str, source: Path, output: Path) -> dict[str, float]:
    """One contender once: frames, seconds and peak memory in MB."""
    done = subprocess.run(
        [sys.executable, str(HERE / "bench_contender.py"), contender, str(source), str(output)],
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def make_cases(folder: Path, seconds: float) -> dict[str, tuple[Path, Path]]:
    """Each case's video, and a shorter one for the slow peer."""
    cases: dict[str, tuple[Path, Path]] = {}
    source, stress = plain_source(folder), stress_folder(folder)
    count = round(seconds * 30)
    for label, size in SIZES.items():
        kinds: dict[str, Any] = {"plain": (looped, source), "quiet": (quiet, source)}
        if stress is not None:
            kinds["stress"] = (looped, stress / "roll.mp4")
        for kind, (make, clip) in kinds.items():
            # Quiet footage is done so fast that a short one would measure the start-up.
            frames = 3 * count if kind == "quiet" else count
            long, short = (folder / f"{kind}-{label}-{n}.mp4" for n in (frames, PEER_FRAMES))
            cases[f"{kind} {label}"] = (
                write(long, make(clip, frames, size)),
                write(short, make(clip, PEER_FRAMES, size)),
            )
    return cases


def measure_speed(folder: Path, seconds: float, rounds: int) -> list[dict[str, Any]]:
    """Every contender on every case, in turn, `rounds` times."""
    rows: list[dict[str, Any]] = []
    for case, (long, short) in make_cases(folder, seconds).items():
        runs: dict[str, list[dict[str, float]]] = {}
        for number in range(rounds):
            for contender in ("a", "b"):
                runs.setdefault(contender, []).append(
                    run_one(contender, long, folder / f"out-{contender}.mp4")
                )
            for contender in ("deface", "deface-640") if number == 0 else ():
                runs.setdefault(contender, []).append(
                    run_one(contender, short, folder / f"out-{contender}.mp4")
                )
        rows.append(_row(case, runs))
        print(_line(rows[-1]), flush=True)
    return rows


def _row(case: str, runs: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    fps = {name: median(r["frames"] / r["seconds"] for r in done) for name, done in runs.items()}
    pairs = zip(runs["a"], runs["b"], strict=True)
    return {
        "case": case,
        "fps": {name: round(value, 1) for name, value in fps.items()},
        "b_over_a": round(median(a["seconds"] / b["seconds"] for a, b in pairs), 2),
        "b_over_deface": round(fps["b"] / fps["deface"], 1),
        "b_over_deface_640": round(fps["b"] / fps["deface-640"], 1),
        "peak_mb": {name: round(max(r["peak_mb"] for r in done)) for name, done in runs.items()},
    }


HEADER = (
    f"{'case':14}{'a fps':>8}{'b fps':>8}{'deface':>8}{'d-640':>8}"
    f"{'b/a':>7}{'b/deface':>10}{'b/d-640':>9}{'a MB':>7}{'b MB':>7}{'deface MB':>11}"
)


def _line(row: dict[str, Any]) -> str:
    fps, peak = row["fps"], row["peak_mb"]
    return (
        f"{row['case']:14}{fps['a']:8.1f}{fps['b']:8.1f}{fps['deface']:8.1f}{fps['deface-640']:8.1f}"
        f"{row['b_over_a']:7.2f}{row['b_over_deface']:10.1f}{row['b_over_deface_640']:9.1f}"
        f"{peak['a']:7}{peak['b']:7}{peak['deface']:11}"
    )


def measure_leaks(folder: Path, with_peer: bool) -> list[dict[str, Any]]:
    """What can still be seen on the real and the stress clips, where those are at hand."""
    stress = stress_folder(folder)
    if stress is None:
        print("leaks: not measured, the real clips are not here")
        return []
    clips = {name: (SHARED / "clips" / file, SHARED / "clips") for name, file in PLAIN.items()}
    clips |= {name: (stress / f"{name}.mp4", stress) for name in STRESS}
    rows: list[dict[str, Any]] = []
    contenders = ("b", "deface") if with_peer else ("b",)
    print(f"\n{'clip':40}{'who':>8}{'faces':>7}{'leaked':>8}{'longest':>9}{'collateral':>12}")
    for name, (path, truth_folder) in clips.items():
        truth = json.loads((truth_folder / "truth.json").read_text())[name]
        for contender in contenders:
            output = folder / f"leak-{contender}.mp4"
            try:
                run_one(contender, path, output)
            except subprocess.CalledProcessError:
                print(f"{name:40}{contender:>8} failed")
                continue
            found = audit(path, output, faces_of(truth))
            rows.append({"clip": name, "contender": contender, **found.to_dict()})
            print(
                f"{name:40}{contender:>8}{found.faces:7}{found.leaked:8}"
                f"{found.longest_exposure:9}{found.collateral or 0:12.4f}",
                flush=True,
            )
    return rows


def faces_of(truth: dict[str, Any]) -> list[dict[int, tuple[float, float, float, float]]]:
    """The faces of each frame, by person."""
    faces: list[dict[int, tuple[float, float, float, float]]] = [{} for _ in range(truth["frames"])]
    for person, track in enumerate(truth["tracks"]):
        for index, x1, y1, x2, y2 in track:
            if index < len(faces):
                faces[index][person] = (x1, y1, x2, y2)
    return faces


def measure_long(folder: Path) -> dict[str, Any]:
    """Peak memory on ten minutes of 1080p, against one minute of it."""
    source = plain_source(folder)
    one = write(folder / "long-20s.mp4", looped(source, 20 * 30, SIZES["1080p"]))
    figures: dict[str, Any] = {}
    for minutes in (1, 10):
        path = repeated(folder / f"long-{minutes}min.mp4", one, 3 * minutes)
        done = run_one("b", path, folder / "out-long.mp4")
        figures[f"{minutes} min"] = {k: round(v, 1) for k, v in done.items()}
        print(f"1080p, {minutes} min: peak {done['peak_mb']:.0f} MB, {done['seconds']:.0f} s")
    return figures


def main() -> None:
    """Parse the options, measure, print and write bench.json."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("bench"), help="for videos and figures")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of each video")
    parser.add_argument("--rounds", type=int, default=2, help="runs of a and b on each video")
    parser.add_argument("--leaks", action="store_true", help="leaks as well, ours and the peer's")
    parser.add_argument("--long", action="store_true", help="ten minutes of 1080p as well")
    parser.add_argument("--live", action="store_true", help="a live camera, and nothing else")
    parser.add_argument("--m2fp", action="store_true", help="m2fp on one frame, and nothing else")
    parser.add_argument("--faces", action="store_true", help="which faces are found, nothing else")
    parser.add_argument("--methods", action="store_true", help="the methods, and nothing else")
    parser.add_argument("--web", action="store_true", help="the control room, and nothing else")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print(f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    result: dict[str, Any] = {"cores": os.cpu_count()}
    if options.m2fp:
        from bench_m2fp import measure  # noqa: PLC0415 - needs PyTorch

        result["versions"] = {name: version(name) for name in ("openvino", "torch")}
        result["m2fp"] = measure(options.folder, options.rounds)
        _write(options.folder / "bench-m2fp.json", result)
        return
    if options.faces:
        from bench_faces import measure as measure_faces  # noqa: PLC0415 - a bench of its own

        result["faces"] = measure_faces()
        _write(options.folder / "bench-faces.json", result)
        return
    if options.methods:
        from bench_methods import measure as measure_methods  # noqa: PLC0415 - a bench of its own

        result["methods"] = measure_methods(100 * options.rounds)
        _write(options.folder / "bench-methods.json", result)
        return
    if options.live:
        from bench_live import measure as measure_live  # noqa: PLC0415 - needs the test servers

        result["versions"] = {name: version(name) for name in ("av", "openvino")}
        result["live"] = measure_live(options.folder, options.seconds, leaks=options.leaks)
        _write(options.folder / "bench-live.json", result)
        return
    if options.web:
        from bench_web import measure as measure_web  # noqa: PLC0415 - a bench of its own

        result["versions"] = {name: version(name) for name in ("fastapi", "openvino", "uvicorn")}
        from bench_web_cameras import measure as measure_cameras  # noqa: PLC0415 - likewise

        result["web"] = measure_web(options.folder, 10 * options.rounds)
        result["web_cameras"] = measure_cameras(options.folder, options.seconds)
        _write(options.folder / "bench-web.json", result)
        return
    print(HEADER)
    result["versions"] = {n: version(n) for n in ("av", "openvino", "onnxruntime", "deface")}
    result["speed"] = measure_speed(options.folder, options.seconds, options.rounds)
    if options.leaks:
        result["leaks"] = measure_leaks(options.folder, with_peer=True)
    if options.long:
        result["long"] = measure_long(options.folder)
    _write(options.folder / "bench.json", result)


def _write(target: Path, result: dict[str, Any]) -> None:
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nwritten to {target}")


if __name__ == "__main__":
    main()
