"""Messages with descriptors, between two processes: JSON over a pair of sockets."""

from __future__ import annotations

import array
import json
import os
import socket
from contextlib import suppress
from time import monotonic
from typing import Any, NamedTuple

LONGEST = 1 << 16
"""Bytes of a message."""
MOST_FDS = 4
_FD = array.array("i").itemsize


class PortClosed(Exception):
    """The other side is gone, or talks nonsense. Internal."""


class Message(NamedTuple):
    """What came."""

    fields: dict[str, Any]
    fds: list[int]
    """Descriptors, which belong to whoever takes the message."""

    def the_fd(self) -> int | None:
        """The one descriptor of a message that has one; others are closed."""
        for extra in self.fds[1:]:
            os.close(extra)
        return self.fds[0] if self.fds else None

    def close(self) -> None:
        """Close its descriptors: nobody takes it."""
        for fd in self.fds:
            os.close(fd)


class Port:
    """One end. Any thread may send; one receives."""

    def __init__(self, sock: socket.socket) -> None:
        """Args: sock: an end of `pair`, taken over."""
        self._socket = sock
        self._socket.setblocking(True)

    @classmethod
    def pair(cls) -> tuple[Port, Port]:
        """Two ends."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    @classmethod
    def of(cls, fd: int) -> Port:
        """The end with this descriptor, taken over.

        Raises:
            PortClosed: it is none.
        """
        try:
            return cls(socket.socket(fileno=fd))
        except OSError as error:
            with suppress(OSError):
                os.close(fd)
            raise PortClosed from error

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, fields: dict[str, Any], fds: list[int] | None = None) -> None:
        """Send a message, with copies of some descriptors.

        Raises:
            PortClosed: the other side is gone.
        """
        data = json.dumps(fields).encode()
        try:
            self._socket.settimeout(SENDING)
            socket.send_fds(self._socket, [data], fds or [])
        except OSError as error:
            raise PortClosed from error

    def receive(self, timeout: float | None = None) -> Message:
        """Wait for the next message.

        Args:
            timeout: seconds; None waits for as long as the other side is there.

        Raises:
            TimeoutError: nothing came in time.
            PortClosed: the other side is gone, or sent nonsense.
        """
        until = None if timeout is None else monotonic() + timeout
        if not self._is_ready(until):
            raise TimeoutError
        fds: list[int] = []
        try:
            data, controls, flags, _ = self._socket.recvmsg(
                LONGEST, socket.CMSG_SPACE(MOST_FDS * _FD), socket.MSG_CMSG_CLOEXEC
            )
            fds = _descriptors(controls)
            if not data or flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise ValueError("cut off")
            fields = json.loads(data)
            if not isinstance(fields, dict):
                raise TypeError
        except (OSError, ValueError, TypeError, RecursionError) as error:
            for fd in fds:
                os.close(fd)
            raise PortClosed from error
        return Message(fields, fds)

    def _is_ready(self, until: float | None) -> bool:
        import select  # noqa: PLC0415 - poll is not on every system

        poll = select.poll()
        try:
            poll.register(self._socket, select.POLLIN)
            left = None if until is None else max(0.0, 1000 * (until - monotonic()))
            return bool(poll.poll(left))
        except (OSError, ValueError) as error:
            raise PortClosed from error

    def shut(self) -> None:
        """No more messages either way: whoever waits for one is woken. From any thread."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of this end."""
        self.shut()
        self._socket.close()

    def let_go(self) -> None:
        """Close this end's descriptor alone: the other side has a copy of it."""
        self._socket.close()


SENDING = 2.0
"""Seconds that sending a message may take: it waits only where the other side takes none."""


def _descriptors(controls: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in controls:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % _FD])
    return list(found)
