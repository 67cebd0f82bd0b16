"""What is wrong with a value that somebody wrote, in words for people.

pydantic's words are about its types ("input should be a valid tuple"); these say what to write.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 60
"""Characters of a value that a message repeats."""
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")

_TYPES = {
    "bool": "true or false",
    "float": "a number",
    "finite": "a number",
    "int": "a whole number",
    "string": "text in quotes",
    "list": "a list in [ ]",
    "tuple": "a list in [ ]",
    "dict": "keys with values",
    "model": "keys with values",
}
"""What to write, by the first word of pydantic's type of error."""


def wanted(problem: Mapping[str, Any]) -> str:
    """What to write instead, as in "write a number above 0".

    Args:
        problem: one of `ValidationError.errors()`.
    """
    kind, limits = problem["type"], problem.get("ctx", {})
    match kind:
        case "greater_than":
            return f"write a number above {limits['gt']:.15g}"
        case "greater_than_equal":
            return f"write a number of at least {limits['ge']:.15g}"
        case "less_than_equal":
            return f"write a number of at most {limits['le']:.15g}"
        case "literal_error":
            return f"write {limits['expected']}"
        case "string_too_short":
            return "it may not be empty"
        case "string_too_long":
            return f"write at most {limits['max_length']} characters"
        case "too_short":
            return f"write at least {limits['min_length']} of them, not {limits['actual_length']}"
        case "too_long":
            return f"write at most {limits['max_length']} of them"
        case "missing":
            return "it is missing"
        case "value_error":
            return said(problem)
    return f"write {word}" if (word := _TYPES.get(kind.split("_")[0])) else said(problem)


def said(problem: Mapping[str, Any]) -> str:
    """What a validator of ours said, or pydantic."""
    words = str(problem["msg"]).removeprefix("Value error, ")
    return words[:1].lower() + words[1:]


def shown(value: object) -> str:
    """A value in one short line, in the way of Python."""
    return short(repr(value))


def short(text: str) -> str:
    """A text with no more than its beginning, if it is long."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def printable(text: str) -> str:
    """Check a name that is shown.

    Raises:
        ValueError: it has line breaks or other control characters.
    """
    if _UNPRINTABLE.search(text):
        raise ValueError("leave out line breaks and other control characters")
    return text


def unreadable(error: BaseException) -> str:
    """Why something is not JSON at all, and where."""
    match error:
        case json.JSONDecodeError():
            where = f"line {error.lineno}, column {error.colno}"
            return f"it is not valid JSON: look at {where}"
        case UnicodeDecodeError():
            return f"byte {error.start + 1} is not UTF-8 text"
        case RecursionError():
            return "its brackets are nested too deep"
    text = str(error).partition("\n")[0]
    return "it has a number of thousands of digits" if text.startswith("Exceeds") else text
