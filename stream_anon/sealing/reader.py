"""Reads a seal."""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, Self

from pydantic import ValidationError

from stream_anon.errors import SealError
from stream_anon.sealing.age import decrypt, identity_of
from stream_anon.sealing.format import END, MAGIC, TRAILER, Index
from stream_anon.sealing.owners import owner_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream_anon.sealing.age import Identity

_ANY_VERSION = b"stream_anon sealed "
_LARGEST_INDEX = 1 << 28
"""Bytes of it, decompressed: some months of video."""
_READ = 1 << 20


class SealReader:
    """A seal that a key has opened and that is whole."""

    def __init__(self, path: Path, identities: Sequence[Identity]) -> None:
        """Check all of it, and decrypt the index.

        Raises:
            SealError: it is no seal, damaged or incomplete, or not for these keys.
        """
        self._name = path.name
        try:
            self._file = path.open("rb")
        except OSError as error:
            reason = (error.strerror or "failed").lower()
            raise SealError(f"cannot read the seal {path}: {reason}") from error
        try:
            self.index = self._open(identities)
        except BaseException:
            self._file.close()
            raise

    def _open(self, identities: Sequence[Identity]) -> Index:
        start = self._read(0, len(MAGIC))
        if start != MAGIC:
            if start.startswith(_ANY_VERSION):
                raise SealError(f"{self._name} was made by another version: update stream-anon")
            raise SealError(
                f"{self._name} is not a seal: name the .sealed file that came with the output"
            )
        end = self._file.seek(0, 2) - TRAILER.size
        offset, length, checksum, mark = (
            TRAILER.unpack(self._read(end, TRAILER.size)) if end >= len(MAGIC) else (0, 0, b"", b"")
        )
        if mark != END or offset + length != end or offset < len(MAGIC):
            raise self.damaged("it is truncated")
        body, everything = self._hashes(offset, end)
        if everything != checksum:
            raise self.damaged("its checksum is wrong")
        try:
            packed = decrypt(self._read(offset, length), identities)
        except SealError as error:
            if "no matching keys" in str(error).lower():
                raise SealError(
                    f"the key does not open {self._name}: name the secret key of one of those that "
                    "it was sealed to"
                ) from error
            raise self.damaged("its index is invalid") from error
        index = self._parsed(packed, offset)
        if index.body_sha256 != body.hex():
            raise self.damaged("its parts are not those that were sealed")
        return index

    def _parsed(self, packed: bytes, body: int) -> Index:
        unzip = zlib.decompressobj()
        try:
            text = unzip.decompress(packed, _LARGEST_INDEX)
            index = Index.model_validate_json(text)
        except (zlib.error, ValidationError, ValueError) as error:
            raise self.damaged("its index is invalid") from error
        places = [stream.key for stream in index.streams] + [chunk[3:] for chunk in index.chunks]
        if (
            any(min(place) < 0 or sum(place) > body for place in places)
            or any(not 0 <= chunk[0] < len(index.streams) for chunk in index.chunks)
            or any(last >= index.frames for _, _, last, _, _ in index.chunks)
        ):
            raise self.damaged("its index is invalid")
        return index

    def _hashes(self, middle: int, end: int) -> tuple[bytes, bytes]:
        """SHA-256 of all before `middle`, and of all before `end`."""
        sha256, at, before = hashlib.sha256(), 0, b""
        while at < end:
            if at == middle:
                before = sha256.digest()
            data = self._read(at, min(_READ, (middle if at < middle else end) - at))
            sha256.update(data)
            at += len(data)
        return before, sha256.digest()

    def _read(self, offset: int, length: int) -> bytes:
        """That many bytes; fewer only at the beginning of a file that has no more."""
        try:
            self._file.seek(offset)
            data = self._file.read(length)
        except (OSError, OverflowError, ValueError) as error:
            raise SealError(f"{self._name} cannot be read: try a copy on another disk") from error
        if len(data) != length and offset:
            raise self.damaged("it is truncated")
        return data

    def damaged(self, what: str) -> SealError:
        """The error to raise. Args: what: is wrong with it."""
        return SealError(
            f"{self._name} is damaged ({what}): copy it again from where it was stored"
        )

    @property
    def owners(self) -> list[str]:
        """Everybody in it, tracks first."""
        found = {owner for stream in self.index.streams for owner in stream.owners}
        return sorted(found, key=owner_order)

    def chunks(self, number: int, identities: Sequence[Identity]) -> Iterator[bytes]:
        """What is in a stream, chunk by chunk.

        Raises:
            SealError: it is damaged.
        """
        stream = self.index.streams[number]
        try:
            secret = decrypt(self._read(*stream.key), identities)
            own = [identity_of(secret)]
            for chunk, _first, _last, offset, length in self.index.chunks:
                if chunk == number:
                    yield decrypt(self._read(offset, length), own)
        except SealError as error:
            raise self.damaged("a part of it is invalid") from error

    def close(self) -> None:
        """Nothing is read any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
