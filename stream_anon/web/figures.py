"""Figures for Prometheus, in its text format."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

PREFIX = "stream_anon_web_"


class Figure(NamedTuple):
    """One value."""

    name: str
    """Without the prefix; a counter's ends in `_total`."""
    about: str
    value: float
    labels: Mapping[str, str] = {}


class Figures:
    """Counters of the server, and what others have to say. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, tuple[tuple[str, str], ...]], Figure] = {}
        self._sources: list[Callable[[], Iterable[Figure]]] = []

    def add_source(self, source: Callable[[], Iterable[Figure]]) -> None:
        """Ask somebody for figures, each time that somebody collects them."""
        self._sources.append(source)

    def count(self, name: str, about: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = name, tuple(sorted(labels.items()))
        with self._lock:
            before = self._counts.get(key)
            total = amount + (before.value if before else 0)
            self._counts[key] = Figure(name, about, total, labels)

    def text(self) -> str:
        """All of them."""
        with self._lock:
            figures = list(self._counts.values())
        for source in self._sources:
            figures += source()
        lines, seen = [], set()
        for figure in sorted(figures, key=lambda figure: figure.name):
            if figure.name not in seen:
                seen.add(figure.name)
                kind = "counter" if figure.name.endswith("_total") else "gauge"
                lines.append(f"# HELP {PREFIX}{figure.name} {figure.about}")
                lines.append(f"# TYPE {PREFIX}{figure.name} {kind}")
            lines.append(f"{PREFIX}{figure.name}{_labels(figure.labels)} {figure.value:g}")
        return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
