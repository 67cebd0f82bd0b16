"""The command line: parses, calls the library, prints one line for each error."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_anon import __version__
from stream_anon.cli.console import ProgressLine, err, flush, log_to_console, out, say
from stream_anon.cli.live import devices, live
from stream_anon.cli.models import models
from stream_anon.cli.options import (
    WHAT,
    Cells,
    Color,
    Engine,
    HowToHide,
    LogLevel,
    Rules,
    Scope,
    option,
    parse_rules,
)
from stream_anon.config import load_settings
from stream_anon.core.credentials import without_credentials
from stream_anon.errors import (
    DEBUG_VARIABLE,
    EXIT_INCOMPLETE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNEXPECTED,
    ConfigError,
    StreamAnonError,
)

if TYPE_CHECKING:
    from types import FrameType

    from stream_anon.config import Settings
    from stream_anon.pipeline.report import Summary

STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

EPILOG = """Exit codes
  0    done
  2    wrong arguments or settings
  3    the input cannot be read
  4    the output cannot be written
  5    the parser failed
  6    done, but part of the input could not be decoded
  130  interrupted
  1    anything else
There is an output only with 0 or 6."""

OUTPUT, RECORD = "Output", "Record and control"

app = typer.Typer(
    name="stream-anon",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models)
app.command()(live)
app.command()(devices)

EXIT_USAGE = ConfigError.exit_code


class Audio(StrEnum):
    """What to do with the sound."""

    drop = "drop"
    copy = "copy"
    disguise = "disguise"


def _print_version(wanted: bool) -> None:
    if wanted:
        say(out, f"stream-anon {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Hide the faces in video, on an ordinary CPU. When in doubt, it hides."""
    if context.invoked_subcommand is None:
        out.print(context.get_help(), markup=False)
        raise typer.Exit(EXIT_USAGE)


def _file(text: str, kind: str = "json") -> Any:
    return option(text, RECORD, metavar=f"FILE.{kind}")


@app.command(epilog=EPILOG)
def redact(
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="Video or picture to redact.")],
    output: Annotated[
        Path | None,
        typer.Argument(metavar="OUTPUT", help="Redacted video; its extension selects the format."),
    ] = None,
    scope: Scope = None,
    method: HowToHide = None,
    rules: Rules = None,
    cells: Cells = None,
    color: Color = None,
    engine: Engine = None,
    tracks: Annotated[
        Path | None,
        option("Hide what this tracks file says; detect nothing.", WHAT, metavar="FILE.json"),
    ] = None,
    masks: Annotated[
        Path | None,
        option("Hide exactly what this record of masks says.", WHAT, metavar="FILE.jsonl"),
    ] = None,
    audio: Annotated[Audio | None, option("What to do with the sound (drop).", OUTPUT)] = None,
    keep_subtitles: Annotated[
        bool, option("Copy text subtitles.", OUTPUT, "--keep-subtitles")
    ] = False,
    keep_metadata: Annotated[
        str | None,
        option(
            "Any of date,gps,projection,timecode (projection); or none.", OUTPUT, metavar="LIST"
        ),
    ] = None,
    encoder: Annotated[
        str | None, option("FFmpeg's name of a video encoder (auto).", OUTPUT, metavar="NAME")
    ] = None,
    preset: Annotated[
        str | None, option("The encoder's preset (veryfast).", OUTPUT, metavar="NAME")
    ] = None,
    quality: Annotated[
        int | None, option("crf: lower is better and larger (20).", OUTPUT, metavar="0..63")
    ] = None,
    overwrite: Annotated[bool, option("Replace existing outputs.", OUTPUT, "--overwrite")] = False,
    config: Annotated[
        Path | None, _file("Settings; options given here take precedence.", "toml")
    ] = None,
    report: Annotated[Path | None, _file("Write a report of the run; no pictures.")] = None,
    export_tracks: Annotated[Path | None, _file("Write what was hidden, for editing.")] = None,
    export_masks: Annotated[
        Path | None, _file("Write the record of masks; .gz compresses it.", "jsonl")
    ] = None,
    masks_only: Annotated[
        Path | None, _file("The same, without rendering: no OUTPUT.", "jsonl")
    ] = None,
    quiet: Annotated[bool, option("Print errors only.", RECORD, "--quiet", "-q")] = False,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            help="debug, info, warning or error (warning).",
            rich_help_panel=RECORD,
            metavar="LEVEL",
            show_default=False,
        ),
    ] = LogLevel.warning,
) -> Callable[[], int]:
    """Hide the faces in a recorded video: INPUT goes in, OUTPUT comes out.

    Sound and metadata are dropped unless requested. OUTPUT
    appears under its name only when it is complete. Defaults are in brackets.
    """
    log_to_console("error" if quiet else log_level.value)
    settings = load_settings(
        config,
        {
            "redaction.scope": scope,
            "redaction.method": method,
            "redaction.rules": parse_rules(rules),
            "redaction.cells": cells,
            "redaction.color": color,
            "output.audio": audio and audio.value,
            "output.keep_subtitles": keep_subtitles or None,
            "output.keep_metadata": keep_metadata,
            "output.encoder": encoder,
            "output.preset": preset,
            "output.quality": quality,
            "output.overwrite": overwrite or None,
            "parsing.engine": engine,
        },
    )
    if (output is None) == (masks_only is None) or (masks_only and export_masks):
        raise ConfigError("name either OUTPUT or, for the masks alone, --masks-only FILE, not both")
    files = {
        "report": report,
        "tracks": tracks,
        "masks": masks,
        "export_tracks": export_tracks,
        "export_masks": export_masks or masks_only,
    }
    return partial(_redact, source, output, settings, files, quiet)


