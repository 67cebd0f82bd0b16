"""What is wrong with a tracks file, in one line: which track, which box, what to write."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from stream_anon.core.invalid import short, wanted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError

BOX = ("frame", "x", "y", "width", "height")
KEYS = {
    "": ("stream_anon_tracks", "input_sha256", "width", "height", "frames", "hidden_whole",
         "joined", "tracks"),
    "tracks": ("id", "label", "shape", "points", "hide", "boxes"),
    "joined": ("tracks", "likeness"),
}  # fmt: skip
"""What the file may have, and each entry of its lists."""


def parsed(text: str) -> Any:
    """The content of a tracks file.

    Raises:
        ValueError: it is empty, not JSON, or has a key twice, of which only the last would count.
    """
    if not text.strip():
        raise ValueError("it is empty")
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError:
        if '"stream_anon_masks"' in text[:200]:
            raise ValueError("it is a record of masks: use --masks") from None
        raise


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it has the key {_json(twice)} twice in one place: remove one")
    return content


def explain(error: ValidationError, content: Any) -> str:
    """The first problem, and where it is.

    Args:
        error: of the tracks file.
        content: what was validated.
    """
    problem = error.errors(include_url=False)[0]
    steps = problem["loc"]
    match steps:
        case ():
            return "it does not begin with { and the keys of a tracks file"
        case ("stream_anon_tracks",):
            version = _json(problem["input"])
            return f"its version, stream_anon_tracks, is {version}; this program reads 1 and 2"
        case ("tracks", int(n), *rest):
            return f"{_track(n, content)}{_in_entry('tracks', rest, problem)}"
        case ("joined", int(n), *rest):
            return f"entry {n + 1} of joined{_in_entry('joined', rest, problem)}"
        case ("hidden_whole", frame, *rest):
            if rest:
                return f"hidden_whole has {_json(frame)} as a frame: write its number, in quotes"
            return f"hidden_whole, frame {frame}: {_value('the reason', problem)}"
    return _field("", steps[0], problem).removeprefix(": ")


def _track(n: int, content: Any) -> str:
    """How a track is named: by its number, and its place in the file."""
    track = content["tracks"][n]
    number = track.get("id") if isinstance(track, dict) else None
    place = f"number {n + 1} in the file"
    return f"track {number} ({place})" if type(number) is int else f"the track that is {place}"


def _in_entry(kind: str, steps: Sequence[int | str], problem: Mapping[str, Any]) -> str:
    match steps:
        case ["boxes", int(n), *axis]:
            return f", box {n + 1}{_box(axis, problem)}"
        case ["points", int(n), *_]:
            return f", corner {n + 1} is wrong: write [x, y], as shares of the box from 0 to 1"
        case ["tracks", *_] if kind == "joined":
            return ": its tracks are not two numbers: write [3, 7]"
        case [name, *_]:
            return _field(kind, str(name), problem)
    if problem["type"] == "value_error":
        return f": {wanted(problem)}"
    return f" is {_json(problem['input'])}: write {{ }} with {_listed(KEYS[kind])}"


def _box(axis: Sequence[int | str], problem: Mapping[str, Any]) -> str:
    if not axis or problem["type"] == "missing":
        return f" is {_json(problem['input'])}: write [{', '.join(BOX)}]"
    return f": {_value(BOX[int(axis[0])], problem)}"


def _field(kind: str, name: int | str, problem: Mapping[str, Any]) -> str:
    if problem["type"] == "extra_forbidden":
        near = get_close_matches(str(name), KEYS[kind], n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"keys are {_listed(KEYS[kind])}"
        return f": unknown key {_json(name)}: {hint}"
    if problem["type"] == "missing":
        return f": {name} is missing: add it"
    return f": {_value(str(name), problem)}"


def _value(name: str, problem: Mapping[str, Any]) -> str:
    return f"{name} is {_json(problem['input'])}: {wanted(problem)}"


def _json(value: object) -> str:
    return short(json.dumps(value, ensure_ascii=False))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
