"""Options shared by several commands."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from stream_anon.errors import ConfigError
from stream_anon.redaction.registry import method_names


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
HowToHide = Annotated[
    str | None, option(f"{', '.join(method_names())} (blur).", WHAT, metavar="NAME")
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
Cells = Annotated[int | None, option("Cells across a face, 1 to 4 (4).", WHAT, metavar="COUNT")]
Color = Annotated[str | None, option("Colour of fill (#202020).", WHAT, metavar="#RRGGBB")]
Engine = Annotated[str | None, option("auto, centerface or m2fp (auto).", WHAT, metavar="NAME")]


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
