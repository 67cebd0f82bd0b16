"""Runs beside each other in one process: each as if it were alone, and nothing of them stays."""

from __future__ import annotations

import locale
import logging
import os
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from footage import make_footage

import stream_anon
from tests.runs import lumas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from footage import Footage

    from stream_anon.pipeline.figures.stats import Snapshot
    from stream_anon.pipeline.report import Summary
    from tests.runs import Luma

pytestmark = pytest.mark.slow

RATE = 24
NEAR = 4
"""Frames before and after a picture's time that it may have been made of."""
HIDDEN = 8.0
"""Grey levels by which a filled face differs from the raw one; encoding alone makes less than 3."""
METHODS = {"fill": 1.0, "blur": 1.5}
"""Settings and length in seconds of the recordings: one ends while the other goes on."""


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Footage]:
    folder = tmp_path_factory.mktemp("films")
    lengths = METHODS | {"live": 3.0}
    return {
        name: make_footage(
            folder / f"{name}.mp4", width=320, height=180, seconds=seconds, rate=RATE, sound=False
        )
        for name, seconds in lengths.items()
    }


def state() -> dict[str, Any]:
    """What a process has only one of, as far as it can be asked."""
    log = logging.getLogger("stream_anon")
    mask = os.umask(0)
    os.umask(mask)
    return {
        "OpenCV's threads": cv2.getNumThreads(),
        "warnings": list(warnings.filters),
        "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"},
        "telemetry": "openvino_telemetry" in sys.modules,
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "log": (log.level, log.handlers, logging.getLogger("libav").handlers),
        "folder": Path.cwd(),
        "mask": mask,
        "locale": locale.setlocale(locale.LC_ALL),
        "numbers": np.geterr(),
    }


@pytest.fixture
def _as_before() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    before = state()
    yield
    after = state()
    cv2.setNumThreads(threads)
    assert after == before


def alone(film: Footage, output: Path, method: Any, **more: Any) -> Summary:
    return stream_anon.redact(film.path, output, method=method, **more)


@pytest.mark.usefixtures("_as_before")
def test_two_recordings_and_a_live_run(films: dict[str, Footage], tmp_path: Path) -> None:
    start, live_at_work = threading.Barrier(3), threading.Event()
    threads: set[int] = set()
    overlapped: set[bool] = set()

    def recording(method: str) -> Summary:
        def watch(_: Summary) -> None:
            threads.add(cv2.getNumThreads())
            overlapped.add(live_at_work.is_set())

        start.wait()
        return alone(films[method], tmp_path / f"{method}.mp4", method, on_progress=watch)

    def live() -> Snapshot:
        run = stream_anon.prepare_live(
            films["live"].path,
            pace=True,
            method="fill",
            to=[tmp_path / "live.mkv"],
            settings={"live.latency": 1.0},
        )
        start.wait()
        live_at_work.set()
        try:
            return run.run()
        finally:
            live_at_work.clear()
            assert run.incomplete == {}

    with ThreadPoolExecutor(3) as pool:
        figures = pool.submit(live)
        summaries = {method: pool.submit(recording, method) for method in METHODS}
        for method in METHODS:
            summary = summaries[method].result(120)
            assert summary.complete
            assert summary.frames == films[method].frames
        shown = figures.result(120)
    assert overlapped >= {True}, "nothing ran beside the live run"
    assert threads == {1}, "a run that ended has changed the others"
    for method in METHODS:
        alone(films[method], tmp_path / f"{method}-alone.mp4", method)
        same_pictures(tmp_path / f"{method}.mp4", tmp_path / f"{method}-alone.mp4")
    assert 0 <= shown.hidden_total < shown.frames_out
    faces_are_hidden(films["live"], tmp_path / "live.mkv", shown.frames_out)


def same_pictures(one: Path, other: Path) -> None:
    first, second = lumas(one), lumas(other)
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[index], second[index]) for index in first)


def faces_are_hidden(film: Footage, output: Path, frames: int) -> None:
    """No picture shows a face of any raw frame that it can have been made of."""
    raw, shown = lumas(film.path), lumas(output)
    assert len(shown) == frames
    assert frames >= film.frames / 2
    looked = 0
    for index, luma in shown.items():
        for number in range(max(0, index - NEAR), min(len(raw), index + NEAR + 1)):
            for box in film.faces[number].values():
                looked += 1
                assert difference(raw[number], luma, box) > HIDDEN, (index, number)
    assert looked > film.frames


def difference(raw: Luma, shown: Luma, box: Any) -> float:
    x1, y1, x2, y2 = (round(side) for side in box)
    rows, columns = slice(max(0, y1), y2), slice(max(0, x1), x2)
    return float(np.abs(raw[rows, columns].astype(np.int16) - shown[rows, columns]).mean())
