"""Other machines than this one: libraries that cannot be imported, systems that lack modules."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

LIKE_WINDOWS = """
import errno, os, select, signal, socket, subprocess, sys
for module in ("fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "readline"):
    sys.modules[module] = None
for owner, names in {
    signal: "SIGHUP SIGALRM SIGKILL SIGUSR1 SIGUSR2 SIGQUIT SIGPIPE setitimer ITIMER_REAL alarm",
    select: "poll epoll POLLIN",
    os: "fork getuid geteuid getgid getegid sched_getaffinity O_NOFOLLOW O_NONBLOCK tcgetpgrp "
        "getpgid killpg setsid chown mkfifo getloadavg statvfs posix_spawn",
}.items():
    for name in names.split():
        if hasattr(owner, name):
            delattr(owner, name)
"""
"""Takes away what Windows does not have. It is the nearest to Windows that a test can get here."""


def stand_in(folder: Path, module: str, code: str) -> dict[str, str]:
    """An environment in which a module is another one, which runs `code`."""
    package = folder / "stand-ins" / module
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(code, encoding="utf-8")
    return {"PYTHONPATH": str(package.parent)}


REAL = """
import importlib as _importlib, os, sys
_here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _here]
del sys.modules[__name__]
{module} = _importlib.import_module("{module}")
"""
"""Begins a stand-in that is the real module, to be changed by what follows."""


def run(
    *arguments: str | Path, cwd: Path, before: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own.

    Args:
        arguments: of the command.
        cwd: where to.
        before: Python to run first.
        environment: on top of the usual.
    """
    code = f"{before}\nimport sys\nfrom stream_anon.cli.main import main\nmain()"
    path = os.pathsep.join(filter(None, (environment.pop("PYTHONPATH", ""), str(ROOT))))
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=cwd, env={**os.environ, **environment, "PYTHONPATH": path, "COLUMNS": "100"},
        capture_output=True, text=True, timeout=120, check=False, errors="replace",
    )  # fmt: skip


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a command that has to fail."""
    assert done.stderr.startswith("stream-anon: "), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    return done.stderr.strip()
