"""Networks in a service: the same answers, each stream in its turn, errors instead of hanging."""

from __future__ import annotations

import hashlib
import os
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from stream_anon.detectors.centerface import find_weights
from stream_anon.detectors.remote import client, pools, service
from stream_anon.detectors.remote.blocks import BadBlock, Block
from stream_anon.detectors.remote.client import RemoteNetworks
from stream_anon.detectors.remote.pools import Pools
from stream_anon.detectors.remote.ports import Port, PortClosed
from stream_anon.detectors.remote.service import NetworkService
from stream_anon.detectors.remote.turns import Turns
from stream_anon.detectors.runtime import Built, Network
from stream_anon.errors import ModelError, ParserError

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS = b"weights of a made-up network"


class Doubler:
    """A made-up network: twice the picture, and its sum; what else depends on the first value."""

    loaded = 0
    at_work = threading.Event()
    go_on = threading.Event()

    def __init__(self, weights: Any, **_: Any) -> None:
        if weights == b"broken":
            raise ModelError("these weights are broken")
        type(self).loaded += 1

    def inputs(self) -> list[list[int | None] | None]:
        return [[1, 3, None, None], None]

    def task(self) -> str:
        return "detect"

    def run(self, picture: Any) -> list[Any]:
        if picture.flat[0] == 13:
            raise ParserError("thirteen is no picture")
        if picture.flat[0] == 14:
            raise RuntimeError("secret pixels")
        if picture.flat[0] == 15:
            self.at_work.set()
            self.go_on.wait(20)
        return [2 * picture, np.array([picture.sum()], np.float64)]

    def close(self) -> None:
        return


class Service:
    """A service in a thread."""

    def __init__(self, workers: int = 2, load: Any = Doubler) -> None:
        self.control, theirs = Port.pair()
        served = NetworkService(theirs, workers=workers, pools=Pools(load))
        self.thread = threading.Thread(target=served.run)
        self.thread.start()

    def link(self) -> Port:
        ours, theirs = Port.pair()
        self.control.send({"kind": "link"}, [theirs.fileno()])
        theirs.let_go()
        return ours

    def ping(self) -> bool:
        self.control.send({"kind": "ping"})
        return bool(self.control.receive(5).fields["overdue"])

    def close(self) -> None:
        Doubler.go_on.set()
        self.control.close()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def served() -> Iterator[Service]:
    Doubler.loaded = 0
    Doubler.at_work.clear()
    Doubler.go_on.clear()
    with closing(Service()) as made:
        yield made


