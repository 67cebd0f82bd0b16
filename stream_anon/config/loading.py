"""Settings from a file and from arguments, and what is wrong with them in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stream_anon.config.explaining import explain
from stream_anon.config.sections import Settings
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def load_settings(path: Path | None = None, overrides: dict[str, Any] | None = None) -> Settings:
    """Defaults, then the file, then `overrides`.

    Args:
        path: a TOML file with any of the settings.
        overrides: dotted paths such as `redaction.scope`; None values are left out, and the
            entries of a table are added to those of the file.

    Raises:
        ConfigError: the file cannot be read, a key is unknown or a value is out of range.
    """
    values: dict[str, Any] = _read(path) if path else {}
    for dotted, value in (overrides or {}).items():
        if value is None:
            continue
        section, _, key = dotted.partition(".")
        if not isinstance(values.setdefault(section, {}), dict):
            break  # the file has a value where a section belongs; validation says so
        there = values[section].get(key)
        both = isinstance(there, dict) and isinstance(value, Mapping)
        values[section][key] = {**there, **value} if both else value
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError(explain(error, values, path)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from error
