"""What is known of a camera, and what may be asked of one."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stream_anon.errors import ConfigError
from stream_anon.pipeline.rules import check_redaction
from stream_anon.sources.registry import parse_source
from stream_anon.web.configuration import with_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_anon.config import Settings

SETTINGS = frozenset({"scope", "method", "cells", "color", "edge", "rules", "zones"})
"""Of redaction, those that a camera may have of its own."""
LONGEST_NAME, LONGEST_SOURCE = 60, 2000
_ID = re.compile(r"[0-9a-f]{12}")
_DEVICE = re.compile(r"[0-9]{1,3}|/dev/video[0-9]{1,3}")
"""No other file is opened because a request names it."""


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera, as it is kept. Its repr has no credentials."""

    id: str
    name: str
    source: str = field(repr=False)
    """What the operator wrote, with its credentials."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of redaction, where they differ from those of the control room."""
    is_on: bool = True
    """It is to run."""


def new_id() -> str:
    """An id that no camera has had."""
    return secrets.token_hex(6)


def is_id(text: str) -> bool:
    """Whether it may be the id of a camera."""
    return _ID.fullmatch(text) is not None


def check_name(name: str) -> str:
    """A name for display.

    Raises:
        ConfigError: it is empty, too long or not printable.
    """
    name = name.strip()
    if not (0 < len(name) <= LONGEST_NAME and name.isprintable()):
        raise ConfigError(
            f"the name of a camera has 1 to {LONGEST_NAME} printable characters: choose another"
        )
    return name


def check_source(source: str, settings: Settings) -> str:
    """An address or a webcam; the project's own parser says what is one.

    Raises:
        ConfigError: it is neither.
    """
    source = source.strip()
    if len(source) > LONGEST_SOURCE or not source.isprintable():
        raise ConfigError("the source of a camera is one line: give an address, or a webcam")
    if "://" not in source and not _DEVICE.fullmatch(source):
        raise ConfigError(
            "the source of a camera is an address such as rtsp://camera/stream, or the number or "
            "path of a webcam, such as 0 or /dev/video0"
        )
    parse_source(source, settings=settings.live)
    return source


def label_of(source: str, settings: Settings) -> str:
    """A source for display, without credentials."""
    try:
        return parse_source(source, settings=settings.live).label
    except ConfigError:
        return "a source that is not valid any more"


def settings_of(own: Mapping[str, Any], base: Settings) -> Settings:
    """The settings of a camera's run.

    Args:
        own: of redaction, those that the camera has of its own.
        base: those of the control room.

    Raises:
        ConfigError: an unknown setting, a value out of range, or they contradict each other.
    """
    if unknown := sorted(set(own) - SETTINGS):
        raise ConfigError(
            f"a camera has no setting {unknown[0]}: use {', '.join(sorted(SETTINGS))}"
        )
    settings = with_changes(base, {f"redaction.{name}": value for name, value in own.items()})
    if "rules" in own and any(r.replace_with for r in settings.redaction.rules.values()):
        raise ConfigError("replace_with names a file: set it where the server starts")
    check_redaction(settings)
    return settings