class Closing(RemoteNetworks):
    """Closes what it has loaded, as the engines of a run do."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[client.RemoteNetwork] = []

    def __call__(self, *args: Any, **more: Any) -> client.RemoteNetwork:
        network = super().__call__(*args, **more)
        self.loaded.append(network)
        return network

    def close(self) -> None:
        for network in self.loaded:
            network.close()
        super().close()


@contextmanager
def stream(served: Service) -> Iterator[RemoteNetworks]:
    networks = Closing()
    networks.connect(served.link())
    try:
        yield networks
    finally:
        networks.close()


def picture(rows: int = 4, columns: int = 8, first: float = 1.0) -> Any:
    made = np.ones((1, 3, rows, columns), np.float32)
    made.flat[0] = first
    return made


def check(network: Any, made: Any) -> None:
    double, total = network.run(made)
    assert np.array_equal(double, 2 * made)
    assert double.dtype == np.float32
    assert total == [made.sum()]
    assert total.dtype == np.float64


def test_outputs_come_back_whatever_the_size(served: Service) -> None:
    with stream(served) as networks:
        network = networks(WEIGHTS)
        assert network.inputs() == [[1, 3, None, None], None]
        assert network.task() == "detect"
        for rows in (4, 300, 8, 700, 1):
            check(network, picture(rows, 100))
        kept = network.run(picture(2, 2))[0]
        network.run(picture(2, 2, 9))
        assert np.array_equal(kept, 2 * picture(2, 2)), "it is no view of what is written over"


def test_streams_share_what_is_loaded(served: Service) -> None:
    with stream(served) as one, stream(served) as other:
        networks = [made(WEIGHTS) for made in (one, other, one)]
        for network in networks:
            check(network, picture())
        check(one(WEIGHTS), picture())
    assert Doubler.loaded == 1, "also for one that begins again"


def test_errors_are_those_of_the_network_and_nothing_more(served: Service) -> None:
    with stream(served) as networks:
        with pytest.raises(ModelError, match="broken"):
            networks(b"broken")
        network = networks(WEIGHTS)
        with pytest.raises(ParserError, match="thirteen"):
            network.run(picture(first=13))
        with pytest.raises(ParserError, match=r"failed \(RuntimeError\)$"):
            network.run(picture(first=14))
        check(network, picture())


def test_one_that_takes_too_long_is_an_error_and_its_late_answer_is_no_other_ones(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RUNNING", 0.2)
    with stream(served) as networks, stream(served) as others:
        network, other = networks(WEIGHTS), others(WEIGHTS)
        with pytest.raises(ParserError, match="in time"):
            network.run(picture(900, 100, 15))
        check(other, picture())
        monkeypatch.setattr(client, "RUNNING", 20)
        Doubler.go_on.set()
        check(network, picture())
        check(network, picture(1000, 200))


def test_whoever_watches_is_told_of_one_that_hangs(
    served: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "RUNNING", 0.1)
    monkeypatch.setattr(service, "LIMIT", 0.3)
    with stream(served) as networks:
        network = networks(WEIGHTS)
        assert not served.ping()
        with pytest.raises(ParserError):
            network.run(picture(first=15))
        assert not served.ping()
        sleep(0.3)
        assert served.ping()


def test_a_new_service_takes_the_place_of_one_that_is_gone() -> None:
    first = Service()
    networks = Closing()
    try:
        networks.connect(first.link())
        network = networks(WEIGHTS)
        first.close()
        for _ in range(3):
            with pytest.raises(ParserError, match="gone"):
                network.run(picture())
        second = Service()
        with closing(second):
            networks.connect(second.link())
            check(network, picture())
            assert not second.ping()
    finally:
        networks.close()


def test_without_a_service_loading_waits_and_running_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "LOADING", 0.2)
    networks = Closing()
    with pytest.raises(ModelError, match="gone"):
        networks(WEIGHTS)
    monkeypatch.setattr(client, "LOADING", 20)
    with closing(Service()) as late:
        timer = threading.Timer(0.2, lambda: networks.connect(late.link()))
        timer.start()
        check(networks(WEIGHTS), picture())
        timer.join()
    networks.close()


def test_names_and_hashes_that_do_not_fit_are_refused(
    served: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with stream(served) as networks:
        with pytest.raises(ModelError, match="no such network"):
            networks(Built("a hash", lambda: None, "os/system"))
        known = Built("a hash", lambda: None, "toy")
        monkeypatch.setattr(pools, "BUILT", {"toy": lambda: Built("other", lambda: None, "toy")})
        with pytest.raises(ModelError, match="changed"):
            networks(known)
        file = tmp_path / "network.xml"
        file.write_bytes(b"x")
        check(networks(file), picture())


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "run", "n": 1, "shape": [1, 3, 4, 8]}, {"kind": "run", "n": 1, "shape": [2**40]},
        {"kind": "run", "n": 1, "shape": [-1, 5]}, {"kind": "run", "n": 1, "shape": "x"},
        {"kind": "load"}, {"kind": "load", "identity": 1, "threads": "x", "precision": 1},
        {"kind": "load", "n": 1, "identity": "x", "threads": 0, "precision": "f32", "bytes": 2**40,
         "slow": False}, {},
    ],
)  # fmt: skip
def test_nonsense_is_answered_with_an_error(served: Service, fields: dict[str, Any]) -> None:
    with stream(served) as networks:
        port, _ = networks.channel(1)
        with closing(port):
            block = Block.of(100)
            port.send(fields, [block.fd])
            assert port.receive(5).fields["kind"] == "failed"
            block.close()
        check(networks(WEIGHTS), picture())


def test_a_block_that_could_shrink_is_not_taken() -> None:
    """Reading behind its end would end the service."""
    fd = os.memfd_create("odd")
    os.ftruncate(fd, 4096)
    with pytest.raises(BadBlock):
        Block(fd)
    reader, writer = os.pipe()
    with pytest.raises(BadBlock):
        Block(reader)
    os.close(writer)
    block = Block.of(10)
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(block.fd, 1)
    with pytest.raises(BadBlock):
        block.array("float32", [block.size])
    with pytest.raises(BadBlock):
        block.array("object", [1])
    block.close()


def test_nothing_is_left_open(served: Service) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    def use() -> None:
        with stream(served) as networks:
            network = networks(WEIGHTS)
            for rows in (4, 900):
                check(network, picture(rows, 100))

    use()
    until = monotonic() + 5
    before = descriptors()
    for _ in range(5):
        use()
    while descriptors() > before and monotonic() < until:
        sleep(0.01)
    assert descriptors() <= before


class TestTurns:
    """Whose turn it is."""

    def test_streams_are_served_one_after_the_other(self) -> None:
        turns: Turns[str] = Turns()
        for job in ("a1", "a2", "a3", "b1", "c1", "b2"):
            assert turns.add(ord(job[0]), job)
        taken = [turns.take() for _ in range(6)]
        assert [job for job, _ in taken if job] == ["a1", "b1", "c1", "a2", "b2", "a3"]  # type: ignore[misc]

    def test_one_slow_job_at_a_time(self) -> None:
        turns: Turns[str] = Turns()
        for stream, job in ((1, "slow 1"), (2, "slow 2"), (2, "fast")):
            turns.add(stream, job, slow=job.startswith("slow"))
        assert turns.take() == ("slow 1", True)
        assert turns.take() == ("fast", False)
        turns.slow_done()
        assert turns.take() == ("slow 2", True)
        turns.end()
        assert turns.take() is None

    def test_one_stream_cannot_fill_the_memory(self) -> None:
        turns: Turns[int] = Turns()
        assert sum(turns.add(1, n) for n in range(1000)) < 100


def test_a_message_that_is_none_closes_the_port() -> None:
    import socket

    for data in (b"", b"[1]", b"{", b"\xff" * 100, b"{" + b" " * (1 << 17)):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if data:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            ours.send(data)
        else:
            ours.close()
        port = Port(theirs)
        with pytest.raises(PortClosed):
            port.receive(1)
        port.close()
        ours.close()


@pytest.mark.slow
def test_answers_are_those_of_the_same_network_here() -> None:
    with (
        closing(Service(load=Network)) as made,
        stream(made) as networks,
        closing(networks(find_weights(), threads=1)) as there,
        closing(Network(find_weights(), threads=1)) as here,
    ):
        assert there.inputs() == here.inputs()
        for rows in (32, 160, 64):
            seen = np.random.default_rng(rows).uniform(0, 255, (1, 3, rows, 96)).astype(np.float32)
            for one, other in zip(there.run(seen), here.run(seen), strict=True):
                assert np.array_equal(one, other)
    assert hashlib.sha256(find_weights()).hexdigest()
