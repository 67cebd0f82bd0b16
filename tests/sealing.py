"""Seals for tests: made in memory, opened, and looked into."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyrage

from stream_anon.config import Redaction
from stream_anon.core.frame import ColorTags, Frame
from stream_anon.redaction.redactor import Redactor
from stream_anon.redaction.regions import on_plane, soft_region
from stream_anon.sealing.age import load_identities, recipients
from stream_anon.sealing.reader import SealReader
from stream_anon.sealing.restorer import Restorer
from stream_anon.sealing.sealer import Sealer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_anon.core.parts import Part
    from stream_anon.core.redacted import MaskedFrame, RedactedFrame
    from stream_anon.core.unsealed import UnsealedFrame
    from stream_anon.sealing.age import Identity

OUTPUT_HASH = "ab" * 32


@dataclass(frozen=True)
class Keys:
    """A pair, its secret key in a file."""

    public: str
    file: Path

    @property
    def identities(self) -> list[Identity]:
        return load_identities(self.file)

    @property
    def secret(self) -> str:
        return self.file.read_text().splitlines()[-1]


def make_keys(folder: Path, name: str = "key.txt") -> Keys:
    identity = pyrage.x25519.Identity.generate()
    file = folder / name
    file.write_text(f"# made for a test\n# public key: {identity.to_public()}\n{identity}\n")
    return Keys(str(identity.to_public()), file)


def seal(
    path: Path, masks: Sequence[MaskedFrame], *keys: Keys, method: str = "fill"
) -> list[RedactedFrame]:
    """Redact frames and seal what is hidden in them."""
    with path.open("w+b") as file:
        sealer = Sealer(file, recipients([each.public for each in keys]))
        redactor = Redactor(Redaction(method=method), ColorTags(), observer=sealer)
        safe = [redactor.redact(masked) for masked in masks]
        sealer.end("0", OUTPUT_HASH, ColorTags())
    return safe


def shown(safe: RedactedFrame) -> Frame:
    """A redacted frame as it comes out of a decoder that loses nothing."""
    return Frame(safe.planes, safe.index, safe.pts, safe.time_base, safe.duration)


def unseal(
    path: Path, safe: Sequence[RedactedFrame], keys: Keys, *tracks: str
) -> list[UnsealedFrame]:
    with SealReader(path, keys.identities) as reader:
        restorer = Restorer(reader, keys.identities, tracks)
        restored = [restorer.restore(shown(frame)) for frame in safe]
        restorer.check_end()
    return restored


def covered(part: Part, shape: tuple[int, int], scale: float, edge: float) -> NDArray[np.bool_]:
    """Pixels of a plane that hiding the part touches, its soft edge included."""
    mask = np.zeros(shape, bool)
    if placed := on_plane(soft_region(part, edge), shape, scale):
        rows, columns, opacity = placed
        mask[rows, columns] = opacity > 0
    return mask


def with_checksum(data: bytes) -> bytes:
    """A seal that was changed by somebody who knows how the trailer is made."""
    size, mark = 16 + 32 + 16, 16
    head, trailer = data[:-size], data[-size:]
    return head + trailer[:16] + hashlib.sha256(head).digest() + trailer[-mark:]
