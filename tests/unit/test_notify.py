"""What systemd hears, on a real socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from stream_anon.core.process_state import Members
from stream_anon.pipeline.figures import notify
from stream_anon.pipeline.figures.notify import Notifier, watchdog_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]


@pytest.fixture(params=["path", "abstract"])
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, socket.socket]]:
    """What NOTIFY_SOCKET says, and the socket behind it."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@stream-anon-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        try:
            sock.bind(name.replace("@", "\0", 1))
        except OSError as error:
            pytest.skip(f"no such sockets here: {error.strerror}")
        sock.settimeout(2)
        yield name, sock


@pytest.mark.parametrize(
    ("tell", "heard"),
    [
        (lambda told: told.ready(), "READY=1"),
        (lambda told: told.alive(), "WATCHDOG=1"),
        (lambda told: told.stopping(), "STOPPING=1"),
        (lambda told: told.status("25.0 fps · gut"), "STATUS=25.0 fps · gut"),
        (lambda told: told.status("one\nREADY=1\n two"), "STATUS=one READY=1 two"),
    ],
)
def test_each_word_is_heard(
    system: tuple[str, socket.socket], tell: Callable[[Notifier], bool], heard: str
) -> None:
    name, sock = system
    assert tell(Notifier({"NOTIFY_SOCKET": name}))
    assert sock.recv(4096).decode() == heard


def test_reloading_carries_its_time(system: tuple[str, socket.socket]) -> None:
    name, sock = system
    before = monotonic()
    assert Notifier({"NOTIFY_SOCKET": name}).reloading()
    word, when = sock.recv(4096).decode().split("\n")
    assert word == "RELOADING=1"
    key, _, micros = when.partition("=")
    assert key == "MONOTONIC_USEC"
    assert before - 0.001 <= int(micros) / 1e6 <= monotonic()


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative", "/no/such/socket", "@" * 500])
def test_nothing_happens_where_nobody_listens(name: str) -> None:
    told = Notifier({"NOTIFY_SOCKET": name} if name else {})
    assert not any((told.ready(), told.alive(), told.status("x"), told.reloading()))
    assert not told.stopping()


def test_a_system_that_does_not_read_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "PATIENCE", 0.05)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(tmp_path / "deaf"))
        told = Notifier({"NOTIFY_SOCKET": str(tmp_path / "deaf")})
        start = monotonic()
        while told.alive():
            assert monotonic() - start < 20, "never full"
        start = monotonic()
        assert not told.alive()
        assert monotonic() - start < 2


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "x"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(
    environment: dict[str, str], seconds: float | None
) -> None:
    assert watchdog_interval(environment) == seconds
    assert Notifier(environment).watchdog_interval == seconds


def test_the_environment_of_the_process_is_the_default(
    system: tuple[str, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    name, sock = system
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    assert Notifier().ready()
    assert sock.recv(4096) == b"READY=1"


class TestSeveralRuns:
    """In one process: the service is all of them."""

    @pytest.fixture
    def runs(self, system: tuple[str, socket.socket]) -> tuple[Notifier, Notifier, socket.socket]:
        name, sock = system
        environment, members = {"NOTIFY_SOCKET": name}, Members()
        one, two = (Notifier(environment, runs=members) for _ in range(2))
        assert one.ready()
        assert two.ready()
        assert [sock.recv(99) for _ in range(2)] == [b"READY=1"] * 2
        return one, two, sock

    def test_the_watchdog_is_fed_while_all_of_them_do_their_work(
        self, runs: tuple[Notifier, Notifier, socket.socket]
    ) -> None:
        one, two, sock = runs
        assert not one.alive()
        assert not one.alive(), "the other one may hang"
        assert two.alive()
        assert sock.recv(99) == b"WATCHDOG=1"
        two.stopping()
        assert one.alive(), "one that has ended is not waited for"

    def test_only_the_last_one_ends_the_service(
        self, runs: tuple[Notifier, Notifier, socket.socket]
    ) -> None:
        one, two, sock = runs
        assert not one.stopping()
        assert not one.stopping(), "said twice, it counts once"
        assert two.alive()
        assert two.stopping()
        assert [sock.recv(99) for _ in range(2)] == [b"WATCHDOG=1", b"STOPPING=1"]
        assert not two.stopping()
