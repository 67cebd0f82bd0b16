"""The command line: parses, calls the library, prints one line for each error."""

from __future__ import annotations

import logging
import os
import signal
import sys
from enum import StrEnum
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stream_anon import __version__
from stream_anon.config import load_settings
from stream_anon.errors import (
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNEXPECTED,
    StreamAnonError,
)

if TYPE_CHECKING:
    from types import FrameType

    from stream_anon.report import Summary

DEBUG = "STREAM_ANON_DEBUG"
REDRAW = 0.1
"""Seconds between two updates of the progress line."""

EPILOG = """
Exit codes: 0 done; 2 wrong arguments or settings; 3 the input cannot be read; 4 the output cannot
be written; 5 the parser failed; 6 done, but part of the input could not be decoded; 130 interrupted;
1 anything else. Without code 0 or 6 there is no output.
"""

app = typer.Typer(
    name="stream-anon",
    help="Hide the faces in video, on an ordinary CPU. What cannot be known is hidden.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Method(StrEnum):
    """How to hide."""

    blur = "blur"
    pixelate = "pixelate"
    fill = "fill"


class Audio(StrEnum):
    """What to do with the sound."""

    drop = "drop"
    copy = "copy"
    disguise = "disguise"


class LogLevel(StrEnum):
    """How much to log."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"stream-anon {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hide the faces in video, on an ordinary CPU. What cannot be known is hidden."""


@app.command(epilog=EPILOG)
def redact(  # noqa: PLR0917 - one parameter for each option is how typer works
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Video or picture to redact.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="Redacted video; its ending tells the format.")
    ],
    scope: Annotated[
        str | None, typer.Option(help="face, head, or labels joined by commas. (default: face)")
    ] = None,
    method: Annotated[Method | None, typer.Option(help="How to hide. (default: blur)")] = None,
    cells: Annotated[
        int | None, typer.Option(help="Cells across a face, 1 to 4. (default: 4)")
    ] = None,
    color: Annotated[
        str | None, typer.Option(metavar="#RRGGBB", help="Colour of fill. (default: #202020)")
    ] = None,
    audio: Annotated[Audio | None, typer.Option(help="The sound. (default: drop)")] = None,
    keep_subtitles: Annotated[
        bool, typer.Option("--keep-subtitles", help="Copy text subtitles.")
    ] = False,
    encoder: Annotated[
        str | None, typer.Option(help="FFmpeg's name of the video encoder. (default: libx264)")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="The encoder's preset. (default: veryfast)")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="crf; lower is better and larger. (default: 20)")
    ] = None,
    engine: Annotated[str | None, typer.Option(help="Which parser. (default: auto)")] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.")
    ] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Settings; options here win over it.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the record of the run.")
    ] = None,
    export_tracks: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write what was hidden, to edit.")
    ] = None,
    tracks: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Hide what this file says; detect nothing."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")] = False,
    log_level: Annotated[LogLevel, typer.Option(help="What to log.")] = LogLevel.warning,
) -> None:
    """Hide the faces in a recorded video: INPUT goes in, OUTPUT comes out.

    The sound is dropped unless asked for, tags never come along, and OUTPUT appears under its name
    only when it is complete.
    """
    logging.basicConfig(level=log_level.value.upper(), format="%(levelname)s %(message)s")
    settings = load_settings(
        config,
        {
            "redaction.scope": scope,
            "redaction.method": method and method.value,
            "redaction.cells": cells,
            "redaction.color": color,
            "output.audio": audio and audio.value,
            "output.keep_subtitles": keep_subtitles or None,
            "output.encoder": encoder,
            "output.preset": preset,
            "output.quality": quality,
            "output.overwrite": overwrite or None,
            "parsing.engine": engine,
        },
    )
    from stream_anon.build import redact_file  # noqa: PLC0415 - settings are checked before it loads

    with _Line(source.name, shown=not quiet and err.is_terminal) as line:
        summary = redact_file(
            source,
            output,
            settings,
            report=report,
            tracks=tracks,
            export_tracks=export_tracks,
            on_progress=line.update,
        )
    if not quiet:
        _print_summary(output, summary)
    if not summary.complete:
        raise typer.Exit(EXIT_INCOMPLETE)


class _Line:
    """The progress line; silent where nobody watches."""

    def __init__(self, name: str, *, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(compact=True),
            console=err,
            transient=True,
            disable=not shown,
        )
        self._task = self._progress.add_task(name, total=None, counts="starting")
        self._drawn = 0.0

    def __enter__(self) -> _Line:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def update(self, summary: Summary) -> None:
        now = monotonic()
        if self._progress.disable or now - self._drawn < REDRAW:
            return
        self._drawn = now
        of = f"/{summary.expected_frames}" if summary.expected_frames else ""
        counts = (
            f"{summary.frames}{of} frames, {summary.fps:.0f} fps, hidden now: {summary.hidden_now}"
        )
        self._progress.update(
            self._task, completed=summary.frames, total=summary.expected_frames, counts=counts
        )


def _print_summary(output: Path, summary: Summary) -> None:
    most = max(summary.people, default=0)
    people = "nobody was seen" if most <= 0 else f"up to {most} hidden at a time"
    out.print(
        f"{output}: {summary.frames} frames in {summary.seconds:.1f} s "
        f"({summary.fps:.0f} fps), {people}",
        markup=False,
    )
    for reason, count in summary.hidden_whole.items():
        err.print(f"note: {count} frames are hidden whole: {reason}", markup=False)
    if summary.lost_frames or summary.lost_packets:
        lost = f"about {summary.lost_frames} frames" if summary.lost_frames else "some data"
        err.print(
            f"note: {lost} of the input could not be read ({summary.lost_reason})", markup=False
        )
    for note in summary.notes:
        err.print(f"note: {note}", markup=False)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int) -> int:
    err.print(f"stream-anon: {message}", markup=False)
    return code


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. Raises nothing unless in debug mode."""
    debug = os.environ.get(DEBUG) == "1"
    try:
        code: Any = app(args=arguments, standalone_mode=False)
    except StreamAnonError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted: no output was written", EXIT_INTERRUPTED)
    except typer.Abort:
        return _fail("interrupted: no output was written", EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - users never meet a traceback
        if debug:
            raise
        return _usage_or_bug(error)
    return code if isinstance(code, int) else EXIT_OK


def _usage_or_bug(error: Exception) -> int:
    """Wrong arguments, which typer reports as errors of its own, or a fault of ours."""
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        return _fail(
            f"{error.format_message()} See: stream-anon redact --help", int(error.exit_code)
        )
    what = type(error).__name__
    return _fail(
        f"unexpected {what}: this is a fault of stream-anon; {DEBUG}=1 shows where", EXIT_UNEXPECTED
    )


def main() -> None:
    """Entry point of the `stream-anon` command."""
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run())
