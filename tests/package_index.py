"""Stand-ins for PyPI and the npm registry on this machine, as far as pip and npm ask for them."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

NOWHERE = "http://127.0.0.1:9"
"""Where nobody listens."""


@dataclass
class Index:
    """What the stand-in has, and how it misbehaves."""

    files: dict[str, bytes]
    """By file name: wheels, source archives, npm's archives."""
    address: str = ""
    status: int = 200
    """Of every answer, where it is not 200."""
    damaged: bool = False
    """A byte in the middle is another one than when the hash was taken."""
    dies_after: int | None = None
    """Bytes of a file after which the connection is closed."""
    asked: list[str] = field(default_factory=list)

    def listing(self, package: str) -> bytes:
        """The page of a project, as PEP 503 has it."""
        start = package.replace("-", "_") + "-"
        links = [
            f'<a href="/files/{name}#sha256={hashlib.sha256(data).hexdigest()}">{name}</a>'
            for name, data in self.files.items()
            if name.startswith(start)
        ]
        return ("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>").encode()

    def packument(self, package: str) -> bytes:
        """What npm's registry says of a package: the versions that there are."""
        versions = {}
        for name, data in self.files.items():
            version = name.rpartition("-")[2].removesuffix(".tgz")
            digest = base64.b64encode(hashlib.sha512(data).digest()).decode()
            dist = {"tarball": f"{self.address}/files/{name}", "integrity": f"sha512-{digest}"}
            versions[version] = {"name": package, "version": version, "dist": dist}
        newest = {"latest": max(versions, default="0")}
        return json.dumps({"name": package, "dist-tags": newest, "versions": versions}).encode()


@contextmanager
def running_index(files: dict[str, bytes]) -> Iterator[Index]:
    """Serve `files` until the block ends."""
    index = Index(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"index": index}))
    server.daemon_threads = False
    index.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="index")
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, home: Path, address: str = NOWHERE) -> None:
    """A fresh home whose package clients know this index and no other."""
    home.mkdir(exist_ok=True)
    set_to = {
        "HOME": home,
        "XDG_DATA_HOME": home / "data",
        "XDG_CACHE_HOME": home / "cache",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": f"{address}/simple",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "5",
        "npm_config_registry": f"{address}/",
        "npm_config_cache": home / "cache" / "npm",
        "npm_config_userconfig": home / "npmrc",
        "npm_config_globalconfig": home / "npmrc-of-all",
        "npm_config_fetch_retries": "0",
    }
    for name, value in set_to.items():
        monkeypatch.setenv(name, str(value))
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def wheel(package: str, version: str, members: dict[str, bytes]) -> dict[str, bytes]:
    """A wheel with these files, by its file name."""
    name = package.replace("-", "_")
    info = f"{name}-{version}.dist-info"
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
        for path, content in members.items():
            archive.writestr(path, content)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return {f"{name}-{version}-py3-none-any.whl": data.getvalue()}


def source_archive(package: str, version: str, members: dict[str, bytes]) -> dict[str, bytes]:
    """What pip would have to build: a setup.py that must never run, and these files."""
    name = f"{package}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n".encode()
    files = {"setup.py": b"raise SystemExit('was run')", "PKG-INFO": metadata, **members}
    return {f"{name}.tar.gz": _tar({f"{name}/{path}": data for path, data in files.items()})}


def npm_archive(package: str, version: str, members: dict[str, bytes]) -> dict[str, bytes]:
    """What `npm pack` gets, by its file name; `members` have their `package/` already."""
    about = {"name": package, "version": version, "scripts": {"prepack": "touch was-run; exit 1"}}
    files = {"package/package.json": json.dumps(about).encode(), **members}
    return {f"{package.rpartition('/')[2]}-{version}.tgz": _tar(files)}


def _tar(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return data.getvalue()


class _Handler(BaseHTTPRequestHandler):
    timeout = 5
    index: Index

    def do_GET(self) -> None:
        index, path = self.index, unquote(self.path)
        index.asked.append(path)
        folder, _, name = path.strip("/").partition("/")
        if index.status != 200:
            self._send(index.status, b"{}")
        elif folder == "simple":
            self._send(200, index.listing(name), "text/html")
        elif folder == "files" and name in index.files:
            self._send_file(index.files[name])
        elif folder.startswith("@") or name:
            self._send(200, index.packument(path.strip("/")), "application/json")
        else:
            self._send(404, b"{}")

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, status: int, body: bytes, kind: str = "application/octet-stream") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, data: bytes) -> None:
        index = self.index
        if index.damaged:
            middle = len(data) // 2
            data = data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: index.dies_after])
