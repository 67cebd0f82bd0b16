"""Where a live run goes: what is asked for, whether it makes sense, and how to open it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError, SinkError
from stream_anon.sinks.live.address import parse_sink
from stream_anon.sinks.live.names import Names
from stream_anon.sinks.process.supervised import Opening

if TYPE_CHECKING:
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
    if not addresses and not outputs.preview:
        raise ConfigError("there is no output: name one with --to, or show one with --preview")
    targets = [(address.kind, address.target) for address in addresses]
    for address, target in zip(addresses, targets, strict=True):
        if targets.count(target) > 1:
            raise ConfigError(f"the output {address.label} is named twice")
    for address in addresses:
        folder = Path(address.target).parent
        if address.kind == "file" and not folder.is_dir():
            raise SinkError(f"the folder {folder} does not exist: create it first")
        if outputs.keep and address.kind == "file" and not Names(Path(address.target)).dated:
            raise ConfigError(
                "--keep deletes old files that it knows by the date in their names, and "
                f"{address.label} has no full date: name it like cam-%Y%m%d-%H%M%S.mkv"
            )
    if outputs.keep and not outputs.segment:
        raise ConfigError(
            "--keep looks for old files whenever a new one begins: say how often, with --segment"
        )
    if outputs.keep and outputs.segment and outputs.keep < outputs.segment:
        raise ConfigError("--keep is shorter than --segment: nothing would be left")
    if (outputs.segment or outputs.keep) and all(a.kind != "file" for a in addresses):
        raise ConfigError("--segment and --keep are for files: name one with --to")


def openings(
    outputs: Outputs, addresses: list[SinkAddress], settings: Settings, info: StreamInfo
) -> list[Opening]:
    """How to open each output; the preview is the last one."""
    rate = round(info.nominal_rate)
    frame_bytes = info.width * info.height * 1.5
    backlog = max(2, int(settings.live.backlog * 2**20 / frame_bytes))
    common: dict[str, Any] = {
        "info": info.to_fields(),
        "settings": settings.model_dump(mode="json"),
        "segment": outputs.segment,
        "keep": outputs.keep,
    }
    rooms = {"file": backlog, "stream": max(2, min(rate, backlog)), "camera": 2}
    found = [
        Opening(
            label=label,
            fields=common
            | {
                "kind": address.kind,
                "label": address.label,
                "target": address.target,
                "container": address.container,
            },
            room=rooms[address.kind],
            must_open=address.kind != "stream" or address.container == "hls",
            newest_only=address.kind == "camera",
        )
        for label, address in zip(_labels(addresses), addresses, strict=True)
    ]
    if outputs.preview:
        title = f"{TITLE}: {info.label}"
        fields = common | {"kind": "preview", "title": title}
        found.append(Opening("preview", fields, 2, newest_only=True))
    return found


def _labels(addresses: list[SinkAddress]) -> list[str]:
    """A name for each: labels leave secrets out, so two of them may be the same."""
    labels: list[str] = []
    for address in addresses:
        before = [other.label for other in addresses[: len(labels)]].count(address.label)
        labels.append(f"{address.label} ({before + 1})" if before else address.label)
    return labels
