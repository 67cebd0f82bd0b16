"""Every method of hiding: one row each. The tests put each row through one contract suite."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from stream_anon.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_anon.config import Redaction
    from stream_anon.core.frame import Plane
    from stream_anon.redaction.spot import Spot


CHANCE = 3
"""Of 100 people, how many such a recogniser gets right by guessing among the 30 it was tried on."""


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
    crisp: bool = False
    """Whether it draws the part's own outline, with no soft edge around it."""
    check: Callable[[Redaction], None] | None = None
    """Refuses, with a ConfigError, settings that it cannot be used with."""
    known: int = CHANCE
    """Of 100 people behind it, how many a recogniser knows that was trained on pictures hidden in
    the same way; see docs/privacy.md."""


def _late(module: str, name: str) -> Callable[[Spot], Plane]:
    """A function of a module that loads OpenCV: the names of methods need none."""

    def draw(spot: Spot) -> Plane:
        drawn: Plane = getattr(import_module(f"stream_anon.redaction.{module}"), name)(spot)
        return drawn

    return draw


def _check_avatar(settings: Redaction) -> None:
    import_module("stream_anon.redaction.avatar").check_picture(settings)


_blur, _fill = _late("methods", "blur"), _late("methods", "fill")
_avatar, _reading = _late("avatar", "avatar"), partial(_late, "reading")

METHODS: tuple[Method, ...] = (
    Method("blur", "a smooth surface that continues what is around", False, _blur),
    Method("fill", "one colour", False, _fill),
    Method("silhouette", "one colour, in the part's own outline", False, _fill, crisp=True),
    Method("avatar", "a drawn face, or your picture", False, _avatar, check=_check_avatar),
    Method("pixelate", "a few flat cells of what is there", True, _reading("pixelate"), known=13),
    Method("gaussian", "what is there, out of focus", True, _reading("gaussian"), known=91),
    Method("noise", "cells of what is there, with noise", True, _reading("noise"), known=9),
    Method("stylize", "a few shades of it, swirled", True, _reading("stylize"), known=11),
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


def promise(method: Method) -> str:
    """What a method promises, for people, in a few words."""
    if not method.reads_hidden:
        return "reads nothing of what it hides"
    return f"reads what it hides: a recogniser trained on it knows {method.known} of 100 people"
