"""The program: parses, calls a command, prints one line for each error."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_anon import __version__
from stream_anon.cli.audit import AUDIT_EPILOG, audit, verify
from stream_anon.cli.console import err, flush, out, say, unexpected
from stream_anon.cli.devices import devices
from stream_anon.cli.doctor import doctor
from stream_anon.cli.labels import labels
from stream_anon.cli.live import live
from stream_anon.cli.models.commands import models
from stream_anon.cli.redact import EPILOG, redact
from stream_anon.cli.serve import serve
from stream_anon.cli.tokens import tokens
from stream_anon.cli.tracks import tracks
from stream_anon.cli.unseal import unseal
from stream_anon.cli.zones import zones
from stream_anon.core import dependencies
from stream_anon.core.credentials import without_credentials
from stream_anon.errors import (
    DEBUG_VARIABLE,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_UNEXPECTED,
    ConfigError,
    DependencyError,
    StreamAnonError,
)

if TYPE_CHECKING:
    from types import FrameType

STOPPED_BY = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""

app = typer.Typer(
    name="stream-anon",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(models)
app.add_typer(tokens)
app.command(epilog=EPILOG)(redact)
app.command(epilog=AUDIT_EPILOG)(audit)
app.command()(verify)
app.command()(tracks)
app.command()(zones)
app.command()(labels)
app.command()(live)
app.command()(serve)
app.command()(devices)
app.command()(unseal)
app.command()(doctor)

EXIT_USAGE = ConfigError.exit_code


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
    except KeyboardInterrupt as interrupt:
        told = str(interrupt) or "no output was written"
        return _fail(f"interrupted: {told}", EXIT_INTERRUPTED)
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own, for wrong arguments
            said = " ".join(error.format_message().replace("Value error, ", "").split())
            said = said.rstrip(".")
            said = without_credentials(said)  # an address that was taken for something else
            context = getattr(error, "ctx", None)
            command = context.command_path if context else "stream-anon"
            is_file = said.startswith("No such command") and command == "stream-anon"
            if is_file and "Did you mean" not in said:
                said += ": write `stream-anon redact INPUT OUTPUT`, or `stream-anon live SOURCE`"
            stop = "" if said.endswith("?") else "."
            return _fail(f"{said}{stop} See: {command} --help", EXIT_USAGE)
        if debug:
            raise
        return _unexpected(error)
    return code if isinstance(code, int) else EXIT_OK


def _unexpected(error: Exception) -> int:
    module = error.name if isinstance(error, ImportError) else None
    if module and not module.startswith("stream_anon"):
        return _fail(dependencies.explain(module, error), DependencyError.exit_code)
    return _fail(unexpected(error), EXIT_UNEXPECTED)


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
