"""Labels of zones: what is hidden because of where it is, and not because of what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stream_anon.core.parts import Part

_PREFIX = "zone:"


def zone_label(name: str) -> str:
    """The label of what is hidden in a zone."""
    return _PREFIX + name


def is_zone(label: str) -> bool:
    """Whether it is the label of a zone."""
    return label.startswith(_PREFIX)


def count_people(parts: Iterable[Part]) -> int:
    """How many people have these parts; zones are nobody."""
    return len({part.person for part in parts if not is_zone(part.label)})
