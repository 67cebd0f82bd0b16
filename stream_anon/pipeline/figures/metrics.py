"""Figures over HTTP: `/metrics` for Prometheus, `/healthz` for health checks."""

from __future__ import annotations

import json
import os
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from contextvars import copy_context
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import TYPE_CHECKING, Any

from stream_anon.core.credentials import without_credentials
from stream_anon.core.stream_log import StreamThread, stream_logger
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.pipeline.figures.stats import Snapshot

    Healthy = Callable[[], tuple[bool, str]]
    Exposition = Callable[[str], tuple[bytes, str]]

log = stream_logger(__name__)

MOST_CLIENTS = 16
"""Requests at once; further ones are refused."""
READ_TIMEOUT = 5.0
"""Seconds without a byte after which a client is disconnected."""
LONGEST_REQUEST = 10.0
"""Seconds that a request may take altogether."""
TICK = 0.2
"""Seconds between two checks of the time limits."""


def health(figures: Snapshot, limit: float) -> tuple[bool, str]:
    """Whether the run is healthy, and why not.

    Args:
        figures: of the run.
        limit: seconds that the last intact frame may be old.
    """
    age = figures.uptime if figures.since_good is None else figures.since_good
    if age <= limit:
        return True, "frames come in"
    why = "" if figures.connected or not figures.reason else f": {figures.reason}"
    return False, f"no intact frame for {age:.0f} s{why}"


def serve_metrics(
    host: str, port: int, snapshot: Callable[[], Snapshot], healthy: Healthy
) -> MetricsServer:
    """Serve until the answer is closed.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        snapshot: the figures, asked for at each request, in a thread of its own.
        healthy: whether all is well, and one line of why.

    Raises:
        ConfigError: the address cannot be used, or the package that writes the text is missing.
    """
    try:
        from stream_anon.pipeline.figures.exposition import exposition_of  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            "metrics need prometheus_client: pip install 'stream-anon[live]' "
            "(from a checkout: ./scripts/setup live)"
        ) from error
    if not host:
        raise ConfigError("live.metrics_host is empty: 127.0.0.1 is this machine, 0.0.0.0 everyone")
    try:
        return MetricsServer(host, port, exposition_of(snapshot), healthy)
    except (OSError, UnicodeError, OverflowError) as error:
        why = (getattr(error, "strerror", None) or "no such address").lower()
        raise ConfigError(
            f"cannot serve metrics on {host} port {port}: {why}; choose another --metrics-port"
        ) from error


class MetricsServer:
    """Listens and answers in threads of its own until it is closed."""

    def __init__(self, host: str, port: int, exposition: Exposition, healthy: Healthy) -> None:
        """Args: exposition: from a client's Accept header to the text and its content type."""
        self._server = _Server(host, port, exposition, healthy)
        self.port = int(self._server.server_address[1])
        self._thread = StreamThread(
            target=self._server.serve_forever, args=(TICK,), name="stream_anon metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and hang up on who is still there. May be called more than once."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.hang_up(older_than=0.0)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2 * MOST_CLIENTS
    allow_reuse_address = os.name == "posix"  # elsewhere it would let others take the port

    def __init__(self, host: str, port: int, exposition: Exposition, healthy: Healthy) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.exposition, self.healthy = exposition, healthy
        self._slots = threading.BoundedSemaphore(MOST_CLIENTS)
        self._clients: dict[socket.socket, float] = {}
        self._context = copy_context()
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        # HTTPServer would ask the name server for our name.
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._slots.acquire(blocking=False):
            self._clients[request] = monotonic()
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._context.copy().run(super().process_request_thread, request, client_address)

    def shutdown_request(self, request: Any) -> None:
        if self._clients.pop(request, None) is not None:
            self._slots.release()
        super().shutdown_request(request)

    def service_actions(self) -> None:
        self.hang_up(older_than=LONGEST_REQUEST)

    def hang_up(self, older_than: float) -> None:
        """End the requests that have taken longer, in seconds."""
        for client, since in list(self._clients.items()):
            if monotonic() - since >= older_than:
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        error = sys.exception()
        if not isinstance(error, OSError):  # which only says that the client has gone
            log.warning("a request for metrics failed: %s", type(error).__name__)
            log.debug("where it failed", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = READ_TIMEOUT
    server_version, sys_version = "stream-anon", ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            text, kind = self.server.exposition(self.headers.get("Accept", ""))
            self._answer(HTTPStatus.OK, text, kind)
        elif path == "/healthz":
            well, why = self.server.healthy()
            text = json.dumps({"healthy": well, "detail": without_credentials(why)}).encode()
            code = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(code, text + b"\n", "application/json")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"try /metrics or /healthz\n", "text/plain")

    def _answer(self, code: HTTPStatus, text: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's word
        log.debug("metrics: " + format, *args)
