"""Every kind of live output: a row each. The tests put each through one contract suite.

Outputs of a live run work in processes of their own, so a row names the function that opens one
instead of importing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from stream_anon.core.address import split_address
from stream_anon.core.credentials import name_shown, scheme_of
from stream_anon.errors import ConfigError
from stream_anon.sinks.live import address
from stream_anon.sinks.live.address import SinkAddress

if TYPE_CHECKING:
    from collections.abc import Callable


class Room(Enum):
    """How many frames may wait for an output; the oldest is dropped for a new one."""

    BACKLOG = "as many as live.backlog holds"
    SECOND = "a second of them: who watches wants what is new"
    NEWEST = "the newest: what is not shown is no loss"


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of output."""

    kind: str
    parse: Callable[[str], SinkAddress | None]
    """What a `--to` means to it; None where it is not of this kind. Raises `ConfigError` for one
    that is, and makes no sense. Labels hold no credentials."""
    opens: str
    """`module:function`, called with a `SinkOrder` in the process of the sink; it returns a
    `Sink`, or raises `SinkError`."""
    help: str
    """What to write, for the error that lists all kinds."""
    room: Room
    must_open: bool = True
    """Being unable to open it ends the run; otherwise it is retried."""
    schemes: tuple[str, ...] = ()
    """Of its addresses."""


ROWS: tuple[Row, ...] = (
    Row(
        "camera",
        address.camera,
        "stream_anon.sinks.live.virtual_camera:open_sink",
        "camera",
        Room.NEWEST,
    ),
    Row(
        "stream",
        address.stream,
        "stream_anon.sinks.live.stream:open_sink",
        "",
        Room.SECOND,
        must_open=False,
        schemes=address.SCHEMES,
    ),
    Row(
        "hls",
        address.playlist,
        "stream_anon.sinks.live.stream:open_sink",
        "a playlist ending in .m3u8, hls:FOLDER",
        Room.SECOND,
    ),
    Row(
        "file",
        address.recording,
        "stream_anon.sinks.live.recording:open_sink",
        f"a file ending in {' '.join(address.RECORDINGS)}",
        Room.BACKLOG,
    ),
)


def row_of(address: SinkAddress) -> Row:
    """The row that made an address."""
    return next(row for row in ROWS if row.kind == address.kind)


def parse_sink(text: str) -> SinkAddress:
    """What a `--to` means.

    Raises:
        ConfigError: it is none of the registry's kinds, or one that makes no sense.
    """
    _check_place(text)
    for row in ROWS:
        if (found := row.parse(text)) is not None:
            return found
    schemes = [f"{scheme}://" for row in ROWS for scheme in row.schemes]
    if "://" in text:
        scheme, _ = split_address(text) or ("", "")
        raise ConfigError(f"{scheme}:// is not a supported output: use one of {', '.join(schemes)}")
    known = [row.help for row in reversed(ROWS) if row.help]
    raise ConfigError(
        f"{name_shown(text)!r} is not a valid output: name {', '.join([*known, *schemes])}"
    )


def _check_place(text: str) -> None:
    """Refuse an address in place of a file, folder or device: its label would show a login."""
    kind, _, place = text.partition(":") if text.startswith(("hls:", "camera:")) else ("", "", text)
    scheme = scheme_of(place)
    if scheme and (kind or "://" not in place):
        raise ConfigError(
            f"an address ({scheme}:/…) is not a file, folder or device; a stream is named as "
            "rtsp://HOST/PATH"
        )
