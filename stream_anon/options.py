"""What the options of several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import typer


class Method(StrEnum):
    """How to hide."""

    blur = "blur"
    pixelate = "pixelate"
    fill = "fill"


class LogLevel(StrEnum):
    """How much to log."""

    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


def option(text: str, panel: str, *names: str, metavar: str | None = None) -> Any:
    """An option with its help, in a panel of the help page."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)
