"""Sealed originals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.pipeline.unsealing import sealed_tracks_of, unseal_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from stream_anon.pipeline.unsealing import SealedTrack, Unsealed


def unseal(
    redacted: str | PathLike[str],
    sealed: str | PathLike[str],
    output: str | PathLike[str],
    *,
    key: str | PathLike[str],
    tracks: Sequence[str | int],
    overwrite: bool = False,
) -> Unsealed:
    """Bring back somebody whom `redact` has hidden and sealed, and nobody else.

    Args:
        redacted: the redacted video, unchanged.
        sealed: the seal that was written with it.
        output: where to; an `.mkv` is written without loss.
        key: a file with the secret key, as age-keygen writes it.
        tracks: numbers of tracks, or what else `sealed_tracks` lists.
        overwrite: replace an existing output.

    Returns:
        Counts, and notes on where the output differs from what was asked for.

    Raises:
        StreamAnonError: one of its subclasses; there is then no output under its name.
    """
    return unseal_file(
        Path(redacted),
        Path(sealed),
        Path(output),
        key=Path(key),
        tracks=[str(track) for track in tracks],
        overwrite=overwrite,
    )


def sealed_tracks(
    redacted: str | PathLike[str], sealed: str | PathLike[str], *, key: str | PathLike[str]
) -> list[SealedTrack]:
    """Whom a seal can bring back. Arguments are those of `unseal`.

    Raises:
        StreamAnonError: the seal does not open, or is of another video.
    """
    return sealed_tracks_of(Path(redacted), Path(sealed), Path(key))
