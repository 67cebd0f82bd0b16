"""Every kind of live source: a row each. The tests put each through one contract suite.

A live source is read in a process of its own, so its address names the function that opens it there
(`SourceAddress.opens`); cameras and networks are read by FFmpeg.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stream_anon.core.address import split_address
from stream_anon.core.credentials import name_shown
from stream_anon.errors import ConfigError, SourceError
from stream_anon.sources.live import address

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Live
    from stream_anon.sources.live.address import SourceAddress


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of source."""

    kind: str
    parse: Callable[[str, Live], SourceAddress | None]
    """What the user's words mean to it; None where it is not of this kind. Raises `ConfigError`
    for one that is, and makes no sense. Labels hold no credentials."""
    schemes: tuple[str, ...] = ()
    """Of its addresses."""
    with_pace: bool = False
    """It is asked for with `--pace`, and only then."""


ROWS: tuple[Row, ...] = (
    Row("device", address.device),
    Row("network", address.network, address.SCHEMES),
    Row("file", address.file, with_pace=True),
)


def parse_source(text: str, *, pace: bool = False, settings: Live) -> SourceAddress:
    """Understand what the user wrote.

    Args:
        text: a webcam's number or path, an address, or a file.
        pace: it is recorded, to be played at its own pace.
        settings: how devices and networks are to be opened.

    Raises:
        ConfigError: it is not a valid source.
        SourceError: it is a file, and `pace` was not asked for.
    """
    text = text.strip()
    if not text:
        raise ConfigError("no source given: name a webcam's number, an address or a file")
    for row in ROWS:
        if row.with_pace == pace and (found := row.parse(text, settings)) is not None:
            return found
    if pace:
        raise ConfigError("--pace is for files: a stream already comes in real time")
    if named := split_address(text):
        schemes = ", ".join(scheme for row in ROWS for scheme in row.schemes)
        raise ConfigError(f"{named[0]}:// is not a supported source: use {schemes}")
    if Path(text).is_file():
        raise SourceError(
            f"{text} is a file: rehearse with --pace, or redact it with `stream-anon redact`"
        )
    raise ConfigError(
        f"{name_shown(text)} is not a valid source: give a webcam's number or path, an address "
        "such as rtsp://camera/stream, or a file with --pace"
    )
