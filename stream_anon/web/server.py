"""The server: uvicorn, with limits on slow clients, and a quick end."""

from __future__ import annotations

import asyncio
import ctypes
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stream_anon.web.app import create_app
from stream_anon.web.listening import address_of, listen

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from stream_anon.web.services import Services

HEAD_TIMEOUT = 10.0
"""Seconds that the head of a request may take to come in."""
KEEP_ALIVE = 15
"""Seconds that a connection may wait for its next request."""
LINGER = 1.0
"""Seconds in which a client can read the answer to a body of which the rest is not wanted."""
UNREAD = 60.0
"""Seconds that a client may leave an answer unread."""
GRACE = 2
"""Seconds that requests have to end once the server does."""
MOST_CONNECTIONS = 1000
M_MMAP_THRESHOLD, LARGE = -3, 1 << 20
"""Bytes from which on an allocation goes back to the system once it is free."""


class PatientProtocol(H11Protocol):
    """HTTP/1.1 where a client is cut off that sends the head of a request bit by bit, or a body on
    and on after its answer.
    """

    _head_limit: asyncio.TimerHandle | None = None
    _unread_limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_at_most(HEAD_TIMEOUT)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._is_read()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_limit = self.loop.call_later(UNREAD, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def _is_read(self) -> None:
        if self._unread_limit is not None:
            self._unread_limit.cancel()
            self._unread_limit = None

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        is_cut_off = self.conn.their_state is h11.SEND_BODY
        self._wait_at_most(LINGER if is_cut_off else KEEP_ALIVE + HEAD_TIMEOUT)
        super().on_response_complete()

    def _wait_at_most(self, seconds: float) -> None:
        self._stop_waiting()
        self._head_limit = self.loop.call_later(seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._head_limit is not None:
            self._head_limit.cancel()
            self._head_limit = None


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, services: Services, started: Callable[[], None]):
        super().__init__(config)
        self._services = services
        self._tell = started

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End streams at once: uvicorn waits for open answers."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True
        self._services.closing.set()

    async def shutdown(self, sockets: Any = None) -> None:
        await asyncio.to_thread(self._services.interrupt)
        await super().shutdown(sockets)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell()


def serve(services: Services, started: Callable[[str], None]) -> None:
    """Serve until a signal ends it.

    Args:
        services: open ones.
        started: called with the address once it answers.

    Raises:
        ConfigError: it cannot listen there.
    """
    web = services.web
    _give_memory_back()
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    with listen(web) as sock:
        config = uvicorn.Config(
            create_app(services),
            http=PatientProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,  # addresses may hold a login link's secret
            server_header=False,
            proxy_headers=web.behind_proxy,
            forwarded_allow_ips=web.proxies,
            ssl_certfile=web.tls_cert or None,
            ssl_keyfile=web.tls_key or None,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
        )
        address = address_of(web, sock.getsockname()[1])
        _Server(config, services, lambda: started(address)).run(sockets=[sock])


def _give_memory_back() -> None:
    """Of photos and of scrypt, each thread of glibc's would keep what it once had."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE)
