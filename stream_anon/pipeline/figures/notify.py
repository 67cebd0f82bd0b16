"""Notifications to systemd (sd_notify), over the socket that it names; none where it names none.

A service is a process, and a process may have several live runs. They report as one: the watchdog
gets a heartbeat while all of them do their work, and only the last to end says that the service
stops.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from stream_anon.core.process_state import RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_anon.core.process_state import Members

PATIENCE = 0.5
"""Seconds to wait for a service manager that does not read."""


class Notifier:
    """One run's notifications to the service manager. Never raises, never blocks for long."""

    def __init__(
        self, environment: Mapping[str, str] = os.environ, *, runs: Members = RUNS
    ) -> None:
        """The run takes part from its first word but `stopping` on.

        Args:
            environment: where NOTIFY_SOCKET and the watchdog's variables stand.
            runs: those that report as one.
        """
        self._address = _address(environment.get("NOTIFY_SOCKET", ""))
        self._interval = watchdog_interval(environment)
        self._runs = runs
        self._has_ended = False

    @property
    def watchdog_interval(self) -> float | None:
        """Seconds between two heartbeats (`alive`); None without a watchdog."""
        return self._interval

    def ready(self) -> bool:
        """The run has started, or has read its settings again."""
        self._runs.join(self)
        return self._tell("READY=1")

    def alive(self) -> bool:
        """Heartbeat of the run; the watchdog gets one once all runs have sent theirs."""
        self._runs.join(self)
        return self._runs.report(self) and self._tell("WATCHDOG=1")

    def status(self, text: str) -> bool:
        """One line for `systemctl status`, which shows the last one of any run."""
        return self._tell(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> bool:
        """The run is about to end, and the service with it if it is the last. Heard once."""
        if self._has_ended:
            return False
        self._has_ended = True
        return self._runs.leave(self) and self._tell("STOPPING=1")

    def reloading(self) -> bool:
        """Settings are read again; `ready` follows."""
        return self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def _tell(self, words: str) -> bool:
        """Returns: whether somebody took it."""
        if self._address is None:
            return False
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(PATIENCE)
            sock.sendto(words.encode(), self._address)
            return True
        return False


def watchdog_interval(environment: Mapping[str, str] = os.environ) -> float | None:
    """Half of the time after which systemd restarts us, in seconds; None where it does not."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    limit = environment.get("WATCHDOG_USEC", "")
    return int(limit) / 2e6 if limit.isdecimal() and int(limit) else None


def _address(name: str) -> str | None:
    """The address of the socket; an @ stands for the abstract namespace."""
    if not hasattr(socket, "AF_UNIX") or not name.startswith(("/", "@")):
        return None
    return f"\0{name[1:]}" if name.startswith("@") else name
