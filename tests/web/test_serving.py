"""The real server in a process of its own: its first start, slow clients, and its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self

import cv2
import httpx
import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

PROGRAM = Path(__file__).with_name("streaming_server.py")
START = 60.0
"""Seconds that it has to start in on a busy machine."""
END = 3.0
"""Seconds after SIGTERM in which it has to end."""
TOKEN = "an operator's token for tests"


class Server:
    """`stream-anon serve` with streams of its own."""

    def __init__(self, folder: Path, *options: str, token: str | None = TOKEN) -> None:
        environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
        if token is not None:
            environment["STREAM_ANON_TOKEN"] = token
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), "serve", "--port", "0", *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        self.line = self.read_line()
        found = re.search(r"(https?)://([^ ]*):(\d+)", self.line)
        assert found is not None, self.line
        self.scheme, self.port = found[1], int(found[3])
        self.headers = {"authorization": f"Bearer {TOKEN}"}
        return self

    @property
    def address(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def read_line(self) -> str:
        assert self.process.stdout is not None
        watch = threading.Timer(START, self.process.kill)
        watch.start()
        try:
            return self.process.stdout.readline()
        finally:
            watch.cancel()
            watch.join()

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Its exit code, and seconds that ending took."""
        began = monotonic()
        self.process.send_signal(number)
        code = self.process.wait(60)
        return code, monotonic() - began

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """For a test that ends it."""
    with Server(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that do not."""
    with Server(tmp_path_factory.mktemp("lasting")) as server:
        yield server


def test_the_first_start_prints_a_link_that_logs_in_once(tmp_path: Path) -> None:
    with Server(tmp_path, token=None) as server:
        shown = server.read_line() + server.read_line()
        link = re.search(r"http://\S+/login\?token=\S+", shown)
        token = re.search(r"this once: (\S+)", shown)
        assert link is not None
        assert token is not None
        with httpx.Client() as browser:
            assert browser.get(link[0]).status_code == 200
            session = browser.get(f"{server.address}/api/v1/session")
            assert session.json() == {"name": "operator", "role": "operator"}
        assert httpx.get(link[0]).status_code == 401
        headers = {"authorization": f"Bearer {token[1]}"}
        assert httpx.get(f"{server.address}/api/v1/session", headers=headers).status_code == 200
        assert server.end()[0] == 0
    assert (tmp_path / "stream_anon" / "web").stat().st_mode & 0o777 == 0o700
    with Server(tmp_path, token=None) as server:
        assert server.end()[0] == 0
        assert server.process.stdout is not None
        assert "token" not in server.process.stdout.read()


def test_it_ends_within_three_seconds_with_viewers_connected(server: Server) -> None:
    with httpx.Client(headers=server.headers, timeout=20) as client, server.connected() as slow:
        streams = [
            client.send(client.build_request("GET", f"{server.address}{path}"), stream=True)
            for path in ("/endless", "/endless", "/silent")
        ]
        slow.sendall(b"POST /config HTTP/1.1\r\n")  # in the middle of its head
        parts = [next(stream.iter_raw()) for stream in streams]
        assert all(part.startswith(b"part") for part in parts)
        code, seconds = server.end()
    assert code == 0
    assert seconds < END


def test_it_ends_with_a_viewer_who_reads_nothing(server: Server) -> None:
    with server.connected() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        deaf.sendall(asked_for("/endless"))
        sleep(1)
        code, seconds = server.end()
    assert (code, seconds < END) == (0, True)


def test_no_photo_outlives_a_server_that_is_killed(server: Server) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (1500, 2000, 3), np.uint8)
    photo = cv2.imencode(".jpg", noise)[1].tobytes()

    def send() -> None:
        with suppress(httpx.HTTPError):
            httpx.post(
                f"{server.address}/predict",
                files={"image": photo},
                headers=server.headers,
                timeout=60,
            )

    sending = threading.Thread(target=send)
    sending.start()
    children = wait_for_children(server.process.pid)
    sleep(2)
    server.process.kill()
    server.process.wait()
    sending.join()
    deadline = monotonic() + 3
    while any(map(is_running, children)) and monotonic() < deadline:
        sleep(0.05)
    assert not any(map(is_running, children))


def wait_for_children(pid: int) -> list[int]:
    deadline = monotonic() + START
    while monotonic() < deadline:
        lists = Path(f"/proc/{pid}/task").glob("*/children")
        if found := [int(child) for one in lists for child in one.read_text().split()]:
            return found
        sleep(0.05)
    raise AssertionError("no process for photos was started")


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # ended, and nobody has asked how


def asked_for(path: str) -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    return head.encode()


def test_a_viewer_who_does_not_read_is_cut_off(lasting: Server) -> None:
    with lasting.connected() as deaf:
        deaf.sendall(asked_for("/flood"))
        sleep(4)
        deaf.settimeout(5)
        received = 0
        with suppress(ConnectionResetError):
            while data := deaf.recv(1 << 20):
                received += len(data)
                assert received < 1 << 28  # it goes on and on


def closed_after(connection: socket.socket, drip: bytes, most: float) -> float:
    """Seconds until the server closes a connection on which a byte comes now and then."""
    began = monotonic()
    connection.settimeout(0.2)
    while monotonic() - began < most:
        try:
            connection.sendall(drip)
            while connection.recv(4096):
                pass
            return monotonic() - began
        except TimeoutError:
            continue
        except OSError:
            return monotonic() - began
    return most


@pytest.mark.parametrize(
    "start",
    [
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ",
        b"",
        (
            f"POST /config HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Type: application/json\r\nContent-Length: 500\r\n\r\n"
        ).encode(),
    ],
    ids=["head", "nothing", "body"],
)
def test_slow_clients_are_cut_off(lasting: Server, start: bytes) -> None:
    with lasting.connected() as connection:
        connection.sendall(start)
        assert closed_after(connection, b"x" if start else b"", 20) < 10
    assert httpx.get(f"{lasting.address}/health").status_code == 200


def test_many_slow_clients_do_not_keep_others_out(lasting: Server) -> None:
    slow = [lasting.connected() for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"GET /health HTTP/1.1\r\nX: ")
        began = monotonic()
        assert httpx.get(f"{lasting.address}/health").status_code == 200
        assert monotonic() - began < 5
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_never_ends_is_cut_off(lasting: Server) -> None:
    def endless() -> Any:
        while True:
            yield b"x" * (1 << 16)

    began = monotonic()
    answer = httpx.post(
        f"{lasting.address}/predict", content=endless(), headers=lasting.headers, timeout=30
    )
    assert answer.status_code == 415  # answered at once; what goes on coming is not read for long
    assert monotonic() - began < 5


def test_tls_is_what_it_says(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path)
    with Server(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        answer = httpx.get(
            f"https://127.0.0.1:{server.port}/login", verify=ssl.create_default_context(cafile=cert)
        )
        assert answer.status_code == 200
        assert "strict-transport-security" in answer.headers
        assert server.end()[0] == 0


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """One for 127.0.0.1, signed by itself, and its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    order = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    order += " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*order.split(), *files], check=True, capture_output=True)
    return cert, key


def test_an_address_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "stream_anon", "serve", "--port", str(port)],
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=START,
            check=False,
        )
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert done.stdout == ""
