"""The service and the container as `deploy/` describes them: their commands, run with a camera."""

from __future__ import annotations

import re
import signal
import socket
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from tests.live.command import ROOT, LiveCommand
from tests.live.leaks import exposure
from tests.live.needs import require_rtsp
from tests.live.servers import RtspServer
from tests.unit.test_deploy import COMMANDS, SERVICE
from tests.variants import variants

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.live.clips import ServingClip

FOLDERS = ("/var/lib/stream-anon/recordings", "/recordings", "/etc/stream-anon")


def moved(words: Sequence[str], root: Path) -> list[str]:
    """The options of a command, with the machine's folders below `root`."""
    for folder in FOLDERS:
        (root / folder[1:]).mkdir(parents=True, exist_ok=True)
    (root / "etc/stream-anon/live.toml").write_bytes((ROOT / "deploy/live.toml").read_bytes())
    return [f"{root}{word}" if word.startswith(FOLDERS) else word for word in words]


@pytest.fixture
def systemd(tmp_path: Path) -> socket.socket:
    """What listens for the service's messages."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "notify"))
    sock.settimeout(0.5)
    return sock


def heard(systemd: socket.socket, word: str, limit: float) -> bool:
    """Whether it is told `word` in so many seconds."""
    due = monotonic() + limit
    with suppress(TimeoutError):
        while monotonic() < due:
            if word in systemd.recv(4096).decode().split("\n"):
                return True
    return False


@pytest.mark.parametrize("name", variants(COMMANDS, 1))
def test_it_does_what_a_service_has_to(
    name: str, serving: ServingClip, systemd: socket.socket, tmp_path: Path
) -> None:
    require_rtsp()
    _, live, source, *options = COMMANDS[name]
    assert (live, source.partition(":")[0]) == ("live", "rtsp")
    limit = int(SERVICE["WatchdogSec"][0])
    told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": str(limit * 1_000_000)}
    with (
        systemd,
        RtspServer(serving.path) as camera,
        LiveCommand(camera.url, *moved(options, tmp_path), **told) as run,
    ):
        run.wait_for_pictures(100)
        assert heard(systemd, "READY=1", 10)
        assert heard(systemd, "WATCHDOG=1", limit)
        assert run.health()[0] == 200
        settings = tmp_path / "etc/stream-anon/live.toml"
        now = settings.read_text()
        settings.write_text(now.replace("[redaction]\n", '[redaction]\nmethod = "fill"\n'))
        run.send_signal(signal.SIGHUP)  # as `systemctl reload` does
        run.wait_said("from now on: hiding face with fill")
        run.wait_for_pictures(25)
        assert run.stop() < int(SERVICE["TimeoutStopSec"][0])
    (recording,) = tmp_path.rglob("recordings/*.mkv")
    assert re.fullmatch(r"cam-\d{8}-\d{6}\.mkv", recording.name)
    found = exposure(serving, recording)
    assert (found.leaked, found.faces > 50) == (0, True)
