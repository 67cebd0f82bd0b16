"""What the servers need of a machine: skipped without it, failed where it was promised."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from tests.live.servers import PYTHON, RTMP_MODULE
from tests.requirements import require_live, without_live

BINDINGS = "import gi; gi.require_version('GstRtspServer', '1.0')"


def require_rtsp() -> None:
    """For `RtspServer` and `RtspTarget`."""
    require_live("setpriv")
    if not _has_bindings():
        without_live("GStreamer's RTSP server for the system's python is not installed")


def require_rtmp() -> None:
    """For `RtmpTarget`."""
    require_live("setpriv", "nginx")
    if not Path(RTMP_MODULE).is_file():
        without_live("nginx's RTMP module is not installed")


def require_network() -> None:
    """For `NamespacedServer`."""
    require_rtsp()
    require_live("ip", "iptables", "unshare", "nsenter")
    if not _may_make_networks():
        without_live("networks cannot be made here, which takes root")


@cache
def _has_bindings() -> bool:
    if not Path(PYTHON).is_file():
        return False
    return _works(PYTHON, "-I", "-c", BINDINGS)


@cache
def _may_make_networks() -> bool:
    if os.geteuid() != 0:
        return False
    # A new network comes with no rules, and what is listed there says whether rules can be made.
    return _works("unshare", "--net", "iptables", "-L", "-n")


def _works(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
