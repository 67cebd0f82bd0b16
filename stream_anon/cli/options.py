"""Options shared by several commands."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from stream_anon.errors import ConfigError
from stream_anon.redaction.registry import METHODS


class LogLevel(StrEnum):
    """How much to log."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def option(text: str, panel: str, *names: str, metavar: str | None = None) -> Any:
    """An option with its help, in a panel of the help page."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)


WHAT = "What to hide, and how"
"""The panel of the options below."""

Scope = Annotated[
    str | None,
    option(
        "face, head, person, moving, background, plate, text, everything; or labels with commas "
        "(face).",
        WHAT,
        metavar="WHAT",
    ),
]
HowToHide = Annotated[
    str | None,
    option(
        f"{', '.join(m.name for m in METHODS if not m.reads_hidden)}, which read nothing of what "
        "they hide (blur); or, of which a recogniser knows that many of 100 people, "
        f"{', '.join(f'{m.name} ({m.known})' for m in METHODS if m.reads_hidden)}.",
        WHAT,
        metavar="NAME",
    ),
]
Rules = Annotated[
    list[str] | None,
    option(
        "Hide this label with another method; may be repeated.",
        WHAT,
        "--rule",
        metavar="LABEL=METHOD",
    ),
]
Cells = Annotated[int | None, option("Cells of pixelate, 1 to 4 (2).", WHAT, metavar="COUNT")]
Color = Annotated[str | None, option("Colour of fill (#202020).", WHAT, metavar="#RRGGBB")]
Captions = Annotated[
    str | None,
    option("What fill writes on each: none, number or label (none).", WHAT, metavar="WHAT"),
]
ReplaceWith = Annotated[
    Path | None, option("Picture for avatar, in place of the drawn face.", WHAT, metavar="FILE")
]
Effort = Annotated[
    str | None,
    option(
        "fast, normal or thorough (normal): how hard small and turned faces are searched for.",
        WHAT,
        metavar="HOW",
    ),
]
Engine = Annotated[
    str | None,
    option(
        "auto; or centerface, m2fp, persons, plates, text, your own, with commas (auto).",
        WHAT,
        metavar="NAMES",
    ),
]
Tracks = Annotated[
    Path | None,
    option("Hide what this tracks file says; detect nothing.", WHAT, metavar="FILE.json"),
]
Keep = Annotated[
    list[str] | None,
    option("Leave this person of the tracks file clear, and nobody else.", WHAT, metavar="NUMBER"),
]
Only = Annotated[
    list[str] | None,
    option("Hide this person of the tracks file, and nobody else.", WHAT, metavar="NUMBER"),
]
Masks = Annotated[
    Path | None,
    option("Hide exactly what this record of masks says.", WHAT, metavar="FILE.jsonl"),
]


Edits = Annotated[
    Path | None,
    option("Change that record as this file of edits says.", WHAT, metavar="FILE.json"),
]


OUTPUT = "Output"
"""The panel of the options below."""


Sound = Annotated[
    str | None,
    option(
        "The sound: drop, copy or disguise (drop); 'mute 12.5-14,60-' or 'beep 0:05-0:06' covers "
        "ranges.",
        OUTPUT,
        "--audio",
        metavar="WHAT",
    ),
]
KeepSubtitles = Annotated[bool, option("Copy text subtitles.", OUTPUT, "--keep-subtitles")]
Encoder = Annotated[
    str | None, option("FFmpeg's name of a video encoder (auto).", OUTPUT, metavar="NAME")
]
KeepMetadata = Annotated[
    str | None,
    option("Any of date,gps,projection,timecode (projection); or none.", OUTPUT, metavar="LIST"),
]
Preset = Annotated[str | None, option("The encoder's preset (veryfast).", OUTPUT, metavar="NAME")]
Quality = Annotated[
    int | None, option("crf: lower is better and larger (20).", OUTPUT, metavar="0..63")
]
Overwrite = Annotated[bool, option("Replace existing outputs.", OUTPUT, "--overwrite")]
Format = Annotated[
    str | None,
    option(
        "Container of OUTPUT - or of the outputs in --output-dir: mkv, webm, mp4, ts, …",
        OUTPUT,
        "--format",
        metavar="EXT",
    ),
]

WHICH = "Which part of the input"
"""The panel of the options below."""

Begin = Annotated[
    str | None,
    option("Redact from there on, and hide whole what is before.", WHICH, "--from", metavar="TIME"),
]
End = Annotated[
    str | None,
    option("Redact up to there, and hide whole what is after.", WHICH, "--to", metavar="TIME"),
]
Trim = Annotated[bool, option("Leave out what is before --from and after --to.", WHICH, "--trim")]
VideoTrack = Annotated[
    str | None,
    option(
        "Its number, from 1, or all: an output for each (the one that players show).",
        WHICH,
        metavar="N|all",
    ),
]

SEVERAL = "Several inputs"
"""The panel of the options below."""

OutputDir = Annotated[
    Path | None,
    option("Folder for the outputs; every argument is then an input.", SEVERAL, metavar="FOLDER"),
]
Suffix = Annotated[
    str | None, option("Added to the names of the outputs.", SEVERAL, metavar="TEXT")
]
Recursive = Annotated[bool, option("Look into folders in folders.", SEVERAL, "--recursive")]

RECORD = "Record and control"
"""The panel of the options below."""


def _file(text: str, kind: str = "json") -> Any:
    return option(text, RECORD, metavar=f"FILE.{kind}")


Config = Annotated[Path | None, _file("Settings; options given here take precedence.", "toml")]
Report = Annotated[Path | None, _file("Write a report of the run; no pictures.")]
Sign = Annotated[
    Path | None,
    option("Sign the report with this Ed25519 private key.", RECORD, metavar="KEY.pem"),
]
Audit = Annotated[
    bool, option("Look for faces that OUTPUT still shows, when it is complete.", RECORD, "--audit")
]
ExportTracks = Annotated[Path | None, _file("Write what was hidden, for editing.")]
ExportMasks = Annotated[
    Path | None, _file("Write the record of masks; .gz compresses it.", "jsonl")
]
MasksOnly = Annotated[Path | None, _file("The same, without rendering: no OUTPUT.", "jsonl")]
Seal = Annotated[
    list[str] | None,
    option(
        "Store what is hidden, encrypted to this public key of age; may be repeated.",
        RECORD,
        metavar="KEY|FILE",
    ),
]
Sealed = Annotated[Path | None, _file("Write the seal here (OUTPUT.sealed).", "sealed")]
Quiet = Annotated[bool, option("Print errors only.", RECORD, "--quiet", "-q")]
LogAt = Annotated[
    LogLevel,
    typer.Option(
        "--log-level",
        help="debug, info, warning or error (warning).",
        rich_help_panel=RECORD,
        metavar="LEVEL",
        show_default=False,
    ),
]


DIGITS = 12
"""A number of a person has fewer."""


def parse_people(numbers: list[str] | None, name: str) -> tuple[int, ...]:
    """The numbers of people that `--keep` or `--only` names: `3`, `3,5` or several of them.

    Raises:
        ConfigError: one of them is no number.
    """
    words = [word.strip() for given in numbers or () for word in given.split(",")]
    if wrong := [w for w in words if not (w.isascii() and w.isdecimal() and len(w) < DIGITS)]:
        raise ConfigError(
            f"{name} {wrong[0][:80]!r} is not valid: write a person's number in the tracks file"
        )
    return tuple(int(word) for word in words)


def parse_rules(rules: list[str] | None) -> dict[str, str] | None:
    """The `--rule` options as a table for `redaction.rules`; None without any.

    Raises:
        ConfigError: one of them has no label or no method.
    """
    table: dict[str, str] = {}
    for rule in rules or ():
        label, _, method = (word.strip() for word in rule.partition("="))
        if not label or not method:
            raise ConfigError(f"--rule {rule!r} is not valid: write LABEL=METHOD, as in face=fill")
        table[label] = method
    return table or None
