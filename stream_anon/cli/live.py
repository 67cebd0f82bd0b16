"""`stream-anon live`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_anon.cli.console import count, err, log_in_background, log_to_console, out, say
from stream_anon.cli.options import (
    Captions,
    Cells,
    Color,
    Effort,
    Engine,
    HowToHide,
    LogLevel,
    ReplaceWith,
    Rules,
    Scope,
    option,
    parse_rules,
)
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.core.credentials import shown_in
from stream_anon.errors import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_OK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stream_anon.config import Redaction, Settings
    from stream_anon.pipeline.figures.stats import Snapshot
    from stream_anon.pipeline.live.outputs import Outputs
    from stream_anon.pipeline.live.run import LiveRun

log = logging.getLogger(__name__)

OUTPUT, RUN = "Output", "Run"


REDRAW = 0.5
"""Seconds between two updates of the status line."""


class Mode(StrEnum):
    """Whether a run is for production or for debugging."""

    production = "production"
    debug = "debug"


class Audio(StrEnum):
    """What becomes of the sound."""

    drop = "drop"
    copy = "copy"
    disguise = "disguise"


def live(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="0 or /dev/video0, rtsp://…, or with --pace a file."),
    ],
    to: Annotated[
        list[str] | None,
        option(
            "A file, rtsp://…, rtmp://…, udp://…, hls:FOLDER or camera; may be repeated.",
            OUTPUT,
            metavar="WHERE",
        ),
    ] = None,
    preview: Annotated[bool, option("Show a preview window.", OUTPUT, "--preview")] = False,
    segment: Annotated[
        str | None, option("Start a new file this often, such as 10m.", OUTPUT, metavar="TIME")
    ] = None,
    keep: Annotated[
        str | None,
        option(
            "Delete files of the set once they are this old, such as 7d.", OUTPUT, metavar="TIME"
        ),
    ] = None,
    preset: Annotated[
        str | None, option("The encoder's preset (ultrafast).", OUTPUT, metavar="NAME")
    ] = None,
    quality: Annotated[
        int | None, option("crf: lower is better and larger (20).", OUTPUT, metavar="0..63")
    ] = None,
    scope: Scope = None,
    method: HowToHide = None,
    rules: Rules = None,
    cells: Cells = None,
    color: Color = None,
    caption: Captions = None,
    replace_with: ReplaceWith = None,
    engine: Engine = None,
    effort: Effort = None,
    audio: Annotated[
        Audio | None, option("The sound, for files and streams (drop).", OUTPUT)
    ] = None,
    pace: Annotated[bool, option("Play a file in real time.", RUN, "--pace")] = False,
    mode: Annotated[
        Mode | None, option("debug adds a banner to every picture (production).", RUN)
    ] = None,
    latency: Annotated[
        float | None, option("Budget from capture to hand-off (0.2).", RUN, metavar="SECONDS")
    ] = None,
    transport: Annotated[
        str | None, option("tcp or udp, for RTSP (tcp).", RUN, metavar="NAME")
    ] = None,
    size: Annotated[
        str | None, option("Requested from a webcam, such as 1280x720.", RUN, metavar="SIZE")
    ] = None,
    rate: Annotated[
        float | None, option("Frames per second requested from a webcam.", RUN, metavar="FPS")
    ] = None,
    metrics_port: Annotated[
        int | None, option("Serve Prometheus metrics and /healthz.", RUN, metavar="PORT")
    ] = None,
    config: Annotated[
        Path | None,
        option("Settings; options given here take precedence.", RUN, metavar="FILE.toml"),
    ] = None,
    quiet: Annotated[bool, option("Print errors only.", RUN, "--quiet", "-q")] = False,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            help="debug, info, warning or error (info).",
            rich_help_panel=RUN,
            metavar="LEVEL",
            show_default=False,
        ),
    ] = LogLevel.info,
) -> Callable[[], int]:
    """Hide the faces in a live stream, for as long as it runs.

    Ctrl-C, SIGTERM or closing the preview ends it; files are completed. SIGHUP
    reloads the settings for what to hide. Sound is dropped unless requested.
    Put passwords in STREAM_ANON_USER and STREAM_ANON_PASSWORD.
    """
    dependencies.check()
    from stream_anon.core.address import parse_duration  # noqa: PLC0415
    from stream_anon.pipeline.live.outputs import Outputs  # noqa: PLC0415 - loads late

    log_to_console("error" if quiet else log_level.value)
    overrides = {
        "redaction.scope": scope,
        "redaction.method": "avatar" if method is None and replace_with else method,
        "redaction.rules": parse_rules(rules),
        "redaction.cells": cells,
        "redaction.color": color,
        "redaction.caption": caption,
        "redaction.replace_with": replace_with and str(replace_with),
        "parsing.engine": engine,
        "parsing.effort": effort,
        "output.quality": quality,
        "live.audio": audio and audio.value,
        "live.preset": preset,
        "live.mode": mode and mode.value,
        "live.latency": latency,
        "live.rtsp_transport": transport,
        "live.device_size": size,
        "live.device_rate": rate,
        "live.metrics_port": metrics_port,
    }
    outputs = Outputs(
        tuple(to or ()),
        preview,
        None if segment is None else parse_duration(segment),
        None if keep is None else parse_duration(keep),
    )
    return partial(_live, source, outputs, partial(load_settings, config, overrides), pace, quiet)


def _live(
    source: str, outputs: Outputs, load: Callable[[], Settings], pace: bool, quiet: bool
) -> int:
    from stream_anon.pipeline.live.run import LiveRun  # noqa: PLC0415 - half a second

    run = LiveRun(source, outputs, load(), pace=pace)
    try:
        with (
            log_in_background(),
            _status(run, shown=not quiet),
            _signals(run, lambda: load().redaction),
        ):
            _warn_of_secrets(source, outputs.to)
            figures = run.run()
    except KeyboardInterrupt:
        say(err, "stream-anon: interrupted: outputs may lack their last second")
        return EXIT_INTERRUPTED
    if not quiet:
        _print_end(figures)
    return EXIT_INCOMPLETE if run.incomplete else EXIT_OK


def _warn_of_secrets(source: str, targets: Sequence[str]) -> None:
    """Warn about secrets that every user of the machine can read in the process list."""
    addresses = [(source, ""), *((target, "PUBLISH_") for target in targets)]
    found = {(shown, kind) for text, kind in addresses if (shown := shown_in(text)) is not None}
    for shown, kind in sorted(found):
        if shown.is_login:
            advice = f"put it in STREAM_ANON_{kind}USER and STREAM_ANON_{kind}PASSWORD"
        elif shown.is_stream_key and kind:
            advice = f"end the address with the application and put it in STREAM_ANON_{kind}KEY"
        else:
            advice = "start the run from Python, with stream_anon.prepare_live"
        log.warning(
            "every user of this machine can see the %s in the command: %s", shown.what, advice
        )


@contextmanager
def _status(run: LiveRun, *, shown: bool) -> Iterator[None]:
    """Keep a status line up to date, in a thread: a stopped terminal blocks its writer."""
    from stream_anon.pipeline.figures.lines import StatusLine  # noqa: PLC0415 - half a second

    done = threading.Event()

    def draw() -> None:
        with StatusLine(err, run.label, shown=shown) as line:
            while not done.wait(REDRAW):
                line.update(run.stats.snapshot())

    drawing = threading.Thread(target=draw, name="stream_anon status", daemon=True)
    drawing.start()
    try:
        yield
    finally:
        done.set()
        drawing.join(REDRAW)


@contextmanager
def _signals(run: LiveRun, load: Callable[[], Redaction]) -> Iterator[None]:
    """Handle signals to stop and reload; a second Ctrl-C does not wait."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        run.stop()

    had_terminal = sys.stdin is not None and sys.stdin.isatty()

    def hang_up(*_: object) -> None:
        if had_terminal and _terminal_is_gone():
            run.stop()
        else:
            run.reload_with(load)

    handlers: dict[Any, Any] = {signal.SIGINT: stop, signal.SIGTERM: stop}
    if hasattr(signal, "SIGHUP"):
        handlers[signal.SIGHUP] = hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _terminal_is_gone() -> bool:
    """Whether SIGHUP is a real hang-up: no run continues unnoticed after that."""
    try:
        os.tcgetpgrp(0)
    except OSError:
        return True
    return False


def _print_end(figures: Snapshot) -> None:
    say(
        out,
        f"{count(figures.frames_out, 'picture')} in {figures.uptime:.0f} s, "
        f"{figures.hidden_total} of them hidden whole, "
        f"{count(figures.dropped_total, 'frame')} dropped, "
        f"{count(figures.reconnects, 'reconnect')}",
    )
    for reason, number in figures.hidden_whole.items():
        say(err, f"note: {count(number, 'picture')} hidden whole: {reason.value}")
    for label, sink in figures.sinks.items():
        if sink.dropped or sink.restarts:
            dropped, restarts = count(sink.dropped, "frame"), count(sink.restarts, "restart")
            say(err, f"note: {label}: {dropped} dropped, {restarts}")
