"""The files of a run, checked before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_anon.core.credentials import scheme_of
from stream_anon.core.files import check_target, part_of
from stream_anon.errors import ConfigError, SinkError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stream_anon.config import Settings
    from stream_anon.pipeline.record import Wanted


def check_asked(
    output: object | None,
    wanted: Wanted,
    tracks: Path | None,
    masks: Path | None,
    edits: Path | None = None,
) -> None:
    """Refuse what contradicts itself, or would do nothing."""
    if tracks is not None and masks is not None:
        raise ConfigError("both a tracks file and a record of masks say what to hide: give one")
    if edits is not None and masks is None:
        raise ConfigError("edits change a record of masks: name it, too (--masks)")
    if output is None and wanted.masks is None:
        raise ConfigError("there is nothing to write: name an output, or a file for the masks")


def check_paths(source: Path, read: Sequence[Path], written: Sequence[Path]) -> None:
    """No file of the run may be another one of its files, nor another one's `.part`."""
    _check_names([source, *read, *written])
    seen: set[Path] = set()
    for path in [source, *read, *written]:
        for name in (path, part_of(path)) if path in written else (path,):
            real = name.resolve()
            if real in seen or (path is not source and _same(name, source)):
                raise ConfigError(
                    f"{name} is used twice: input and outputs must be different files"
                )
            seen.add(real)


def _check_names(paths: Sequence[Path]) -> None:
    for path in paths:
        scheme = scheme_of(path)
        if scheme and not path.exists() and not path.parent.is_dir():
            raise ConfigError(  # without the rest, which may hold a password
                f"an address ({scheme}://…) is not a file: cameras and streams are for "
                "`stream-anon live`"
            )


def _same(path: Path, other: Path) -> bool:
    return path.exists() and other.exists() and path.samefile(other)


def check_beside(settings: Settings, paths: Sequence[Path]) -> None:
    """Refuse what cannot be written, before the run begins; the sink does so for the output."""
    for path in paths:
        if not path.parent.is_dir():
            raise SinkError(f"the folder {path.parent} does not exist: create it first")
    for path in paths:
        check_target(path, overwrite=settings.output.overwrite)
