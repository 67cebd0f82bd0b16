"""Colours of the pages: their contrast as WCAG 2.2 computes it, in light and in dark mode."""

from __future__ import annotations

import re

import pytest

from stream_anon.web.pages.files import HERE

BASE = (HERE / "base.css").read_text()
TEXT, SHAPE = 4.5, 3.0
"""Success criteria 1.4.3 (AA) and 1.4.11."""
PAIRS = [
    *((ink, ground, TEXT) for ink in ("ink", "soft", "accent", "good", "warn", "bad")
      for ground in ("ground", "card")),
    ("ink", "tint", TEXT),
    ("soft", "tint", TEXT),
    ("accent", "tint", TEXT),
    ("warn", "tint", TEXT),
    ("on-accent", "accent", TEXT),
    ("bad", "bad-tint", TEXT),
    ("card", "bad", TEXT),  # the banner
    ("ground", "ink", TEXT),  # what is said
    ("edge", "card", SHAPE),
    ("edge", "ground", SHAPE),
]  # fmt: skip


def variables(css: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6});", css))


def schemes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root {(.*?)\n\s*}", BASE, flags=re.DOTALL)
    assert BASE.index("prefers-color-scheme: dark") < BASE.index(dark)
    return {"light": variables(light), "dark": variables(light) | variables(dark)}


def luminance(color: str) -> float:
    """Relative luminance, https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    shares = [int(color[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_as_the_standard_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_everything_can_be_read(scheme: str, ink: str, ground: str, least: float) -> None:
    colors = schemes()[scheme]
    assert contrast(colors[ink], colors[ground]) >= least


@pytest.mark.parametrize("sheet", sorted(HERE.glob("*.css")), ids=lambda path: path.name)
def test_styles_load_nothing(sheet: object) -> None:
    text = getattr(sheet, "read_text")()  # noqa: B009
    assert not re.search(r"url\(|@import|https?:", text)


def test_people_who_want_no_motion_get_none() -> None:
    assert "prefers-reduced-motion: reduce" in BASE
    assert ":focus-visible" in BASE
    assert not re.search(r"outline:\s*(0|none)", BASE.replace("main { ", "").replace(
        "padding: 1.25rem 1.25rem 4rem; outline: none;", ""))  # fmt: skip
