"""A camera behind a cable that can be pulled: packets vanish, and nobody is told."""

from __future__ import annotations

import os
import subprocess
from itertools import count
from typing import TYPE_CHECKING

from tests.live.process import Program, is_open
from tests.live.servers import RtspServer

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Self

_numbers = count()


class _Namespace(Program):
    """Holds a network of its own for as long as it runs; the system clears it away with it."""

    def command(self) -> list[str]:
        return ["unshare", "--net", "sh", "-c", "echo ready; exec cat"]


class NamespacedServer(RtspServer):
    """A camera in a network of its own, at the other end of a cable. Needs root.

    The address is one of those set aside for measurements inside a network (RFC 2544). Nothing but
    the cable and the network behind it is touched, and both end with the test, however it ends.
    """

    def __init__(self, clip: Path, **options: Any) -> None:
        """Nothing runs yet; the options are those of `RtspServer`."""
        place = (os.getpid() * 64 + next(_numbers)) % (1 << 15) * 4
        self._near = f"198.{18 + (place >> 16)}.{place >> 8 & 255}.{(place & 255) + 1}"
        far = f"198.{18 + (place >> 16)}.{place >> 8 & 255}.{(place & 255) + 2}"
        self._cable = f"sa{os.getpid() % 10**7}n{place // 4 % 1000}"
        self._namespace = _Namespace()
        super().__init__(clip, host=far, **options)

    def start(self) -> Self:
        """Lay the cable unless it lies there, and run the server behind it."""
        if not self._namespace.runs:
            self._namespace.start()
            self._lay_cable()
        self._enter = self._inside()
        return super().start()

    def drop(self) -> None:
        """Pull the cable: connections stay open, and nothing comes, not even a refusal."""
        for chain in ("INPUT", "OUTPUT"):
            _run(*self._inside(), "iptables", "-A", chain, "-j", "DROP")

    def lose(self, share: float) -> None:
        """Lose UDP packets on the way from it, by chance; 1 is all of them."""
        rule = f"-p udp -m statistic --mode random --probability {share} -j DROP"
        _run(*self._inside(), "iptables", "-A", "OUTPUT", *rule.split())

    def heal(self) -> None:
        """Plug it in again."""
        for chain in ("INPUT", "OUTPUT"):
            _run(*self._inside(), "iptables", "-F", chain)

    @property
    def reachable(self) -> bool:
        """Whether a new connection gets through within a second."""
        return is_open(self.host, self.port)

    def close(self) -> None:
        """End the server, and take the cable away."""
        super().close()
        self._namespace.close()

    def _inside(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self._namespace.pid}/ns/net"]

    def _lay_cable(self) -> None:
        pid, near, far = str(self._namespace.pid), self._cable, f"{self._cable}x"
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", pid)
        _run("ip", "addr", "add", f"{self._near}/30", "dev", near)
        _run("ip", "link", "set", near, "up")
        _run(*self._inside(), "ip", "addr", "add", f"{self.host}/30", "dev", far)
        for device in (far, "lo"):
            _run(*self._inside(), "ip", "link", "set", device, "up")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=20)
