"""The words of the pages, a file for each language, chosen by what the browser asks for."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-Hans"}
"""Of `<html lang>`."""
HERE = Path(__file__).parents[1] / "words"
LONGEST = 1000
"""Characters of a header that are looked at."""


@cache
def words(language: Language) -> dict[str, Any]:
    """All words of a language, by page; treat as read-only."""
    return tomllib.loads((HERE / f"{language}.toml").read_text(encoding="utf-8"))


def language_of(header: str) -> Language:
    """The language to answer in.

    Args:
        header: `Accept-Language`, such as `zh-CN,zh;q=0.9,en;q=0.8` (RFC 9110, 12.5.4).
    """
    best: tuple[float, Language] = (0.0, "en")
    for entry in header[:LONGEST].split(","):
        tag, *rest = (piece.strip().lower() for piece in entry.split(";"))
        weight = next((_weight(p[2:]) for p in rest if p.startswith("q=")), 1.0)
        for language in LANGUAGES:
            if tag.split("-")[0] == language and weight > best[0]:
                best = weight, language
    return best[1]


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
