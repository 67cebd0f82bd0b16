"""Polygons, as the corners of their outline in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def polygon_area(points: Sequence[tuple[float, float]]) -> float:
    """Area that a polygon encloses."""
    after = [*points[1:], *points[:1]]
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(points, after, strict=True))) / 2


def crosses_itself(points: Sequence[tuple[float, float]]) -> bool:
    """Whether two sides of a polygon cross."""
    sides = list(zip(points, [*points[1:], *points[:1]], strict=True))
    return any(_cross(*a, *b) for n, a in enumerate(sides) for b in sides[n + 2 :])


def _cross(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]
) -> bool:
    def turn(p: tuple[float, float], q: tuple[float, float], r: tuple[float, float]) -> float:
        return (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])

    return turn(a, b, c) * turn(a, b, d) < 0 and turn(c, d, a) * turn(c, d, b) < 0
