"""What the options of several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

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


WHAT = "What to hide, and how"
"""The panel of the options below."""

Scope = Annotated[
    str | None,
    option("face, head, person, or labels joined by commas (face).", WHAT, metavar="WHAT"),
]
HowToHide = Annotated[Method | None, option("How to hide (blur).", WHAT)]
Cells = Annotated[int | None, option("Cells across a face, 1 to 4 (4).", WHAT, metavar="COUNT")]
Color = Annotated[str | None, option("Colour of fill (#202020).", WHAT, metavar="#RRGGBB")]
Engine = Annotated[str | None, option("auto, centerface or m2fp (auto).", WHAT, metavar="NAME")]
