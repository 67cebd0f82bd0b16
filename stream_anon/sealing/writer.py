"""Writes a seal."""

from __future__ import annotations

import hashlib
import json
import zlib
from array import array
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from stream_anon.sealing.age import KeyPair, encrypt
from stream_anon.sealing.format import END, MAGIC, TRAILER, Index, StreamEntry
from stream_anon.sealing.owners import Owners, owner_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.sealing.age import Recipient

_CHUNK_FIELDS = 5


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
        self._raw.write(TRAILER.pack(*place, self._file.sha256.digest(), END))
        self._raw.flush()
