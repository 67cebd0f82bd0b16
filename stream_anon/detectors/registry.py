"""Registry of detectors, one row each, and of those that other packages provide.

A detector of another package is an entry point of the group `stream_anon.detectors` whose object is
a `Row`. It is loaded only when a scope or a setting asks for what no installed row here can do, and
for `everything`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from stream_anon.detectors import centerface, plates, text
from stream_anon.detectors.labels import (
    BODY_GROUPS,
    CENTERFACE_LABELS,
    FACE_GROUPS,
    PARSED_LABELS,
    PERSON_GROUPS,
    PERSON_LABELS,
    RESERVED,
    SCENE_GROUPS,
    SCENE_LABELS,
)
from stream_anon.detectors.m2fp import loading as m2fp
from stream_anon.detectors.m2fp import store
from stream_anon.detectors.persons import detector as persons
from stream_anon.detectors.weights import store as weights
from stream_anon.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from stream_anon.detectors.base import Detector, Loading

ENTRY_POINTS = "stream_anon.detectors"
Groups = Mapping[str, tuple[frozenset[str], ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One detector: what it sees, and how it is loaded."""

    name: str
    labels: frozenset[str]
    """Every label that it can answer with."""
    load: Callable[[Loading], Detector]
    """Raises `ModelError` where its weights are missing or damaged."""
    groups: Groups = field(default_factory=dict)
    """Scopes that stand for several labels: each set of labels is one way to hide the group."""
    is_fast: bool = True
    """Runs on many frames. A slow one runs on keyframes only, and is pixel-accurate."""
    needs: tuple[str, ...] = ()
    """Detectors that run alongside it."""
    stands_in_for: frozenset[str] = frozenset()
    """Scopes for which another detector that is installed is the better one."""
    adds_to: frozenset[str] = frozenset()
    """Scopes of others for which it runs as well, where it is installed. Of a row of another
    package, this holds for `everything` alone: packages are not loaded for other scopes."""
    is_model: bool = True
    """There is something to load; otherwise the masker itself sees what has its labels."""
    is_installed: Callable[[], bool] = lambda: True
    how_to_get: str = ""
    """Where its weights come from, for the error."""


def _nothing_to_load(_loading: Loading) -> Detector:
    raise ModelError("the scene of a fixed camera is learned by the masker, and not loaded")


BUILT_IN = {
    row.name: row
    for row in (
        Row("centerface", CENTERFACE_LABELS, centerface.load, FACE_GROUPS),
        Row(
            "m2fp",
            PARSED_LABELS,
            m2fp.load,
            BODY_GROUPS,
            is_fast=False,
            needs=("centerface",),
            is_installed=store.is_installed,
            how_to_get=m2fp.HOW_TO_GET,
        ),
        Row(
            "persons",
            PERSON_LABELS,
            persons.load,
            PERSON_GROUPS,
            needs=("centerface",),
            stands_in_for=frozenset({"person", "human", "head"}),
            adds_to=frozenset({"head"}),
            is_installed=partial(weights.is_installed, persons.SET),
            how_to_get=persons.HOW_TO_GET,
        ),
        Row(
            "plates",
            plates.LABELS,
            plates.load,
            is_installed=partial(weights.is_installed, plates.SET),
            how_to_get=plates.HOW_TO_GET,
        ),
        Row(
            "text",
            text.LABELS,
            text.load,
            is_installed=partial(weights.is_installed, text.SET),
            how_to_get=text.HOW_TO_GET,
        ),
        Row(
            "scene",
            SCENE_LABELS,
            _nothing_to_load,
            SCENE_GROUPS,
            needs=("centerface",),
            is_model=False,
        ),
    )
}


@cache
def plugins() -> dict[str, Row]:
    """Rows of other packages.

    Raises:
        ConfigError: one of them cannot be loaded, is not a row, or has a label that is a scope
            with a meaning of its own.
    """
    found: dict[str, Row] = {}
    for point in entry_points(group=ENTRY_POINTS):
        try:
            row = point.load()
        except Exception as error:
            what = type(error).__name__
            raise ConfigError(
                f"the detector {point.name} cannot be loaded ({what}): "
                "reinstall or remove its package"
            ) from error
        if not isinstance(row, Row) or row.name in BUILT_IN:
            raise ConfigError(
                f"the entry point {point.name} of {ENTRY_POINTS} is not a Row with a unique "
                "name: remove its package"
            )
        if taken := sorted(RESERVED & row.labels):
            raise ConfigError(
                f"the detector {row.name} has the label {taken[0]}, which is a scope with a "
                "meaning of its own: remove its package"
            )
        found[row.name] = row
    return found


def rows() -> dict[str, Row]:
    """All of them, by name."""
    return BUILT_IN | plugins()


def find(name: str) -> Row | None:
    """A row by its name; packages of others are asked last."""
    return BUILT_IN.get(name) or plugins().get(name)
