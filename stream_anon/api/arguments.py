"""Arguments of the calls as settings and paths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike


def overrides(
    settings: Mapping[str, object] | None,
    scope: str | list[str] | None,
    method: str | None,
    **output: object,
) -> dict[str, object]:
    """Settings by their dotted paths; arguments of their own win over `settings`."""
    named: dict[str, object] = {"redaction.scope": scope, "redaction.method": method}
    named |= {f"output.{name}": value for name, value in output.items()}
    given = {dotted: value for dotted, value in named.items() if value is not None}
    return {**(settings or {}), **given}


def path_or_none(name: str | PathLike[str] | None) -> Path | None:
    """A path, where one was given."""
    return None if name is None else Path(name)
