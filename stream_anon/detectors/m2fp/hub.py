"""Installing M2FP's weights: from ModelScope's hub, or from a local folder.

Nothing here runs without being asked for. What was downloaded or copied is loaded once before it
is installed, so that an installed model can be used; one that is there already stays until then.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stream_anon.detectors.folders import new_folder
from stream_anon.detectors.m2fp import client, load_network
from stream_anon.detectors.m2fp.configuration import model_files, read_configuration
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODEL = client.MODEL
LICENCE = "CC BY-NC 4.0"
"""Non-commercial."""
MEGABYTES = 250
"""About what is downloaded."""
HUB, INTERNATIONAL_HUB = "https://modelscope.cn", "https://www.modelscope.ai"

EXTRA = "pip install 'stream-anon[m2fp]' (from a checkout: ./scripts/setup m2fp)"
BY_HAND = "or bring a copy and run: stream-anon models import m2fp FOLDER"
BLOCK = 1 << 20

UNASKED = {
    "MODELSCOPE_DOWNLOAD_INTRA_CLOUD": "false",
    "MODELSCOPE_LOG_LEVEL": "40",
}
"""Turned off: asking the hub, and then an address that it names, which cloud this machine is in."""
UNTOLD = ("MODELSCOPE_DOMAIN", "MODELSCOPE_CLOUD_ENVIRONMENT", "MODELSCOPE_CLOUD_USERNAME")
"""Variables that would go into the User-Agent, or that stand in `MODELSCOPE_ENDPOINT` already."""


def hub_name(endpoint: str | None = None) -> str:
    """The host that `fetch` asks, without credentials."""
    try:
        host = urlsplit(_endpoint(endpoint)).hostname
    except ValueError:
        host = None
    if not host:
        raise ModelError("the address of the model hub is not valid: see MODELSCOPE_ENDPOINT")
    return host


def fetch(
    target: Path,
    *,
    endpoint: str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """Download the model and install it as the folder `target`.

    Args:
        target: replaced once the new model is complete and loads.
        endpoint: address of the hub; by default `MODELSCOPE_ENDPOINT`, `MODELSCOPE_DOMAIN`, or
            ModelScope's own.
        on_progress: called with the bytes so far and in all (0 while unknown).

    Raises:
        ModelError: the hub cannot be reached, does not have the model or sends something else,
            a package is missing, or the disk is full. Nothing is left behind.
    """
    host = hub_name(endpoint)
    check_packages("modelscope", "torch")
    with new_folder(target) as part:
        # What else the client writes goes here: locks, and an identity that it
        # would keep in the home folder and send along with every request.
        with TemporaryDirectory(prefix=".download.", dir=part) as scratch:
            failed = _run_client(Path(scratch), _endpoint(endpoint), on_progress)
            if isinstance(failed, int):
                raise OSError(failed, os.strerror(failed))
            if failed:
                raise ModelError(
                    f"cannot download m2fp from {host}: {failed}; try again, {BY_HAND}"
                )
            for path in model_files(Path(scratch) / "model"):
                path.replace(part / path.name)
        try:
            _check_usable(part)
        except ModelError as error:
            message = str(error).replace(f"{part}{os.sep}", "").replace(str(part), "it")
            error.args = (f"what {host} sent as m2fp cannot be used: {message}",)
            raise


def import_folder(source: Path, target: Path) -> None:
    """Install the model that lies in the folder `source` as the folder `target`.

    Raises:
        ModelError: `source` holds no M2FP model, it cannot be read, PyTorch is missing, or the disk
            is full. Nothing is left behind.
    """
    for path in model_files(source):
        if not path.is_file():
            raise ModelError(f"{source} is not a model folder: {path.name} is missing")
    check_packages("torch")
    with new_folder(target) as part:
        for path in model_files(source):
            with (part / path.name).open("wb") as copy:
                copy.writelines(_blocks(path))
        try:
            _check_usable(part)
        except ModelError as error:
            error.args = (str(error).replace(str(part), str(source)),)
            raise


def _check_usable(folder: Path) -> None:
    """Refuse a model that no run could use, before it takes the place of one that can."""
    from stream_anon.detectors.m2fp.parser import class_labels  # noqa: PLC0415 - loads OpenCV

    class_labels(read_configuration(folder))
    load_network(folder)


def check_packages(*packages: str) -> None:
    """Check that the packages of the extra are installed.

    Raises:
        ModelError: says how to install it.
    """
    for name in packages:
        if find_spec(name) is None:
            raise ModelError(f"{name} is not installed: {EXTRA} brings what m2fp needs")


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {path}: {reason}") from error


def _endpoint(given: str | None) -> str:
    """As ModelScope's client chooses it, but without asking one hub and then the other."""
    abroad = os.environ.get("MODELSCOPE_PREFER_AI_SITE", "").lower() in ("1", "true", "yes", "on")
    named = (
        given
        or os.environ.get("MODELSCOPE_ENDPOINT", "").strip()
        or os.environ.get("MODELSCOPE_DOMAIN", "").strip()
        or (INTERNATIONAL_HUB if abroad else HUB)
    )
    return named if named.lower().startswith(("http://", "https://")) else f"https://{named}"


# -- the client's process ---------------------------------------------------------------------


def _run_client(
    scratch: Path, endpoint: str, on_progress: Callable[[int, int], None] | None
) -> str | int:
    """Download into `scratch / "model"`; what went wrong comes back, in words or as an errno."""
    kept = {name: value for name, value in os.environ.items() if name not in UNTOLD}
    own = {
        "MODELSCOPE_ENDPOINT": endpoint,  # not among the arguments, which everybody can read
        "MODELSCOPE_HOME": str(scratch / "home"),
        "MODELSCOPE_CACHE": str(scratch / "cache"),
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    command = [sys.executable, "-W", "ignore", "-m", client.__name__, str(scratch / "model")]
    failed: str | int = "the download was interrupted"
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=kept | UNASKED | own, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                said = json.loads(line)
                if "failed" in said:
                    failed = said["failed"]
                elif on_progress is not None:
                    on_progress(said["done"], said["total"])
        finally:
            process.kill()
    return failed
