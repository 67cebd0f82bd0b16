"""What is wrong with settings, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from stream_anon.config.sections import OwnDetector, Rule, Settings, Zone
from stream_anon.core.invalid import shown, wanted

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError

ZONES = ("redaction", "zones")
_BRANCHES = ("str", "list[str]")
"""Steps of a path that stand for a type that was tried, and for nothing in the file."""


def known_keys() -> list[str]:
    """The dotted path of every setting."""
    return [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in _fields(field.annotation)
    ]


def _fields(section: Any) -> list[str]:
    return list(getattr(section, "model_fields", ()))  # none of `detectors`: users name those


def explain(error: ValidationError, values: Mapping[str, Any], path: Path | None) -> str:
    """The first problem: what, where and what to do, with the nearest known key for an unknown one.

    Args:
        error: of the settings.
        values: what was validated.
        path: of their file, if there is one.
    """
    first = error.errors(include_url=False)[0]
    steps = [step for step in first["loc"] if step not in _BRANCHES]
    key = ".".join(map(str, steps))
    where = f" in {path}" if path else ""
    if tuple(steps[:2]) == ZONES:
        return f"redaction.zones{where}: {_zone(steps[2:], first, values)}"
    if first["type"] == "extra_forbidden":
        return f"unknown setting {key}{where}: {_nearest(key, steps)}"
    if first["type"] == "missing":
        return f"setting {key}{where} is missing: add it"
    return f"setting {key}{where} is {shown(first['input'])}: {wanted(first)}"


def _nearest(key: str, steps: Sequence[int | str]) -> str:
    sections = list(Settings.model_fields)
    known = [*known_keys(), *sections]
    if steps[:2] == ["redaction", "rules"]:
        known = [f"{key.rpartition('.')[0]}.{name}" for name in Rule.model_fields]
    if steps[0] == "detectors":
        known = [f"{key.rpartition('.')[0]}.{name}" for name in OwnDetector.model_fields]
    elsewhere = [dotted for dotted in known if dotted.endswith(f".{key.rpartition('.')[2]}")]
    near = elsewhere or get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"sections are {', '.join(sections)}"


def _zone(steps: Sequence[int | str], problem: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Which zone, which of its corners, and what is wrong there."""
    if not steps:
        if problem["type"] == "list_type":
            return "begin each zone with [[redaction.zones]], in double brackets"
        return wanted(problem)
    number, *inside = steps
    zone = values["redaction"]["zones"][number]
    name = zone.get("name") if isinstance(zone, dict) else None
    which = f"zone {int(number) + 1}"
    if isinstance(name, str) and name and name.isprintable():
        which = f"{which} ({shown(name)[1:-1]})"
    match inside:
        case []:
            return f"{which}: {wanted(problem)}"
        case ["points"]:
            return f"{which}: {_corners(problem)}"
        case ["points", int(corner), *axis]:
            return f"{which}, corner {corner + 1}: {_corner('xy'[axis == [1]], problem)}"
    what = inside[0]
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(what), Zone.model_fields, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"keys are {', '.join(Zone.model_fields)}"
        return f"{which}: unknown key {shown(what)}: {hint}"
    if problem["type"] == "missing":
        return f"{which} has no {what}: add it"
    return f"{which}: {what} is {shown(problem['input'])}: {wanted(problem)}"


def _corners(problem: Mapping[str, Any]) -> str:
    """What is wrong with all corners together."""
    match problem["type"]:
        case "too_short":
            return f"{shown(problem['input'])} has fewer than 3 corners: write 3 or more"
        case "too_long":
            return f"it has {len(problem['input'])} corners: write at most 100"
        case "value_error":
            return wanted(problem)
        case "missing":
            return "it has no points: list its corners, as [[0.1, 0.2], [0.3, 0.2], [0.3, 0.6]]"
    return f"points is {shown(problem['input'])}: write [[x, y], [x, y], [x, y]]"


def _corner(axis: str, problem: Mapping[str, Any]) -> str:
    """What is wrong with one corner, or with its `axis`."""
    given = shown(problem["input"])
    if len(problem["loc"]) == len(ZONES) + 3 or problem["type"] == "missing":
        return f"{given} is not a corner: write [x, y], as [0.25, 0.4]"
    side = "width" if axis == "x" else "height"
    return f"{axis} is {given}: write a share of the picture's {side}, 0 to 1, and not pixels"
