"""What a process has only one of: runs beside each other share it, and put it back when all end."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import pytest

import stream_anon
from stream_anon.config import Output
from stream_anon.core.process_state import (
    FirstAlone,
    Members,
    Shared,
    no_realtime,
    no_warnings,
    single_threaded_opencv,
    without_module,
)
from stream_anon.detectors import runtime
from stream_anon.detectors.centerface import find_weights
from stream_anon.detectors.compiled import Compiled
from stream_anon.sinks.file import MediaSink
from tests.media import write
from tests.stubs import make_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

PACKAGE = Path(stream_anon.__file__).parent
ROOT = PACKAGE.parent
ABSENT = "a_module_that_nobody_has"


@pytest.fixture
def _three_threads() -> Iterator[None]:
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield
    cv2.setNumThreads(before)


@pytest.mark.usefixtures("_three_threads")
class TestShared:
    def test_the_last_one_puts_it_back_whoever_came_first(self) -> None:
        single_threaded_opencv.__enter__()
        single_threaded_opencv.__enter__()
        single_threaded_opencv.__exit__(None, None, None)
        assert cv2.getNumThreads() == 1, "one is still at work"
        single_threaded_opencv.__exit__(None, None, None)
        assert cv2.getNumThreads() == 3

    def test_many_threads_that_come_and_go_leave_it_as_it_was(self) -> None:
        seen: set[int] = set()
        start = threading.Barrier(8)

        def work() -> None:
            start.wait()
            for _ in range(200):
                with single_threaded_opencv:
                    seen.add(cv2.getNumThreads())

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == {1}
        assert cv2.getNumThreads() == 3

    def test_an_error_inside_is_passed_on_and_it_is_put_back(self) -> None:
        with pytest.raises(ZeroDivisionError), single_threaded_opencv:
            raise ZeroDivisionError
        assert cv2.getNumThreads() == 3

    def test_a_change_that_fails_can_be_tried_again(self) -> None:
        tries: list[str] = []

        @contextmanager
        def change() -> Iterator[None]:
            tries.append("made")
            if len(tries) == 1:
                raise OSError
            yield
            tries.append("put back")

        shared = Shared(change)
        with pytest.raises(OSError), shared:  # noqa: PT011 - made here
            pass
        with shared:
            pass
        assert tries == ["made", "made", "put back"]


def test_warnings_are_shown_again_after_the_last() -> None:
    before = list(warnings.filters)
    no_warnings.__enter__()
    no_warnings.__enter__()
    no_warnings.__exit__(None, None, None)
    warnings.warn("not shown: pytest would fail", stacklevel=1)
    no_warnings.__exit__(None, None, None)
    assert warnings.filters == before


def test_a_module_is_gone_inside_and_back_after() -> None:
    there = sys.modules["json"]
    with without_module("json"), pytest.raises(ImportError):
        import json  # noqa: F401
    assert sys.modules["json"] is there
    with without_module(ABSENT):
        sys.modules.pop(ABSENT)  # whatever happens inside
    assert ABSENT not in sys.modules


AT_ONCE = """
import sys, threading
import numpy as np
from stream_anon.detectors.centerface import find_weights
from stream_anon.detectors.openvino_start import TELEMETRY
from stream_anon.detectors.runtime import Network
sys.setswitchinterval(1e-6)
start, failed = threading.Barrier(8), []
def work():
    try:
        start.wait()
        network = Network(find_weights(), threads=1)
        start.wait()
        assert len(network.run(np.zeros((1, 3, 32, 32), np.float32))) == 4
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(failed, TELEMETRY in sys.modules)
"""


def test_many_threads_begin_with_openvino_at_once() -> None:
    """The import failed each time without its lock, the first inference hung in one of eight."""
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == "[] False\n", done.stderr


class Crowd:
    """Counts how many threads are inside."""

    def __init__(self) -> None:
        self.inside = self.most = self.visits = 0
        self._lock = threading.Lock()

    def visit(self) -> int:
        """Returns: the most that were inside at once so far."""
        with self._lock:
            self.inside += 1
            self.most, self.visits = max(self.most, self.inside), self.visits + 1
        sleep(0.02)
        with self._lock:
            self.inside -= 1
            return self.most


def at_once(work: Callable[[], object], count: int = 4) -> None:
    start = threading.Barrier(count)

    def begin() -> None:
        start.wait()
        work()

    threads = [threading.Thread(target=begin) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


class TestFirstAlone:
    def test_only_one_is_inside_until_it_has_been_done_once(self) -> None:
        alone, crowd = FirstAlone(), Crowd()
        with alone("read"), alone("infer"):  # nested, by one thread
            pass

        def step() -> None:
            with alone("compile"):
                most.append(crowd.visit())

        most: list[int] = []
        at_once(step)
        assert most[0] == 1
        assert crowd.visits == 4
        at_once(step)
        assert most[-1] > 1, "later, nobody waits"

    def test_what_failed_is_not_done(self) -> None:
        alone, crowd = FirstAlone(), Crowd()
        with pytest.raises(ZeroDivisionError), alone("read"):
            raise ZeroDivisionError
        release, waited = threading.Event(), threading.Event()

        def second() -> None:
            with alone("read"):
                waited.set()
                release.wait(5)
                crowd.visit()

        thread = threading.Thread(target=second)
        thread.start()
        waited.wait(5)
        threading.Timer(0.05, release.set).start()
        with alone("read"):
            assert crowd.visits == 1, "still alone"
        thread.join()

    @pytest.mark.parametrize("step", ["read", "compile", "infer"])
    def test_each_step_of_openvino_is(self, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
        steps: list[str] = []

        @contextmanager
        def noted(name: str) -> Iterator[None]:
            steps.append(name)
            yield

        monkeypatch.setattr(runtime, "first_alone", noted)
        monkeypatch.setattr(runtime, "COMPILED", Compiled())
        network = runtime.Network(find_weights(), threads=1)
        network.run(np.zeros((1, 3, 32, 32), np.float32))
        network.close()
        assert step in steps


def policies() -> set[int]:
    """How the threads of this process are scheduled."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):  # it has just ended
            found.add(os.sched_getscheduler(int(task.name)))
    return found


