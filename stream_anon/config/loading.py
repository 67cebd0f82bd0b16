"""Settings from a file and from arguments, and what is wrong with them in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from stream_anon.config.sections import OwnDetector, Rule, Settings, Zone
from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


def known_keys() -> list[str]:
    """The dotted path of every setting."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in _fields(field.annotation)
    ]


def _fields(section: Any) -> list[str]:
    return list(getattr(section, "model_fields", ()))  # none of `detectors`: users name those


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
        raise ConfigError(_explain(error, path)) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from error


def _explain(error: ValidationError, path: Path | None) -> str:
    """The first problem in one line, with the nearest known key for an unknown one."""
    first = error.errors(include_url=False)[0]
    key = ".".join(str(step) for step in first["loc"] if step not in ("str", "list[str]"))
    where = f" in {path}" if path else ""
    if first["type"] == "extra_forbidden":
        sections = list(Settings.model_fields)
        known = [*known_keys(), *sections]
        if first["loc"][:2] == ("redaction", "rules"):
            known = [f"{key.rpartition('.')[0]}.{name}" for name in Rule.model_fields]
        if first["loc"][:2] == ("redaction", "zones"):
            known = [f"{key.rpartition('.')[0]}.{name}" for name in Zone.model_fields]
        if first["loc"][0] == "detectors":
            known = [f"{key.rpartition('.')[0]}.{name}" for name in OwnDetector.model_fields]
        elsewhere = [dotted for dotted in known if dotted.endswith(f".{key.rpartition('.')[2]}")]
        near = elsewhere or get_close_matches(key, known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"sections are {', '.join(sections)}"
        return f"unknown setting {key}{where}: {hint}"
    said = first["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    return f"setting {key}{where} is {first['input']!r}: {said}"