def _redact(
    source: Path,
    output: Path | None,
    settings: Settings,
    files: dict[str, Path | None],
    quiet: bool,
) -> int:
    from stream_anon.pipeline.recording import redact_file  # noqa: PLC0415 - loads late

    name = source.name if source.exists() else "input"  # which may be an address, with its key
    with ProgressLine(name, shown=not quiet) as line:
        summary = redact_file(
            source,
            output,
            settings,
            **files,
            on_progress=line.update,
        )
    if not quiet:
        _print_summary(output or files["export_masks"], summary)
    return EXIT_OK if summary.complete else EXIT_INCOMPLETE


def _print_summary(output: Path | None, summary: Summary) -> None:
    most = max(summary.people, default=0)
    people = "nobody hidden" if most <= 0 else f"up to {most} hidden at a time"
    say(
        out,
        f"{output}: {summary.frames} frames in {summary.seconds:.1f} s "
        f"({summary.fps:.0f} fps), {people}",
    )
    for reason, count in summary.hidden_whole.items():
        say(err, f"note: {count} frames are hidden whole: {reason}")
    if summary.lost_frames or summary.lost_packets:
        lost = f"about {summary.lost_frames} frames" if summary.lost_frames else "some data"
        why = f" ({summary.lost_reason})" if summary.lost_reason else ""
        say(err, f"note: {lost} of the input could not be read{why}")
    for note in summary.notes:
        say(err, f"note: {note}")


def _do(job: Callable[[], int]) -> int:
    from stream_anon.processes.host import forbid_core_dumps  # noqa: PLC0415 - not for --help

    forbid_core_dumps()
    return job()


def _fail(message: str, code: int) -> int:
    say(err, f"stream-anon: {message}")
    return code


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code. Raises nothing unless in debug mode."""
    debug = os.environ.get(DEBUG_VARIABLE) == "1"
    try:
        # Typer only parses: it handles Ctrl-C and end of file in its own way.
        job: Any = app(args=arguments, prog_name="stream-anon", standalone_mode=False)
        code = _do(job) if callable(job) else job
    except StreamAnonError as error:
        if debug:
            raise
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted: no output was written", EXIT_INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own, for wrong arguments
            said = error.format_message().replace("Value error, ", "").rstrip(".")
            said = without_credentials(said)  # an address that was taken for something else
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "stream-anon"
            stop = "" if said.endswith("?") else "."
            return _fail(f"{said}{stop} See: {command} --help", EXIT_USAGE)
        if debug:
            raise
        what = type(error).__name__
        return _fail(
            f"unexpected {what}: this is a bug in stream-anon; {DEBUG_VARIABLE}=1 shows where",
            EXIT_UNEXPECTED,
        )
    return code if isinstance(code, int) else EXIT_OK


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End the run; further signals would only disturb the cleanup."""
    for number in STOPPED_BY:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Entry point of the `stream-anon` command."""
    for number in STOPPED_BY:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    code = run()
    flush()
    if any(thread.name.startswith("stream_anon ") for thread in threading.enumerate()):
        os._exit(code)  # a thread that hangs in native code would crash an orderly exit
    sys.exit(code)