def open_av1(path: Path) -> None:
    with av.open(path, "w") as container:
        stream = container.add_stream("libsvtav1", rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.codec_context.open()


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are Linux's")
class TestNoRealtime:
    def test_av1_takes_the_processor_from_nobody(self, tmp_path: Path) -> None:
        """As root, which is what runs in containers."""
        assert policies() == {os.SCHED_OTHER}
        sink = MediaSink(tmp_path / "out.mkv", make_info(64, 64), Output(encoder="libsvtav1"))
        try:
            assert policies() == {os.SCHED_OTHER}
        finally:
            sink.close()

    def test_a_picture_does_not_either(self, tmp_path: Path) -> None:
        source = write(tmp_path / "in.avif", frames=1, codec="libsvtav1")
        assert policies() == {os.SCHED_OTHER}
        assert stream_anon.redact_picture(source.read_bytes())
        assert policies() == {os.SCHED_OTHER}

    def test_what_was_realtime_before_still_is(self, tmp_path: Path) -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        except PermissionError:
            pytest.skip("only root may ask for it")
        try:
            with no_realtime():
                open_av1(tmp_path / "in.mkv")
            assert os.sched_getscheduler(0) != os.SCHED_OTHER
        finally:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class TestMembers:
    def test_all_have_to_report(self) -> None:
        members, one, two = Members(), Notice(), Notice()
        members.join(one)
        assert members.report(one)
        members.join(two)
        assert not members.report(one)
        assert not members.report(one)
        assert members.report(two)
        assert not members.report(two), "all begin anew"

    def test_who_leaves_or_is_gone_is_not_waited_for(self) -> None:
        members, one, two, three = Members(), Notice(), Notice(), Notice()
        members.join(one)
        members.join(two)
        members.join(three)
        assert not members.leave(two)
        del three
        assert members.report(one)
        assert members.leave(one)


class Notice:
    """A member."""


OWNERS = {
    "setNumThreads": {"core/process_state.py"},
    "sys.modules": {"core/process_state.py"},
    "catch_warnings": {"core/process_state.py"},
    "simplefilter": {"core/process_state.py"},
    "monitor_interval": {"core/process_state.py"},
    "environ.setdefault": {"core/process_state.py", "sinks/window/window.py"},
    "os.environ[\"QT": {"sinks/window/window.py"},
    "os.putenv": set[str](),
    "signal.signal(": {"cli/live.py", "cli/main.py", "processes/host.py"},
    "setitimer(": {"processes/host.py", "web/cameras/child.py"},
    "av.logging.set": {"sources/live/input.py"},
    "set_num_threads": set[str](),
    "random.seed": set[str](),
    "setRNGSeed": set[str](),
    "setlocale": set[str](),
    "os.umask": {"web/jobs/child.py", "web/review/child.py"},
    "os.chdir": set[str](),
}  # fmt: skip
"""Who may change what belongs to the process, by the words that change it; see `process_state`."""


@pytest.mark.parametrize("words", OWNERS)
def test_nobody_else_changes_the_process(words: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if words in path.read_text(encoding="utf-8")
    }
    assert users == OWNERS[words]
