"""Every method of hiding: one row each. The tests put each row through one contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.core.frame import Plane
    from stream_anon.redaction.spot import Spot


@dataclass(frozen=True, slots=True)
class Method:
    """One way to hide a part."""

    name: str
    help: str
    """What it looks like, in a few words."""
    reads_hidden: bool
    """Whether the pixels that are hidden have any influence on what is drawn over them."""
    draw: Callable[[Spot], Plane]
    """What to show in place of a spot, of its size and in memory of its own. A pure function; the
    redactor blends the result by the spot's opacity."""


def _late(name: str) -> Callable[[Spot], Plane]:
    """A function of `redaction.methods`, which loads OpenCV: the names of methods need none."""

    def draw(spot: Spot) -> Plane:
        drawn: Plane = getattr(import_module("stream_anon.redaction.methods"), name)(spot)
        return drawn

    return draw


METHODS: tuple[Method, ...] = (
    Method("blur", "a few cells, drawn smooth", True, _late("blur")),
    Method("pixelate", "a few flat cells", True, _late("pixelate")),
    Method("fill", "one colour", False, _late("fill")),
)


def method_names() -> tuple[str, ...]:
    """The names of all methods, in the order of the registry."""
    return tuple(method.name for method in METHODS)


def method_named(name: str, setting: str = "redaction.method") -> Method:
    """The method of that name.

    Args:
        name: as in the settings.
        setting: where it was asked for, for the message.

    Raises:
        ConfigError: there is none.
    """
    for method in METHODS:
        if method.name == name:
            return method
    known = method_names()
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"setting {setting} is {name!r}: {hint}known methods are {', '.join(known)}")
