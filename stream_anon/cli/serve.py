"""`stream-anon serve`."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stream_anon.cli.console import log_to_console, out, say
from stream_anon.cli.live import Mode
from stream_anon.cli.options import LogLevel, option
from stream_anon.config import load_settings
from stream_anon.core import dependencies
from stream_anon.errors import EXIT_OK, DependencyError

if TYPE_CHECKING:
    from stream_anon.config import Settings
    from stream_anon.web.services import Services

TOKEN_VARIABLE, VIEWER_VARIABLE = "STREAM_ANON_TOKEN", "STREAM_ANON_VIEWER_TOKEN"
OPERATOR = "operator"
"""Name of the first token."""
WHERE, WHO = "Address", "Access"


def serve(
    host: Annotated[
        str | None, option("Address to listen on (127.0.0.1).", WHERE, metavar="ADDRESS")
    ] = None,
    port: Annotated[int | None, option("Port to listen on (8080).", WHERE)] = None,
    allow_host: Annotated[
        list[str] | None,
        option("A name that it is called by; may be repeated.", WHERE, metavar="NAME"),
    ] = None,
    tls_cert: Annotated[
        Path | None, option("Certificate and its chain.", WHERE, metavar="FILE.pem")
    ] = None,
    tls_key: Annotated[Path | None, option("Its key.", WHERE, metavar="FILE.pem")] = None,
    behind_proxy: Annotated[
        bool, option("A reverse proxy in front does TLS.", WHERE, "--behind-proxy")
    ] = False,
    token: Annotated[
        str | None, option("Operator's token for this run.", WHO, metavar="TEXT")
    ] = None,
    viewer_token: Annotated[
        str | None, option("Viewer's token for this run.", WHO, metavar="TEXT")
    ] = None,
    folder: Annotated[Path | None, option("Its private folder.", "Run", metavar="FOLDER")] = None,
    mode: Annotated[
        Mode | None,
        option("debug lets operators turn anonymization off (production).", "Run"),
    ] = None,
    config: Annotated[
        Path | None,
        option("Settings; options given here take precedence.", "Run", metavar="FILE.toml"),
    ] = None,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            help="debug, info, warning or error (info).",
            rich_help_panel="Run",
            metavar="LEVEL",
            show_default=False,
        ),
    ] = LogLevel.info,
) -> Callable[[], int]:
    """Serve the control room: a page and an HTTP API, on this machine.

    The first start prints a login link, good for one use. Other users of the
    machine see options: put tokens in STREAM_ANON_TOKEN and
    STREAM_ANON_VIEWER_TOKEN. Ctrl-C and SIGTERM end it.
    """
    dependencies.check()
    log_to_console(log_level.value)
    settings = load_settings(
        config,
        {
            "web.host": host,
            "web.port": port,
            "web.hosts": allow_host,
            "web.tls_cert": tls_cert and str(tls_cert),
            "web.tls_key": tls_key and str(tls_key),
            "web.behind_proxy": behind_proxy or None,
            "web.folder": folder and str(folder),
            "live.mode": mode and mode.value,
        },
    )
    operator = token or os.environ.get(TOKEN_VARIABLE)
    viewer = viewer_token or os.environ.get(VIEWER_VARIABLE)
    return partial(_serve, settings, operator, viewer)


def _serve(settings: Settings, operator: str | None, viewer: str | None) -> int:
    try:
        from stream_anon.web.security.who import Role  # noqa: PLC0415 - the extra may be missing
        from stream_anon.web.server import serve as run  # noqa: PLC0415
        from stream_anon.web.services import Services  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise DependencyError(
            f"the control room needs {error.name}: pip install 'stream-anon[web]' "
            "(from a checkout: ./scripts/setup web)"
        ) from error

    given = {Role.operator: operator, Role.viewer: viewer}
    with Services(settings) as services:
        services.auth.tokens.give({role: text for role, text in given.items() if text})
        run(services, lambda address: _tell(services, address))
    return EXIT_OK


def _tell(services: Services, address: str) -> None:
    """The address and, the first time, how to get in."""
    from stream_anon.web.security.who import Role  # noqa: PLC0415

    tokens = services.auth.tokens
    say(out, f"stream-anon serves {address}, in {services.settings.live.mode} mode")
    if tokens.has_operator():
        return
    token = tokens.add(OPERATOR, Role.operator)
    say(out, f"operator's token, shown this once: {token}")
    say(out, f"log in, once and within an hour: {address}/login?token={tokens.link(OPERATOR)}")
