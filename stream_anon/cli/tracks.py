"""`stream-anon tracks`: who is in a recording."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import ProgressLine, count, err, log_to_console, out, say
from stream_anon.cli.options import (
    RECORD,
    WHICH,
    Config,
    Effort,
    Engine,
    LogAt,
    LogLevel,
    Overwrite,
    Quiet,
    Scope,
    option,
)
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.errors import EXIT_INCOMPLETE, EXIT_OK, ConfigError

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.masking.people import Meeting
    from stream_anon.pipeline.people import Found

MOST_MEETINGS = 20
"""Meetings that are listed."""


def tracks(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="Recorded video.")],
    sheet: Annotated[
        Path | None,
        option("Draw everybody on a contact sheet: it shows them.", RECORD, metavar="FILE.png"),
    ] = None,
    export_tracks: Annotated[
        Path | None,
        option("Write the tracks there (next to the sheet).", RECORD, metavar="FILE.json"),
    ] = None,
    scope: Scope = None,
    engine: Engine = None,
    effort: Effort = None,
    video_track: Annotated[
        int | None,
        typer.Option(
            help="Its number, from 1 (the one that players show).",
            rich_help_panel=WHICH,
            min=1,
            metavar="N",
        ),
    ] = None,
    overwrite: Overwrite = False,
    config: Config = None,
    quiet: Quiet = False,
    log_level: LogAt = LogLevel.warning,
) -> Callable[[], int]:
    """Number everybody in a recorded video, to keep some of them clear.

    Writes a tracks file for `redact --tracks FILE --keep NUMBER`, and on request
    a contact sheet. The sheet shows faces: everybody in a picture of their own,
    in which all others are hidden. It is for the operator alone: delete it after
    use.
    """
    log_to_console("error" if quiet else log_level.value)
    settings = load_settings(
        config,
        {
            "redaction.scope": scope,
            "parsing.engine": engine,
            "parsing.effort": effort,
            "output.overwrite": overwrite or None,
        },
    )
    if export_tracks is None:
        if sheet is None:
            raise ConfigError(
                "there is nothing to write: name a --sheet people.png, or --export-tracks FILE.json"
            )
        if not sheet.name:
            raise ConfigError("--sheet needs the name of a picture: people.png")
        export_tracks = sheet.with_suffix(".json")
    dependencies.check()
    return partial(
        _tracks, video, settings, export_tracks, sheet, video_track=video_track, quiet=quiet
    )


def _tracks(
    video: Path,
    settings: Settings,
    tracks: Path,
    sheet: Path | None,
    *,
    video_track: int | None,
    quiet: bool,
) -> int:
    from stream_anon.pipeline.people import find_people  # noqa: PLC0415 - loads late

    name = video.name if video.exists() else "input"
    with ProgressLine(name, shown=not quiet) as line:
        found = find_people(
            video, settings, tracks, sheet, video_track=video_track, on_progress=line.update
        )
    if not quiet:
        _print(found, tracks, sheet)
    return EXIT_OK if found.summary.complete else EXIT_INCOMPLETE


def _print(found: Found, tracks: Path, sheet: Path | None) -> None:
    from stream_anon.masking.people import clock  # noqa: PLC0415 - loads late

    numbered = sum(map(len, found.people))
    people = "1 person" if len(found.people) == 1 else f"{len(found.people)} people"
    say(out, f"{tracks}: {people} in {count(numbered, 'track')}")
    for join in found.joined:
        one, other = join.tracks
        alike = round(100 * (join.likeness or 0))
        say(out, f"{other} is joined to {one} ({alike} % alike): remove that from joined to revoke")
    for meeting in found.meetings[:MOST_MEETINGS]:
        say(out, _met(meeting, clock))
    if (more := len(found.meetings) - MOST_MEETINGS) > 0:
        say(out, f"review: {more} more such meetings")
    if sheet is not None:
        say(out, f"{sheet}: shows everybody's face; delete it after use")
    if found.left_out:
        say(err, f"note: {count(found.left_out, 'track')} had no room on the sheet")
    for reason, number in found.summary.hidden_whole.items():
        say(err, f"note: {count(number, 'frame')} hidden whole: {reason}")
    for note in found.summary.notes:
        say(err, f"note: {note}")


def _met(meeting: Meeting, clock: Callable[[float], str]) -> str:
    return (
        f"review: {meeting.one} meets {meeting.other} in frames {meeting.first} to {meeting.last} "
        f"({clock(meeting.begin)} to {clock(meeting.end)}): whoever is kept is hidden there"
    )
