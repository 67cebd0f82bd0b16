"""Several live runs in one process: each line of the log tells which stream it is about."""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import stream_anon
from stream_anon.core.stream_log import StreamName, StreamThread, stream_logger
from stream_anon.errors import ConfigError
from stream_anon.sinks import registry as sinks
from stream_anon.sources import registry as sources
from tests.live_sources import wait_for
from tests.toys import array_sink, array_source

if TYPE_CHECKING:
    from stream_anon import LiveRun

pytestmark = pytest.mark.slow

ROOT = Path(stream_anon.__file__).parent
log = stream_logger("stream_anon.test")
SECRET = "s3cret"
CAMERA = f"rtsp://viewer:{SECRET}@127.0.0.1:9/stream1"


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "stream_anon")
    return caplog


@pytest.fixture
def array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing to see, for a second."""
    monkeypatch.setattr(sinks, "ROWS", (array_sink.ROW, *sinks.ROWS))
    monkeypatch.setattr(sources, "ROWS", (array_source.ROW, *sources.ROWS))
    np.save(tmp_path / "in.npy", np.full((25, 48, 64), 90, np.uint8))
    return tmp_path / "in.npy"


def played(array: Path, **more: object) -> LiveRun:
    return stream_anon.prepare_live(
        array,
        pace=True,
        to=[array.with_name("out.npy")],
        settings={"live.latency": 1.0, "live.log_interval": 1.0},
        **more,  # type: ignore[arg-type]
    )


def test_two_runs_are_told_apart(lines: pytest.LogCaptureFixture, array: Path) -> None:
    camera = stream_anon.prepare_live(
        CAMERA, to=["udp://127.0.0.1:9"], settings={"live.backoff": 0.1}
    ).start()
    wait_for(lambda: "cannot open" in lines.text, 20)
    lines.clear()
    with camera:
        played(array, name="hall").run()
        wait_for(lambda: "cannot open" in lines.text, 20)
    by_stream: dict[str, list[logging.LogRecord]] = {}
    for record in lines.records:
        by_stream.setdefault(str(record.__dict__.get("stream")), []).append(record)
    label = "rtsp://127.0.0.1:9/stream1"
    assert set(by_stream) == {label, "hall"}, by_stream.get("None")
    for name, records in by_stream.items():
        assert all(record.getMessage().startswith(f"[{name}] ") for record in records)
    assert any("25 frames written" in record.getMessage() for record in by_stream["hall"]), "child"
    assert any("connected to" in record.getMessage() for record in by_stream["hall"]), "source"
    assert {r.threadName for r in by_stream["hall"]} - {"MainThread"}, "its threads too"
    assert SECRET not in lines.text
    assert "viewer" not in lines.text


def test_a_single_run_without_a_name_has_plain_lines(
    lines: pytest.LogCaptureFixture, array: Path
) -> None:
    played(array).run()
    assert lines.records
    assert not any(record.getMessage().startswith("[") for record in lines.records)
    assert {record.__dict__["stream"] for record in lines.records} == {"in.npy"}


def test_two_of_the_same_name_get_numbers(lines: pytest.LogCaptureFixture) -> None:
    first, second = StreamName("cam", "x"), StreamName(None, "cam")
    with first.at_work(), second.at_work():
        log.info("%d %% of it", 50)
    assert [record.getMessage() for record in lines.records] == ["[cam (2)] 50 % of it"]


def test_a_name_stays_in_the_log_until_all_runs_have_ended(lines: pytest.LogCaptureFixture) -> None:
    first, second = StreamName(None, "one"), StreamName(None, "two")
    with first.at_work():
        log.info("alone")
        with second.at_work():
            log.info("two")
        log.info("left")
    log.info("nobody")
    texts = [record.getMessage() for record in lines.records]
    assert texts == ["alone", "[two] two", "[one] left", "nobody"]


def test_threads_work_for_the_stream_of_whoever_makes_them(
    lines: pytest.LogCaptureFixture,
) -> None:
    with StreamName("cam", "x").at_work():
        thread = StreamThread(target=lambda: log.info("here"))
    thread.start()
    thread.join()
    assert [record.getMessage() for record in lines.records] == ["[cam] here"]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 61])
def test_a_name_fits_on_a_line(name: str) -> None:
    with pytest.raises(ConfigError, match="name of a stream"):
        stream_anon.prepare_live("rtsp://cam", to=["udp://127.0.0.1:9"], name=name)


APART = ("cli/", "web/", "detectors/remote/service.py")
"""What is of no stream: the command line, the control room, the process with its networks."""
CHILDREN = {"sinks/process/hosted.py", "sources/live/capture.py", "sources/live/input.py"}
"""What runs in processes of their own, whose lines the parent logs."""
NOT_LIVE = {"pipeline/threads.py", "pipeline/job.py", "pipeline/live/once.py"}
"""Threads of recordings, and the one that a whole run may have."""


def _calls(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_every_module_logs_and_starts_threads_for_its_stream() -> None:
    wrong = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(APART) or name in CHILDREN or name == "core/stream_log.py":
            continue
        calls = _calls(path)
        if "logging.getLogger" in calls:
            wrong.append(f"{name} logs without its stream")
        if "threading.Thread" in calls and name not in NOT_LIVE:
            wrong.append(f"{name} starts a thread without its stream")
    assert wrong == []
