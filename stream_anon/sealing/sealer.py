"""Keeps what the redactor hides, encrypted. Raw pixels leave through here or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from stream_anon.sealing.owners import WHOLE, Owned, Owners, all_of, owned_in, owner_of
from stream_anon.sealing.pixels import packed
from stream_anon.sealing.writer import SealWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_anon.core.frame import ColorTags, Planes
    from stream_anon.core.parts import Part
    from stream_anon.redaction.regions import Region
    from stream_anon.sealing.age import Recipient

CHUNK = 1 << 20
"""Bytes of a chunk, more or less."""
SPAN = 250
"""Frames that a chunk covers at most."""
WAITING = 1 << 24
"""Bytes of all streams together that wait in memory for their chunks."""


@dataclass(slots=True)
class _Waiting:
    """The next chunk of a stream."""

    labels: set[str] = field(default_factory=set)
    frames: list[int] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)


class Sealer:
    """A `HiddenObserver` that writes a seal; memory does not grow with the video."""

    def __init__(self, file: IO[bytes], recipients: Sequence[Recipient]) -> None:
        """Args: file: where to; stays open. recipients: whose keys open it.

        Raises:
            OSError: it cannot be written.
        """
        self._writer = SealWriter(file, recipients)
        self._waiting: dict[Owners, _Waiting] = {}
        self._bytes = 0
        self._frames = 0
        self._size = (0, 0)

    def see_parts(self, planes: Planes, parts: Sequence[Part], regions: Sequence[Region]) -> None:
        """A frame of which parts are hidden.

        Raises:
            OSError: the disk is full, or gone.
        """
        if parts:
            labels: dict[str, set[str]] = {}
            for part in parts:
                labels.setdefault(owner_of(part), set()).add(part.label)
            for owners, owned in owned_in(planes, parts, regions).items():
                self._add(planes, owners, owned, set().union(*(labels[one] for one in owners)))
        self._next(planes)

    def see_whole(self, planes: Planes) -> None:
        """A frame that is hidden whole.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._add(planes, frozenset({WHOLE}), all_of(planes), set())
        self._next(planes)

    def _add(self, planes: Planes, owners: Owners, owned: Owned, labels: set[str]) -> None:
        waiting = self._waiting.setdefault(owners, _Waiting())
        data = packed(self._frames, planes, owned)
        waiting.data += data
        waiting.frames.append(self._frames)
        waiting.labels |= labels
        self._bytes += len(data)
        if len(waiting.data) >= CHUNK:
            self._flush(owners)

    def _next(self, planes: Planes) -> None:
        self._size = planes[0].shape[1], planes[0].shape[0]
        self._frames += 1
        if self._bytes >= WAITING or self._frames % SPAN == 0:
            self._flush_all()

    def _flush(self, owners: Owners) -> None:
        waiting = self._waiting.pop(owners)
        self._bytes -= len(waiting.data)
        self._writer.write(owners, waiting.labels, waiting.frames, bytes(waiting.data))

    def _flush_all(self) -> None:
        for owners in list(self._waiting):
            self._flush(owners)

    def end(self, version: str, output_sha256: str, color: ColorTags) -> None:
        """Complete the seal.

        Args:
            version: of the program.
            output_sha256: of the redacted video, which is complete.
            color: of its pixels.

        Raises:
            OSError: the disk is full, or gone.
        """
        self._flush_all()
        tags = (color.full_range, color.matrix, color.primaries, color.transfer)
        self._writer.end(version, output_sha256, self._size, self._frames, tags)
