"""How often somebody may fail to log in."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from ipaddress import ip_address, ip_network
from time import monotonic

MOST, WITHIN = 10, 300.0
"""Failures of one address, and the seconds in which they count."""
MOST_OF_ALL = 300
"""Failures of all addresses together in that time."""
REMEMBERED = 4096
"""Addresses; the one that failed longest ago is forgotten first."""


class RateLimit:
    """Failures by address. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque()

    def wait(self, address: str) -> float:
        """Seconds until this address may try again; 0 where it may now."""
        with self._lock:
            now = monotonic()
            own = _recent(self._failures.get(_group(address), deque()), now)
            every = _recent(self._all, now)
            waits = [WITHIN - (now - since[-most]) for since, most in
                     ((own, MOST), (every, MOST_OF_ALL)) if len(since) >= most]  # fmt: skip
            return max(waits, default=0.0)

    def failed(self, address: str) -> None:
        """It tried, and failed."""
        with self._lock:
            now, group = monotonic(), _group(address)
            self._failures.setdefault(group, deque(maxlen=MOST)).append(now)
            self._failures.move_to_end(group)
            self._all.append(now)
            if len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)


def _recent(times: deque[float], now: float) -> deque[float]:
    while times and now - times[0] > WITHIN:
        times.popleft()
    return times


def _group(address: str) -> str:
    """One network of IPv6 is one neighbour: it has more addresses than could be counted."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else str(parsed)
