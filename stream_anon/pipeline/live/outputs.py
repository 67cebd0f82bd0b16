"""Where a live run goes: what is asked for, whether it makes sense, and how to open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError, SinkError
from stream_anon.sinks.live.names import Names
from stream_anon.sinks.process.supervised import Opening
from stream_anon.sinks.registry import Room, parse_sink, row_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from stream_anon.config import Settings
    from stream_anon.core.frame import StreamInfo
    from stream_anon.sinks.live.address import SinkAddress

TITLE = "stream_anon"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a live run goes."""

    to: tuple[str, ...] = ()
    """What `--to` says, each."""
    preview: bool = False
    segment: float | None = None
    """Seconds after which a recording goes on in the next file."""
    keep: float | None = None
    """Seconds after which a file of the recording is deleted."""
    tapped: bool = False
    """Its taps are enough: it needs no other output."""


def parse_outputs(outputs: Outputs) -> list[SinkAddress]:
    """The addresses of all outputs but the preview.

    Raises:
        ConfigError: they make no sense.
        SinkError: a folder is missing.
    """
    addresses = [parse_sink(text) for text in outputs.to]
    _check(outputs, addresses)
    return addresses


def _check(outputs: Outputs, addresses: list[SinkAddress]) -> None:
    if not (addresses or outputs.preview or outputs.tapped):
        raise ConfigError("there is no output: name one with --to, or show one with --preview")
    for n, address in enumerate(addresses):
        check_output(address, outputs, addresses[:n])
    if outputs.keep and not outputs.segment:
        raise ConfigError(
            "--keep looks for old files whenever a new one begins: say how often, with --segment"
        )
    if outputs.keep and outputs.segment and outputs.keep < outputs.segment:
        raise ConfigError("--keep is shorter than --segment: nothing would be left")
    if (outputs.segment or outputs.keep) and all(a.kind != "file" for a in addresses):
        raise ConfigError("--segment and --keep are for files: name one with --to")


def check_output(address: SinkAddress, outputs: Outputs, others: Iterable[SinkAddress]) -> None:
    """Refuse one output beside others.

    Raises:
        ConfigError: it makes no sense.
        SinkError: its folder is missing.
    """
    if any((address.kind, address.target) == (other.kind, other.target) for other in others):
        raise ConfigError(f"the output {address.label} is named twice")
    folder = Path(address.target).parent
    if address.kind == "file" and not folder.is_dir():
        raise SinkError(f"the folder {folder} does not exist: create it first")
    if outputs.keep and address.kind == "file" and not Names(Path(address.target)).dated:
        raise ConfigError(
            "--keep deletes old files that it knows by the date in their names, and "
            f"{address.label} has no whole date: name it like cam-%Y%m%d-%H%M%S.mkv"
        )


def opening_of(
    address: SinkAddress, label: str, outputs: Outputs, settings: Settings, info: StreamInfo
) -> Opening:
    """How to open one output."""
    row = row_of(address)
    frame_bytes = info.width * info.height * 1.5
    backlog = max(2, int(settings.live.backlog * 2**20 / frame_bytes))
    second = max(2, min(round(info.nominal_rate), backlog))
    fields = _common(outputs, settings, info) | {
        "kind": address.kind,
        "label": address.label,
        "target": address.target,
        "container": address.container,
        "opens": row.opens,
    }
    return Opening(
        label,
        fields,
        room={Room.BACKLOG: backlog, Room.SECOND: second, Room.NEWEST: 2}[row.room],
        must_open=row.must_open,
        newest_only=row.room is Room.NEWEST,
    )


def preview_opening(outputs: Outputs, settings: Settings, info: StreamInfo) -> Opening:
    """How to open the window."""
    fields = {"kind": "preview", "title": f"{TITLE}: {info.label}"}
    return Opening("preview", _common(outputs, settings, info) | fields, room=2, newest_only=True)


def _common(outputs: Outputs, settings: Settings, info: StreamInfo) -> dict[str, Any]:
    return {
        "info": info.to_fields(),
        "settings": settings.model_dump(mode="json"),
        "segment": outputs.segment,
        "keep": outputs.keep,
    }


def free_label(label: str, taken: Collection[str]) -> str:
    """A name that no other output has: labels leave secrets out, so two of them may be the same."""
    number = 1
    free = label
    while free in taken:
        number += 1
        free = f"{label} ({number})"
    return free


def label_of(address: SinkAddress, labelled: Mapping[str, SinkAddress]) -> str | None:
    """The label under which an output like it is known; None where there is none."""
    wanted = (address.kind, address.target)
    return next((name for name, a in labelled.items() if (a.kind, a.target) == wanted), None)
