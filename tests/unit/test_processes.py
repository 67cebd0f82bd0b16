"""Child processes: messages arrive whole, limits hold whatever hangs, and nobody is orphaned."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stream_anon.processes import child as processes
from stream_anon.processes.backoff import Backoff
from stream_anon.processes.child import Child, ChildGone
from stream_anon.processes.wire import Message

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

ODD = "tests.odd_child"
ROOT = Path(__file__).resolve().parents[2]
START = 20.0


@contextmanager
def child() -> Iterator[Child]:
    started = Child(ODD)
    try:
        started.send(Message("hello"), START)
        assert started.receive(START).kind == "hello"
        yield started
    finally:
        started.close()


def is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_for_end(pid: int, seconds: float) -> bool:
    deadline = monotonic() + seconds
    while is_alive(pid) and monotonic() < deadline:
        sleep(0.02)
    return not is_alive(pid)


def test_planes_and_fields_come_back_as_they_were() -> None:
    rng = np.random.default_rng(1)
    planes = tuple(rng.integers(0, 256, shape, np.uint8) for shape in ((720, 1280), (1, 3), (5, 7)))
    fields = {"text": "é\n", "number": 1.5, "nothing": None, "list": [1, "a"]}
    with child() as echo:
        echo.most_received = sum(plane.size for plane in planes)
        for _ in range(3):
            echo.send(Message("picture", fields, planes), 5)
            back = echo.receive(5)
            assert (back.kind, back.fields) == ("picture", fields)
            assert all(np.array_equal(a, b) for a, b in zip(planes, back.planes, strict=True))


def test_a_message_does_not_show_what_it_holds() -> None:
    message = Message("open", {"url": "rtsp://user:secret@camera"}, (np.zeros((2, 2), np.uint8),))
    assert "secret" not in repr(message)
    assert "array" not in repr(message)


def test_what_a_library_prints_is_no_message() -> None:
    with child() as noisy:
        noisy.send(Message("print"), 5)
        assert noisy.receive(5).kind == "print"


@pytest.mark.parametrize("kind", ["hang", "deaf"])
def test_a_child_that_hangs_is_stopped_within_the_limit(kind: str) -> None:
    with child() as stuck:
        stuck.send(Message(kind), 5)
        began = monotonic()
        with pytest.raises(ChildGone, match="did not answer in time"):
            stuck.receive(0.5)
        assert monotonic() - began < 2
        assert wait_for_end(stuck.pid, 2)


def test_a_child_that_takes_nothing_more_is_stopped_within_the_limit() -> None:
    plane = np.zeros((2000, 2000), np.uint8)
    with child() as deaf:
        deaf.send(Message("deaf"), 5)
        began = monotonic()
        with pytest.raises(ChildGone, match="did not take more in time"):
            deaf.send(Message("picture", {}, (plane, plane, plane)), 0.5)
        assert monotonic() - began < 3


def test_an_end_is_told_with_its_code() -> None:
    with child() as leaving:
        leaving.send(Message("exit", {"code": 7}), 5)
        with pytest.raises(ChildGone, match="code 7"):
            leaving.receive(5)


def test_garbage_is_the_end_of_a_child() -> None:
    with child() as broken:
        broken.send(Message("garbage"), 5)
        with pytest.raises(ChildGone):
            broken.receive(5)
        assert wait_for_end(broken.pid, 2)


@pytest.mark.parametrize("kept", [4, 20, 100, 4000])
def test_a_message_that_is_cut_short_is_the_end_of_a_child(kept: int) -> None:
    with child() as broken:
        broken.send(Message("cut", {"kept": kept}, (np.zeros((100, 100), np.uint8),)), 5)
        with pytest.raises(ChildGone):
            broken.receive(5)


def test_a_child_ends_by_itself_when_there_is_no_more_to_do() -> None:
    with child() as obedient:
        assert obedient.end(5)
        assert obedient.receive(1).kind == "end"


def test_a_child_that_does_not_end_is_killed() -> None:
    with child() as stuck:
        stuck.send(Message("hang"), 5)
        assert not stuck.end(0.3)
        assert wait_for_end(stuck.pid, 2)


def test_the_system_ends_what_hangs_within_a_limit_of_its_own() -> None:
    with child() as stuck:
        stuck.send(Message("hang within", {"seconds": 0.3}), 5)
        with pytest.raises(ChildGone, match=f"signal {signal.SIGALRM:d}"):
            stuck.receive(10)


def test_no_child_outlives_a_parent_that_was_killed() -> None:
    code = (
        "from stream_anon.processes.child import Child\n"
        "from stream_anon.processes.wire import Message\n"
        f"child = Child({ODD!r})\nchild.send(Message('hello'), 20)\nchild.receive(20)\n"
        "print(child.pid, flush=True)\nchild.receive(None)\n"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert wait_for_end(pid, 3)


def test_nothing_is_imported_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("import os\nos._exit(99)\n")
    monkeypatch.chdir(tmp_path)
    with child() as one:
        assert is_alive(one.pid)


PART_OF_THE_STANDARD_LIBRARY = ("json", "threading", "struct", "enum", "typing", "runpy", "site")


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """A folder where what is installed has the names of parts of the standard library."""
    for name in PART_OF_THE_STANDARD_LIBRARY:
        (tmp_path / f"{name}.py").write_text("import os\nos._exit(99)\n")
    return tmp_path


def test_nothing_installed_beside_this_package_hides_the_standard_library(
    shadows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stream_anon", "tests"):
        (shadows / name).symlink_to(ROOT / name)
    monkeypatch.setattr(processes, "_package_folder", lambda: str(shadows))
    with child() as one:
        assert is_alive(one.pid)


def test_nothing_in_the_python_path_hides_the_standard_library(
    shadows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shadows / "only_there.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(shadows))
    with child() as one:
        one.send(Message("path"), 5)
        path = one.receive(5).fields["path"]
    places = [place for place, folder in enumerate(path) if folder == str(shadows)]
    library = path.index(sysconfig.get_path("stdlib"))
    installed = path.index(sysconfig.get_path("purelib"))
    assert places == [places[0]]
    assert library < path.index(str(ROOT)) < places[0] < installed


def test_core_dumps_are_forbidden() -> None:
    with child() as one:
        limits = Path(f"/proc/{one.pid}/limits").read_text(encoding="ascii")
    assert re.search(r"Max core file size\s+0 ", limits)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_the_whole_group_are_the_parents_business(number: signal.Signals) -> None:
    with child() as calm:
        os.kill(calm.pid, number)
        calm.send(Message("still here"), 5)
        assert calm.receive(5).kind == "still here"


def test_waits_are_doubled_up_to_a_limit_and_never_twice_the_same() -> None:
    backoff = Backoff(1.0, 60.0)
    waits = [backoff.wait() for _ in range(12)]
    assert all(0.5 * 2**n <= wait <= 2**n for n, wait in enumerate(waits[:6]))
    assert all(30 <= wait <= 60 for wait in waits[6:])
    assert len(set(waits)) == len(waits)
    backoff.reset()
    assert backoff.wait() <= 1
