"""What the commands for models share: a model's lines, and the question before a download."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stream_anon.cli.console import err, out, say
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def show_model(
    name: str, sees: str, licence: str, size: str, found: Path | None, otherwise: Path | str
) -> None:
    """Say what a model is for, and where it lies or would lie.

    Args:
        name: of the model.
        sees: what it finds.
        licence: of the weights.
        size: of the download, where it is not installed.
        found: its file or folder, where it is.
        otherwise: where it would be.
    """
    if found:
        files = [found] if found.is_file() else list(found.iterdir())
        size = f"{sum(file.stat().st_size for file in files) / 1e6:.1f} MB"
    say(out, f"{name}: finds {sees}; {'' if found else 'not '}installed")
    say(out, f"  licence    {licence}")
    say(out, f"  size       {size}")
    say(out, f"  path       {found or otherwise}")


def agreed() -> bool:
    """Ask for consent on the terminal.

    Raises:
        ConfigError: there is none.
    """
    if not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError(
            "no terminal to accept the licence on, so nothing was downloaded: --yes accepts it"
        )
    err.print("Accept the licence and download? [y/N] ", end="", markup=False)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
