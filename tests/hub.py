"""A stand-in for ModelScope's hub on this machine: real HTTP, as far as the client asks for it."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from stream_anon.detectors.m2fp.client import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

LISTING = f"/api/v1/models/{MODEL}/repo/files"
DOWNLOAD = f"/api/v1/models/{MODEL}/repo"
ELSEWHERE = "/storage/"
"""Where a hub that redirects sends people."""
SECRET = "s3cret-t0ken"
NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens."""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass
class Hub:
    """What the stand-in has, how it misbehaves, and what it was asked."""

    files: dict[str, bytes]
    address: str = ""
    status: int = 200
    """Of every answer, where it is not 200."""
    file_status: int = 200
    """Of every answer to a download."""
    body: bytes | None = None
    """Answered to everything."""
    redirects: bool = False
    dies_after: int | None = None
    """Bytes of a large file after which the connection is closed, every time."""
    breaks_once_after: int | None = None
    """The same, but the first time only."""
    wrong_hash: bool = False
    short: int = 0
    """Bytes that a large file lacks at its end, though the listing tells of them."""
    stalls_after: int | None = None
    """Bytes of a large file after which nothing more comes, until `released`."""
    released: threading.Event = field(default_factory=threading.Event)
    requests: list[Request] = field(default_factory=list)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def listing(self) -> bytes:
        entries = [
            {
                "Path": name,
                "Name": name,
                "Type": "blob",
                "Size": len(data),
                "Sha256": hashlib.sha256(data + b"x" * self.wrong_hash).hexdigest(),
            }
            for name, data in self.files.items()
        ]
        return json.dumps({"Code": 200, "Success": True, "Data": {"Files": entries}}).encode()


@contextmanager
def running_hub(files: dict[str, bytes]) -> Iterator[Hub]:
    """Serve `files` until the block ends."""
    hub = Hub(files)
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="hub")
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def model_repository(folder: Path) -> dict[str, bytes]:
    """A model folder as the hub has it, among files that nobody needs."""
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    return {"README.md": b"# about", ".gitattributes": b"*", "demo/pytorch_model.pt": b"", **files}


def point_to(monkeypatch: pytest.MonkeyPatch, home: Path, address: str = NOWHERE) -> None:
    """A fresh home, few retries, and no way to any other hub."""
    home.mkdir(exist_ok=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    # What goes to anybody else goes through the stand-in, which notes it.
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, address)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", address)
    monkeypatch.delenv("MODELSCOPE_DOMAIN", raising=False)
    monkeypatch.setenv("MODELSCOPE_API_TOKEN", SECRET)
    monkeypatch.setenv("MODELSCOPE_DOWNLOAD_MAX_RETRIES", "1")
    monkeypatch.setenv("MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS", "1")


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them

    def handle_error(self, *_: object) -> None:
        pass  # clients that go away in the middle are what some tests are about


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5  # for the next request of a client that keeps the connection
    hub: Hub

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_CONNECT(self) -> None:
        self._answer(with_body=False)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        hub, parts = self.hub, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = self.path.partition("?")[0]  # a whole address where we are the proxy
        hub.requests.append(Request(self.command, asked, query, dict(self.headers)))
        name = query.get("FilePath") or parts.path.removeprefix(ELSEWHERE)
        if hub.body is not None:
            self._send(200, hub.body)
        elif hub.status != 200:
            self._send(
                hub.status, b'{"Code": 1, "Message": "see http://x/?token=' + SECRET.encode()
            )
        elif parts.path == LISTING:
            self._send(200, hub.listing())
        elif name not in hub.files:
            self._send(404, b"{}")
        elif hub.file_status != 200:
            self._send(hub.file_status, b"{}")
        elif hub.redirects and parts.path == DOWNLOAD:
            self._send(302, b"", Location=f"{hub.address}{ELSEWHERE}{name}?signature={SECRET}")
        else:
            self._send_file(hub.files[name], with_body=with_body)

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, data: bytes, *, with_body: bool) -> None:
        hub, large = self.hub, len(data) > 100_000
        whole, start = len(data), 0
        data = data[: whole - hub.short] if large else data
        if wanted := self.headers.get("Range"):
            start = int(wanted.removeprefix("bytes=").partition("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        data = data[start:]
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if not with_body:
            return
        if large and hub.stalls_after is not None:
            self.wfile.write(data[: hub.stalls_after])
            hub.released.wait(60)
            self.close_connection = True
            return
        cut = hub.dies_after or hub.breaks_once_after
        if large and cut is not None:
            hub.breaks_once_after = None
            self.wfile.write(data[:cut])
            self.close_connection = True
        else:
            self.wfile.write(data)
