"""A seal as a file.

    a line that says what it is    in the clear
    message, message, …            of age: a stream's key for the recipients, or a chunk of a stream
    index                          a message of age for the recipients: JSON, compressed
    trailer                        in the clear: where the index is, a checksum of all before it

A stream is what belongs to one track, or to several where they overlap. It has a pair of keys of
its own: chunks are encrypted to its public key, its secret key to the recipients. The index names
the redacted output by its hash and holds one of all messages, so that none can be left out,
exchanged or reordered by whoever cannot make a seal that is all new.

In the clear are the number and the lengths of messages, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from array import array
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from stream_anon.errors import SealError
from stream_anon.sealing.age import KeyPair, decrypt, encrypt, identity_of
from stream_anon.sealing.owners import Owners, owner_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream_anon.sealing.age import Identity, Recipient

MAGIC = b"stream_anon sealed 1\n"
_ANY_VERSION = b"stream_anon sealed "
_END = b"end of the seal\n"
_TRAILER = struct.Struct(f"<QQ32s{len(_END)}s")
"""Offset and length of the index, SHA-256 of all before the trailer, and a mark."""
_LARGEST_INDEX = 1 << 28
"""Bytes of it, decompressed: some months of video."""
_READ = 1 << 20
_CHUNK_FIELDS = 5


class StreamEntry(BaseModel):
    """What belongs to the same owners."""

    model_config = ConfigDict(extra="forbid")

    owners: list[str] = Field(min_length=1)
    labels: list[str]
    first: int = Field(ge=0)
    """Frame of the output, from 0."""
    last: int = Field(ge=0)
    frames: int = Field(ge=1)
    key: tuple[int, int]
    """Offset and length of the message that holds its secret key."""


class Index(BaseModel):
    """What is in a seal."""

    model_config = ConfigDict(extra="forbid")

    version: str
    """Of the program."""
    output_sha256: str
    """Of the redacted video that it belongs to."""
    body_sha256: str
    """Of all before the index."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    frames: int = Field(ge=0)
    color: tuple[bool, int, int, int]
    """`ColorTags` of the pixels."""
    streams: list[StreamEntry]
    chunks: list[tuple[int, int, int, int, int]]
    """Stream, first and last frame, offset and length; those of a stream in order."""
    kind: Literal["pixels"] = "pixels"


class _HashingFile:
    """Counts and hashes what is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.offset = 0
        self.sha256 = hashlib.sha256()

    def write(self, data: bytes) -> tuple[int, int]:
        """Returns: offset and length."""
        self._file.write(data)
        self.sha256.update(data)
        place = self.offset, len(data)
        self.offset += len(data)
        return place


@dataclass(slots=True)
class _Stream:
    """A stream that is being written. Its secret key is in the file only, wrapped."""

    owners: Owners
    number: int
    recipient: Recipient
    key: tuple[int, int]
    labels: set[str] = field(default_factory=set)
    first: int = 0
    last: int = 0
    frames: int = 0


class SealWriter:
    """Writes a seal. Nothing gets into the file that is not encrypted."""

    def __init__(self, file: IO[bytes], recipients: Sequence[Recipient]) -> None:
        """Args: file: where to; stays open. recipients: whose keys open it.

        Raises:
            OSError: it cannot be written.
        """
        self._raw, self._recipients = file, recipients
        self._file = _HashingFile(file)
        self._streams: dict[Owners, _Stream] = {}
        self._chunks = array("Q")
        self._file.write(MAGIC)

    def write(self, owners: Owners, labels: set[str], frames: Sequence[int], data: bytes) -> None:
        """Write a chunk of the stream of these owners.

        Args:
            owners: of all that is in it.
            labels: of what is in it.
            frames: that are in it, in order; later than those of the stream's chunks before.
            data: in the clear.

        Raises:
            OSError: the disk is full, or gone.
        """
        stream = self._streams.get(owners) or self._begin(owners, frames[0])
        stream.labels |= labels
        stream.last = frames[-1]
        stream.frames += len(frames)
        place = self._file.write(encrypt(data, [stream.recipient]))
        self._chunks.extend((stream.number, frames[0], frames[-1], *place))

    def _begin(self, owners: Owners, frame: int) -> _Stream:
        pair = KeyPair()
        place = self._file.write(encrypt(pair.secret, self._recipients))
        stream = _Stream(owners, len(self._streams), pair.recipient, place, first=frame)
        self._streams[owners] = stream
        return stream

    def end(
        self,
        version: str,
        output_sha256: str,
        size: tuple[int, int],
        frames: int,
        color: tuple[bool, int, int, int],
    ) -> None:
        """Write the index: the seal is complete.

        Raises:
            OSError: the disk is full, or gone.
        """
        numbers = iter(self._chunks)
        index = Index(
            version=version,
            output_sha256=output_sha256,
            body_sha256=self._file.sha256.hexdigest(),
            width=size[0],
            height=size[1],
            frames=frames,
            color=color,
            streams=[
                StreamEntry(
                    owners=sorted(stream.owners, key=owner_order),
                    labels=sorted(stream.labels),
                    first=stream.first,
                    last=stream.last,
                    frames=stream.frames,
                    key=stream.key,
                )
                for stream in self._streams.values()
            ],
            chunks=list(zip(*[numbers] * _CHUNK_FIELDS, strict=True)),
        )
        packed = zlib.compress(json.dumps(index.model_dump(mode="json")).encode())
        place = self._file.write(encrypt(packed, self._recipients))
        self._raw.write(_TRAILER.pack(*place, self._file.sha256.digest(), _END))
        self._raw.flush()


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
        end = self._file.seek(0, 2) - _TRAILER.size
        offset, length, checksum, mark = (
            _TRAILER.unpack(self._read(end, _TRAILER.size))
            if end >= len(MAGIC)
            else (0, 0, b"", b"")
        )
        if mark != _END or offset + length != end or offset < len(MAGIC):
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
