"""Runtime controls of a live run: keys in the preview, and reload by SIGHUP."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stream_anon.core.stream_log import stream_logger
from stream_anon.detectors.scopes import resolve_scope
from stream_anon.errors import ConfigError, StreamAnonError
from stream_anon.pipeline.rules import rules_by_label, warn_of_reading
from stream_anon.redaction.registry import method_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_anon.config import Redaction
    from stream_anon.core.redacted import MaskedFrame
    from stream_anon.detectors.registry import Row

log = stream_logger(__name__)

SCOPES = ("face", "head", "person")
MOST_CELLS = 4


@dataclass(frozen=True, slots=True)
class Choice:
    """The settings in force. Replaced as a whole, so that no reader sees half of a change."""

    redaction: Redaction
    hidden: frozenset[str]
    """Labels to hide."""
    rules: Mapping[str, Redaction]
    """How to hide some of them instead."""
    outlines: bool = False
    """The preview shows where masks are; debug runs only."""
    raw: bool = False
    """The preview shows the picture without redaction; debug runs only."""


@dataclass(frozen=True, slots=True)
class ChosenFrame:
    """A masked frame with the choice that its masks were made for, which its redaction follows.

    The methods of one choice within the masks of another could hide less than either.
    """

    masked: MaskedFrame
    choice: Choice


class Controls:
    """Any thread may read `choice` and call anything. There is no switch for redaction itself."""

    def __init__(self, redaction: Redaction, detectors: Sequence[Row], *, debug: bool) -> None:
        """Begin with the settings of the run.

        Args:
            redaction: the settings.
            detectors: of the run.
            debug: allow what only debug runs may.

        Raises:
            ConfigError: the detectors cannot see what is to be hidden, or there is no such method.
        """
        self._detectors, self._debug = detectors, debug
        self._lock = threading.Lock()
        self._configured = _named(redaction)
        hidden = resolve_scope(redaction.scope, detectors)
        self.choice = Choice(redaction, hidden, rules_by_label(redaction, hidden, detectors))

    def reload(self, redaction: Redaction) -> None:
        """Take other settings over.

        Raises:
            ConfigError: as at the beginning; nothing has changed then.
        """
        self._take(redaction, all_hidden=True)

    def _take(self, redaction: Redaction, *, all_hidden: bool) -> None:
        detectors = self._detectors
        hidden = resolve_scope(redaction.scope, detectors)
        rules = rules_by_label(redaction, hidden, detectors, all_hidden=all_hidden)
        with self._lock:
            self.choice = replace(self.choice, redaction=redaction, hidden=hidden, rules=rules)
        warn_of_reading(redaction, rules)
        log.warning(
            "from now on: hiding %s with %s, %d cells across%s",
            *(_named(redaction), redaction.method, redaction.cells, _rules_named(redaction)),
        )

    def show_raw(self, *, on: bool) -> None:
        """Make debug views without redaction, or none.

        Raises:
            ConfigError: this is not a debug run.
        """
        if on and not self._debug:
            raise ConfigError("raw pictures are for debug runs: start with --mode debug")
        with self._lock:
            self.choice = replace(self.choice, raw=on)
        log.warning("debug: raw pictures %s", "on" if on else "off")

    def press(self, key: str) -> None:
        """Do what a key in the preview stands for; unknown keys do nothing."""
        redaction = self.choice.redaction
        if key == "m":
            self._change(method=_after(method_names(), redaction.method))
        elif key == "s":
            self._change(scope=_after(self._scopes(), _named(redaction)))
        elif key in ("+", "-"):  # fewer cells hide more
            cells = redaction.cells + (1 if key == "-" else -1)
            self._change(cells=min(MOST_CELLS, max(1, cells)))
        elif key in ("d", "r"):
            self._toggle("outlines" if key == "d" else "raw")

    def _change(self, **values: object) -> None:
        redaction = self.choice.redaction.model_copy(update=values)
        if redaction == self.choice.redaction:
            return
        try:
            self._take(redaction, all_hidden=False)  # rules wait for their scope to come around
        except StreamAnonError as error:
            log.warning("%s", error)

    def _toggle(self, what: str) -> None:
        if not self._debug:
            log.warning("the key for %s does nothing: this is not a debug run", what)
            return
        with self._lock:
            shown = not getattr(self.choice, what)
            self.choice = replace(
                self.choice,
                outlines=shown if what == "outlines" else self.choice.outlines,
                raw=shown if what == "raw" else self.choice.raw,
            )
        log.warning("debug: %s in the preview %s", what, "on" if shown else "off")

    def _scopes(self) -> list[str]:
        """Those that the detectors can see, and the one that the run began with."""
        able = [] if self._configured in SCOPES else [self._configured]
        for scope in SCOPES:
            try:
                resolve_scope(scope, self._detectors)
            except StreamAnonError:
                continue
            able.append(scope)
        return able


def _named(redaction: Redaction) -> str:
    scope = redaction.scope
    return scope if isinstance(scope, str) else ",".join(scope)


def _rules_named(redaction: Redaction) -> str:
    """The rules and zones, for a log line: `; face with fill; zone door hidden with fill`."""
    rules = (f"; {name} with {redaction.by(rule).method}" for name, rule in redaction.rules.items())
    zones = (
        f"; zone {zone.name} hidden with {zone.method or redaction.method}"
        if zone.mode == "hide"
        else f"; zone {zone.name} ignored"
        for zone in redaction.zones
    )
    return "".join((*rules, *zones))


def _after(choices: Sequence[str], now: str) -> str:
    """The next one, in a circle."""
    at = choices.index(now) if now in choices else -1
    return choices[(at + 1) % len(choices)]
