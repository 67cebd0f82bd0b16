"""`stream-anon zones`: draw zones on a still."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import count, err, log_to_console, out, say
from stream_anon.cli.options import RECORD, Config, LogAt, LogLevel, Overwrite, option
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.core.address import parse_time
from stream_anon.errors import EXIT_OK, ConfigError

if TYPE_CHECKING:
    from fractions import Fraction

    from stream_anon.config import Settings

LOOK = 0.02
"""Seconds between two looks at the window."""


def zones(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="A video or picture, 0 or /dev/video0, rtsp://…"),
    ],
    write: Annotated[
        Path | None,
        option("Save the zones there instead of printing them.", RECORD, metavar="FILE.toml"),
    ] = None,
    at: Annotated[
        str | None, option("Where in a recording the still is (0).", RECORD, metavar="TIME")
    ] = None,
    overwrite: Overwrite = False,
    config: Config = None,
    log_level: LogAt = LogLevel.warning,
) -> Callable[[], int]:
    """Draw zones on a still of a source, for the section redaction of a settings file.

    Clicks set corners, Enter closes a polygon, h and i choose whether it is
    hidden or ignored, u undoes, s saves and q quits. The still is RAW: it shows
    whoever is in it, in the window only, and is not stored.
    """
    log_to_console(log_level.value)
    settings = load_settings(config)
    dependencies.check()
    from stream_anon.core.files import check_target  # noqa: PLC0415 - loads late
    from stream_anon.pipeline.paths import check_beside  # noqa: PLC0415 - loads late

    if write is not None and config is not None and write.exists() and write.samefile(config):
        raise ConfigError(f"{write} is the settings file itself: write the zones elsewhere")
    if write is not None:
        check_target(write, overwrite=overwrite)
        check_beside(settings, [write] if not write.exists() else [])
    moment = parse_time("0" if at is None else at)
    return partial(_zones, source, settings, moment, write, overwrite)


def _zones(
    source: str, settings: Settings, at: Fraction, write: Path | None, overwrite: bool
) -> int:
    from stream_anon.core.files import JsonFile, publish  # noqa: PLC0415 - loads late
    from stream_anon.pipeline.still import draw_zones  # noqa: PLC0415 - loads late
    from stream_anon.sinks.window.window import check_display  # noqa: PLC0415 - loads late

    saved: list[str] = []

    def save(text: str) -> None:
        if write is None:
            for line in text.splitlines():
                say(out, line)
        else:
            file = JsonFile(write, overwrite=overwrite or bool(saved))
            try:
                file.prepare([text])
                publish(file.file)
            finally:
                file.discard()
        saved.append(text)

    check_display()
    say(err, "note: the still in the window is raw; it is not stored")
    draw_zones(source, settings, at, save, partial(time.sleep, LOOK))
    if not saved:
        say(err, "note: nothing was saved: s saves the zones")
    elif write is not None:
        say(out, f"{write}: {count(saved[-1].count('[[redaction.zones]]'), 'zone')}")
    return EXIT_OK
